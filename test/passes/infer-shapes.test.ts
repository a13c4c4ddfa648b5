import { existsSync, readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BnnqError } from '../../src/errors.ts';
import { readOnnx } from '../../src/formats/onnx/read.ts';
import { readTensorProto, type StoredTensor } from '../../src/formats/onnx/stored-tensor.ts';
import { wholeOf } from '../../src/formats/onnx/wire.ts';
import { readModel } from '../../src/formats/read-model.ts';
import type { Model, Value } from '../../src/ir/graph.ts';
import { countMacs } from '../../src/passes/count-macs.ts';
import { inferShapes, singleSampleShapes } from '../../src/passes/infer-shapes.ts';
import { bytesOf, modelBytes, type NodeFields, value } from '../formats/onnx-bytes.ts';
import { sharedData } from '../shared-data.ts';

const models = sharedData('models');
const nodeTests = sharedData('onnx-node-tests');

function tensorIn(path: string): StoredTensor {
  const bytes = new Uint8Array(readFileSync(path));
  const none = () => {
    throw new Error('external data');
  };
  const context = { problems: [], external: none, tensors: [], cuts: new Map() };
  const tensor = readTensorProto(wholeOf(bytes), context, () => 'a tensor');
  expect(context.problems).toEqual([]);
  return tensor;
}

/**
 * A conformance model with its inputs as constants: shapes, axes and sizes are inputs there. Undefined where it takes or
 * gives sequences.
 */
function withConstants(
  folder: string,
): { model: Model; outputs: Map<string, readonly number[]> } | undefined {
  const model = readOnnx(new Uint8Array(readFileSync(`${folder}/model.onnx`)));
  if ([...model.graph.inputs, ...model.graph.outputs].some(({ dtype }) => dtype === undefined))
    return undefined;
  const initializers = new Map(model.graph.initializers);
  const outputs = new Map<string, readonly number[]>();
  model.graph.inputs.forEach(({ name }, i) => {
    initializers.set(name, { ...tensorIn(`${folder}/test_data_set_0/input_${i}.pb`), name });
  });
  model.graph.outputs.forEach(({ name }, i) => {
    outputs.set(name, tensorIn(`${folder}/test_data_set_0/output_${i}.pb`).shape);
  });
  const undeclared = model.graph.outputs.map(({ name }) => ({ name }));
  const graph = { ...model.graph, inputs: [], initializers, outputs: undeclared, valueInfo: new Map() };
  return { model: { ...model, graph }, outputs };
}

/** Operators that must be told in every conformance test; without those whose output shape depends on the data. */
const COMPLETE =
  'Conv ConvTranspose MaxPool AveragePool LpPool GlobalAveragePool GlobalMaxPool Gemm MatMul Add Sub Mul Div Pow Mod Min Max Sum Mean ' +
  'Relu Sigmoid Softmax BatchNormalization Clip Sign Where Equal Greater Less And Not Cast Reshape Flatten Transpose Squeeze ' +
  'Unsqueeze Concat Split Slice Gather GatherElements GatherND Expand Tile Pad Shape Size ConstantOfShape Range ReduceSum ' +
  'ReduceMean ReduceMax ReduceMin ReduceProd ReduceL2 ArgMax ArgMin TopK OneHot DepthToSpace SpaceToDepth EyeLike Identity Dropout Upsample ' +
  'RNN GRU LSTM Attention FlexAttention LinearAttention CausalConvWithState RotaryEmbedding SwiGLU';

describe.skipIf(!nodeTests)('shape inference on the ONNX conformance tests (needs ../shared/data)', () => {
  it('never says a shape that is not that of the expected output, and says it for all operators of real networks', () => {
    const wrong: string[] = [];
    const untold: string[] = [];
    let told = 0;
    const complete = new Set(COMPLETE.split(' '));
    for (const name of readdirSync(nodeTests!)) {
      const folder = `${nodeTests}/${name}`;
      const tensors = existsSync(`${folder}/model.onnx`) ? withConstants(folder) : undefined;
      if (tensors === undefined) continue;
      const { model, outputs } = tensors;
      const values = inferShapes(model);
      const operator = model.graph.nodes.at(-1)?.opType ?? '';
      for (const [output, actual] of outputs) {
        const shape = values.get(output)?.shape;
        const full = shape?.every((dim) => typeof dim === 'number') ?? false;
        if (full) told++;
        else if (complete.has(operator) && !name.endsWith('_expanded'))
          untold.push(`${name}: ${operator} ${JSON.stringify(shape)}, is [${actual}]`);
        const fits =
          shape?.length === actual.length &&
          shape.every((dim, i) => typeof dim !== 'number' || dim === actual[i]);
        if (shape !== undefined && !fits) wrong.push(`${name}: ${JSON.stringify(shape)}, is [${actual}]`);
      }
    }
    expect(wrong).toEqual([]);
    expect(untold).toEqual([]);
    expect(told).toBeGreaterThan(1000);
  });
});

describe.skipIf(!models)('shape inference on trained models (needs ../shared/data)', () => {
  /** Output shapes for one sample, and multiplications as the literature or the layer sizes say. */
  const CASES: [string, number[][], number][] = [
    ['cifar10_resnet20', [[1, 10]], 40_551_040],
    ['squeezenet1.1_imagenet', [[1, 1000]], 349_151_936],
    ['mobilenet_v2_1.0_224_bn_float_hybrid', [[1, 1001]], 300_775_552],
    ['SqueezeNet_fp16', [[1, 1000, 1, 1]], 349_151_936],
    ['winml_mnist', [[1, 10]], 0],
    [
      'ultraface_version-slim-320',
      [
        [1, 4420, 2],
        [1, 4420, 4],
      ],
      0,
    ],
    ['TFC_1W1A', [[1, 10]], 0],
    ['tfc_w1a1_multithreshold', [[1, 1]], 0],
  ];
  it.each(CASES)('%s: every value is told', async (name, outputs, macs) => {
    const model = await readModel(`${models}/${name}.onnx`);
    const values = inferShapes(model, singleSampleShapes(model));
    const untold = model.graph.nodes
      .flatMap((node) => node.outputs)
      .filter((output) => !values.get(output)?.shape?.every((dim) => typeof dim === 'number'));
    expect(untold).toEqual([]);
    expect(model.graph.outputs.map((output) => values.get(output.name)?.shape)).toEqual(outputs);
    const total = [...countMacs(model, values).values()].reduce((sum, count) => sum + count, 0);
    if (macs > 0) expect(total).toBe(macs);
    else expect(total).toBeGreaterThan(0);
  });

  it('of a size that the caller names: the text detector at 320 × 320', async () => {
    const model = await readModel(`${models}/ch_PP-OCRv4_det_infer.onnx`);
    const values = inferShapes(model, new Map([['x', [1, 3, 320, 320]]]));
    expect(values.get(model.graph.outputs[0].name)?.shape).toEqual([1, 1, 320, 320]);
  });

  it('keeps the symbol of an open batch through the network', async () => {
    const model = await readModel(`${models}/cifar10_resnet20.onnx`);
    expect(inferShapes(model).get(model.graph.outputs[0].name)?.shape).toEqual(['N', 10]);
  });
});

/** Shape and content of "y" for some nodes on x [N,3,H,W]. */
function inferred(
  node: NodeFields[],
  initializer: object[] = [],
  given?: ReadonlyMap<string, number[]>,
): Value {
  const bytes = modelBytes({
    input: [value('x', ['N', 3, 'H', 8])],
    output: [{ name: 'y' }],
    node,
    initializer: initializer as never,
  });
  return inferShapes(readOnnx(bytes), given).get('y')!;
}

const ints = (name: string, ...values: number[]) => ({
  name,
  dims: [values.length],
  dataType: 7,
  rawData: bytesOf(BigInt64Array.from(values, BigInt)),
});

describe('shape inference', () => {
  it('follows shapes that the graph computes: flattening by Shape, Gather, Concat and Reshape', () => {
    const nodes = [
      { opType: 'Shape', input: ['x'], output: ['s'] },
      { opType: 'Gather', input: ['s', 'zero'], output: ['n'] },
      { opType: 'Concat', input: ['n', 'rest'], output: ['t'], attribute: [{ name: 'axis', type: 2, i: 0 }] },
      { opType: 'Reshape', input: ['x', 't'], output: ['y'] },
    ];
    expect(inferred(nodes, [ints('zero', 0), ints('rest', 24, -1)]).shape).toEqual(['N', 24, 'H']);
    expect(inferred(nodes, [ints('zero', 0), ints('rest', 12, -1)]).shape).toEqual(['N', 12, null]);
    const given = new Map([['x', [2, 3, 5, 8]]]);
    expect(inferred(nodes, [ints('zero', 0), ints('rest', 24, -1)], given).shape).toEqual([2, 24, 5]);
  });

  it('cancels symbols when it works out what -1 stands for', () => {
    const nodes = [{ opType: 'Reshape', input: ['x', 't'], output: ['y'] }];
    expect(inferred(nodes, [ints('t', 0, 3, -1, 8)]).shape).toEqual(['N', 3, 'H', 8]);
  });

  it('computes sizes for Resize through float arithmetic, as exporters do', () => {
    const nodes = [
      { opType: 'Shape', input: ['x'], output: ['s'] },
      { opType: 'Cast', input: ['s'], output: ['f'], attribute: [{ name: 'to', type: 2, i: 1 }] },
      { opType: 'Mul', input: ['f', 'factors'], output: ['m'] },
      { opType: 'Floor', input: ['m'], output: ['r'] },
      { opType: 'Cast', input: ['r'], output: ['t'], attribute: [{ name: 'to', type: 2, i: 7 }] },
      { opType: 'Resize', input: ['x', '', '', 't'], output: ['y'] },
    ];
    const factors = { name: 'factors', dims: [4], dataType: 1, floatData: [1, 1, 2.5, 2.5] };
    expect(inferred(nodes, [factors], new Map([['x', [1, 3, 5, 8]]])).shape).toEqual([1, 3, 12, 20]);
    expect(inferred(nodes, [factors]).shape).toEqual(['N', 3, null, 20]);
  });

  it('gives what the file declares for operators that it does not know, and nothing where that is nothing', () => {
    const nodes = [
      { opType: 'Mystery', domain: 'my', input: ['x'], output: ['a', 'b'] },
      { opType: 'Relu', input: ['a'], output: ['y'] },
    ];
    expect(inferred(nodes)).toEqual({ name: 'y' });
    const bytes = modelBytes({
      node: nodes,
      input: [value('x', ['N', 4])],
      valueInfo: [value('a', ['N', 7])],
    });
    const values = inferShapes(readOnnx(bytes), new Map([['x', [5, 4]]]));
    expect(values.get('y')).toEqual({ name: 'y', dtype: 'FLOAT', shape: [5, 7] });
    expect(values.get('b')).toEqual({ name: 'b' });
  });

  it.each(['Reshape', 'ConstantOfShape'])('follows no rank that no tensor has: %s', (opType) => {
    const input = opType === 'Reshape' ? ['x', 's'] : ['s'];
    for (const rank of [2 ** 40, 2 ** 31, 65]) {
      const bytes = modelBytes({
        input: [value('x', [4]), value('s', [rank])],
        output: [{ name: 'y' }],
        node: [{ opType, input, output: ['y'] }],
      });
      expect(inferShapes(readOnnx(bytes)).get('y')!.shape).toBeUndefined();
    }
  });

  it('never fails, whatever the attributes and inputs', () => {
    const operators =
      'Conv ConvTranspose MaxPool Gemm MatMul Add Where Cast Reshape Flatten Transpose Squeeze Unsqueeze Concat Split Slice Gather ' +
      'GatherND Expand Tile Pad Shape ConstantOfShape Range ReduceProd ArgMax TopK OneHot Resize Upsample DepthToSpace EyeLike NonZero ' +
      'RNN GRU LSTM Attention LinearAttention CausalConvWithState';
    const list = fc.array(fc.integer({ min: -9, max: 9 }), { maxLength: 5 });
    const names =
      'axis axes perm pads kernel_shape strides dilations split starts ends keepdims group blocksize to scales allowzero hidden_size layout q_num_heads kv_num_heads';
    const attribute = fc.oneof(
      fc.record({ name: fc.constantFrom(...names.split(' ')), type: fc.constant(7), ints: list }),
      fc.record({
        name: fc.constantFrom(...names.split(' ')),
        type: fc.constant(2),
        i: fc.integer({ min: -9, max: 9 }),
      }),
    );
    const node = fc.record({
      opType: fc.constantFrom(...operators.split(' ')),
      input: fc.array(fc.constantFrom('x', 'a', 'b', 'c', ''), { maxLength: 5 }),
      attribute: fc.uniqueArray(attribute, { maxLength: 4, selector: ({ name }) => name }),
    });
    const property = fc.property(
      node,
      list,
      list,
      fc.constantFrom(7, 13, 18),
      ({ opType, input, attribute }, a, b, version) => {
        const bytes = modelBytes(
          {
            input: [value('x', ['N', 3, 4, 5])],
            node: [{ opType, input, attribute, output: ['y', 'z'] }],
            initializer: [
              ints('a', ...a),
              ints('b', ...b),
              { name: 'c', dims: [2, 3], dataType: 1, floatData: [1, 2, 3, 4, 5, 6] },
            ],
          },
          { opsetImport: [{ domain: '', version }] },
        );
        try {
          const model = readOnnx(bytes);
          countMacs(model, inferShapes(model, new Map([['x', [2, 3, 4, 5]]])));
        } catch (error) {
          if (!(error instanceof BnnqError)) throw error;
          expect(error.code).toBe('malformed'); // from the reader
        }
      },
    );
    fc.assert(property, { numRuns: 5000, seed: 5 });
  });
});

describe('counting multiplications', () => {
  const macs = (nodes: NodeFields[], weight: number[], input: (number | string)[] = [2, 8, 10, 10]) => {
    const size = weight.reduce((a, b) => a * b);
    const initializer = [{ name: 'w', dims: weight, dataType: 1, rawData: new Uint8Array(4 * size) }];
    const model = readOnnx(
      modelBytes({ input: [value('x', input)], node: nodes, initializer, output: [{ name: 'y' }] }),
    );
    return [...countMacs(model, inferShapes(model)).values()];
  };
  const attribute = (name: string, i: number) => ({ name, type: 2, i });

  it('counts groups, transposed convolutions and matrix products', () => {
    const io = { input: ['x', 'w'], output: ['y'] };
    expect(macs([{ opType: 'Conv', ...io }], [16, 8, 3, 3])).toEqual([2 * 16 * 8 * 8 * 72]);
    expect(macs([{ opType: 'Conv', ...io, attribute: [attribute('group', 8)] }], [8, 1, 3, 3])).toEqual([
      2 * 8 * 8 * 8 * 9,
    ]);
    expect(macs([{ opType: 'ConvTranspose', ...io }], [8, 4, 3, 3])).toEqual([2 * 8 * 100 * 4 * 9]);
    expect(macs([{ opType: 'Gemm', ...io }], [5, 7], [3, 5])).toEqual([3 * 5 * 7]);
    expect(macs([{ opType: 'Gemm', ...io, attribute: [attribute('transA', 1)] }], [5, 7], [5, 3])).toEqual([
      3 * 5 * 7,
    ]);
    expect(macs([{ opType: 'MatMul', ...io }], [5, 7], [4, 3, 5])).toEqual([4 * 3 * 5 * 7]);
  });

  it('counts products of integers and sums of products as those of floats', () => {
    const integers = { input: ['x', 'w'], output: ['y'] };
    const coded = { input: ['x', '', '', 'w', '', '', '', ''], output: ['y'] };
    for (const node of [
      { opType: 'ConvInteger', ...integers },
      { opType: 'QLinearConv', ...coded },
    ])
      expect(macs([node], [16, 8, 3, 3])).toEqual([2 * 16 * 8 * 8 * 72]);
    for (const node of [
      { opType: 'MatMulInteger', ...integers },
      { opType: 'QLinearMatMul', ...coded },
    ])
      expect(macs([node], [5, 7], [4, 3, 5])).toEqual([4 * 3 * 5 * 7]);
    const equation = { name: 'equation', type: 3, s: Buffer.from('...ij,jk->...ik') };
    expect(macs([{ opType: 'Einsum', ...integers, attribute: [equation] }], [5, 7], [4, 3, 5])).toEqual([
      4 * 3 * 5 * 7,
    ]);
  });

  it('counts what a recurrent layer does at every step, and attention between all places', () => {
    const gates = { opType: 'LSTM', input: ['x', 'w', 'w'], output: ['', 'y'] };
    expect(macs([gates], [2, 4 * 7, 5], [3, 6, 5])).toEqual([3 * 6 * 2 * 4 * 7 * (5 + 7)]);
    const attention = { opType: 'Attention', input: ['x', 'w', 'w'], output: ['y'] };
    expect(macs([attention], [1, 2, 9, 8], [1, 2, 5, 8])).toEqual([2 * 2 * 5 * 9 * 8]);
  });

  it('leaves out what it cannot tell', () => {
    expect(macs([{ opType: 'Gemm', input: ['x', 'w'], output: ['y'] }], [5, 7], ['N', 5])).toEqual([]);
    expect(macs([{ opType: 'Relu', input: ['x'], output: ['y'] }], [1], [1])).toEqual([]);
  });
});
