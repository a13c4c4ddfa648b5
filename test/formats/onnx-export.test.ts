import fc from 'fast-check';
import onnxProto from 'onnx-proto';
import { describe, expect, it } from 'vitest';
import { openBatches } from '../../src/eval/calibration/batches.ts';
import { type ExportOptions, exportModel } from '../../src/eval/export-model.ts';
import { readOnnx } from '../../src/formats/onnx/read.ts';
import { encodePacked } from '../../src/formats/packed/write.ts';
import { readModel } from '../../src/formats/read-model.ts';
import type { Model } from '../../src/ir/graph.ts';
import { quantizedInitializer } from '../../src/ir/quantized-initializer.ts';
import { quantizeModel } from '../../src/quantizers/quantize-model.ts';
import { SCHEMES } from '../../src/quantizers/registry.ts';
import { createSession } from '../../src/runtime/session.ts';
import { widen } from '../../src/runtime/widen.ts';
import { numberToFloat16 } from '../../src/tensor/float16.ts';
import { floats, sizeOf, type Tensor } from '../../src/tensor/tensor.ts';
import { buildModel, nodeOf, type ShortNode } from '../runtime/build-model.ts';
import { runOnnxRuntime } from '../runtime/onnxruntime.ts';
import { randomFloats } from '../runtime/random.ts';
import { sharedData } from '../shared-data.ts';
import { readAsForeign } from './exported-bytes.ts';
import { quantizeNaively } from './naive-quantize.ts';
import { bytesOf, modelBytes, value } from './onnx-bytes.ts';
import { modelOfWeights, sampleWeight, WEIGHTS } from './quantized-samples.ts';

const X: Tensor = floats([1], [1]);

describe('a weight of few bits in a standard ONNX file', () => {
  it('is in onnxruntime the very floats that it stands for: rules, bits, granularities, layouts, types, operator sets', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(WEIGHTS, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 11, max: 24 }),
        async (samples, opset) => {
          const weights = samples.map(sampleWeight);
          const bytes = exportModel(modelOfWeights(weights, opset), { to: 'onnx' });
          const results = await runOnnxRuntime(bytes, { x: X });
          weights.forEach((q, i) => {
            const actual = results.get(`y${i}`)!;
            const expected = quantizedInitializer('', q).read();
            expect(actual.shape).toEqual(expected.shape);
            const same = Buffer.compare(
              bytesOf(actual.data as Float32Array),
              bytesOf(expected.data as Float32Array),
            );
            expect(same, JSON.stringify(samples[i])).toBe(0);
          });
        },
      ),
      { numRuns: 40 },
    );
  });

  it('takes its bits on disk, and what unpacks it is there once for each kind of weight', () => {
    const sample = { rule: 'linear', bits: 3, granularity: 'channel', dtype: 'FLOAT' } as const;
    const layout = { split: [8, 100], perm: [0, 1], rowAxes: 1 };
    const sizes = [1, 2, 3].map((count) => {
      const weights = Array.from({ length: count }, (_, seed) =>
        sampleWeight({ ...sample, shape: [8, 100], layout, seed: seed + 1 }),
      );
      return exportModel(modelOfWeights(weights), { to: 'onnx' }).length;
    });
    const nodes = 120; // names, shapes and the Identity of the test
    expect(sizes[1]! - sizes[0]!).toBeLessThan((3 * 800) / 8 + 8 * 4 + 2 * nodes);
    expect(sizes[2]! - sizes[1]!).toBe(sizes[1]! - sizes[0]!);
  });

  it('is written as its levels with flavor "float", without functions', () => {
    const q = sampleWeight({
      ...{ rule: 'geometric', bits: 3, granularity: 'tensor', dtype: 'FLOAT', seed: 1 },
      ...{ shape: [4, 5], layout: { split: [4, 5], perm: [0, 1], rowAxes: 1 } },
    });
    const model = readOnnx(exportModel(modelOfWeights([q]), { to: 'onnx', flavor: 'float' }));
    expect(model.functions).toEqual([]);
    expect(model.graph.initializers.get('w0')!.read().data).toEqual(quantizedInitializer('', q).read().data);
  });
});

describe('weights of equal steps as integers', () => {
  /** Kinds of initializers of an exported file, by the name of the weight: what each takes on disk. */
  const typesOf = (bytes: Uint8Array): (string | undefined)[] =>
    readAsForeign(bytes).graph.nodes.flatMap(({ opType, inputs }) =>
      opType === 'DequantizeLinear' ? [readAsForeign(bytes).graph.initializers.get(inputs[0]!)?.dtype] : [],
    );
  const sample = { granularity: 'channel', dtype: 'FLOAT', seed: 1, shape: [6, 8] } as const;
  const layout = { split: [6, 8], perm: [0, 1], rowAxes: 1 };
  const kinds = (['linear', 'linear-zero', 'affine', 'geometric'] as const).flatMap((rule) =>
    [2, 3, 4, 8].map((bits) => sampleWeight({ ...sample, layout, rule, bits })),
  );

  it('are in onnxruntime the very floats that they stand for', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(WEIGHTS, { minLength: 1, maxLength: 12 }),
        fc.constantFrom(13, 21, 25),
        async (samples, opset) => {
          const rules = ['linear', 'linear-zero', 'affine'] as const;
          const weights = samples.map((one, i) =>
            sampleWeight({ ...one, rule: rules[i % 3]!, bits: [2, 4, 8][one.bits % 3]! }),
          );
          const bytes = exportModel(modelOfWeights(weights, 13), { to: 'onnx', opset });
          const results = await runOnnxRuntime(bytes, { x: X });
          weights.forEach((q, i) => {
            const expected = quantizedInitializer('', q).read();
            const actual = results.get(`y${i}`)!;
            expect(actual.shape).toEqual(expected.shape);
            const same = Buffer.compare(
              bytesOf(actual.data as Float32Array),
              bytesOf(expected.data as Float32Array),
            );
            expect(same, JSON.stringify({ ...samples[i], rule: q.rule, bits: q.bits })).toBe(0);
          });
        },
      ),
      { numRuns: 40 },
    );
  });

  it('are INT8 and UINT8 from set 13 on, of 4 bits from 21, of 2 bits from 25; all others are planes', () => {
    const at = (opset: number) => typesOf(exportModel(modelOfWeights(kinds, 13), { to: 'onnx', opset }));
    expect(at(13)).toEqual(['INT8', 'INT8', 'UINT8']);
    expect(at(21)).toEqual(['INT4', 'INT8', 'INT4', 'INT8', 'UINT4', 'UINT8']);
    const rules = ['INT2', 'INT4', 'INT8'];
    expect(at(25)).toEqual([...rules, ...rules, 'UINT2', 'UINT4', 'UINT8']);
    const { graph, opsets, irVersion } = readAsForeign(
      exportModel(modelOfWeights(kinds, 13), { to: 'onnx', opset: 25 }),
    );
    expect([...graph.initializers.values()].filter(({ quantized }) => quantized)).toHaveLength(7);
    expect([opsets.get(''), irVersion]).toEqual([25, 13]);
  });

  it('lie in the shape of the weight, with scales along the axis of the output channels', () => {
    const q = sampleWeight({
      ...{ ...sample, rule: 'linear-zero', bits: 4 },
      layout: { split: [6, 8], perm: [1, 0], rowAxes: 1 },
    });
    const { graph } = readAsForeign(exportModel(modelOfWeights([q], 21), { to: 'onnx', flavor: 'integer' }));
    const node = graph.nodes.find(({ opType }) => opType === 'DequantizeLinear')!;
    expect(node.outputs).toEqual(['w0']);
    expect(node.attributes.get('axis')!.value).toBe(1);
    expect(node.inputs.map((name) => graph.initializers.get(name)!.shape)).toEqual([[6, 8], [8]]);
  });
});

describe('products of matrices by MatMulNBits of onnxruntime', () => {
  const [K, N] = [64, 6];
  const transposed = { shape: [N, K], layout: { split: [N, K], perm: [0, 1], rowAxes: 1 } };
  const plain = { shape: [K, N], layout: { split: [K, N], perm: [1, 0], rowAxes: 1 } };
  const x = floats([3, K], randomFloats(3 * K, 3));
  const modelBy = (node: ShortNode, weight: ReturnType<typeof sampleWeight>): Model =>
    buildModel({
      opset: 17,
      inputs: { x: ['FLOAT', [3, K]] },
      outputs: ['y'],
      constants: { w: quantizedInitializer('w', weight), b: floats([N], randomFloats(N, 9)) },
      nodes: [node],
    });
  const matmul: ShortNode = { op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] };
  const gemm: ShortNode = { op: 'Gemm', inputs: ['x', 'w', 'b'], outputs: ['y'], attributes: { transB: 1 } };

  it('give our results: rules, widths, groups, MatMul and Gemm with a bias', async () => {
    const nodes = [
      [matmul, plain],
      [gemm, transposed],
    ] as const;
    for (const [node, place] of nodes)
      for (const rule of ['linear', 'linear-zero', 'affine'] as const)
        for (const bits of [2, 4, 8])
          for (const granularity of ['group:16', 'group:32', 'channel'] as const) {
            const sample = { rule, bits, granularity, dtype: 'FLOAT', seed: bits, ...place } as const;
            const model = modelBy(node, sampleWeight(sample));
            const bytes = exportModel(model, { to: 'onnx', flavor: 'msft' });
            const operators = readAsForeign(bytes).graph.nodes.map(({ opType }) => opType);
            const isProduct = rule !== 'linear' || bits !== 8;
            expect(operators.includes('MatMulNBits'), JSON.stringify(sample)).toBe(isProduct);
            const session = createSession(model);
            const expected = session.run({ x }).get('y')!.data as Float32Array;
            session.dispose();
            const actual = (await runOnnxRuntime(bytes, { x })).get('y')!.data as Float32Array;
            const scale = expected.reduce((max, v) => Math.max(max, Math.abs(v)), 0);
            expected.forEach((v, i) => {
              expect(Math.abs(v - actual[i]!) / scale, JSON.stringify(sample)).toBeLessThan(1e-5);
            });
          }
  });

  it('take the bits of their codes and a scale for each block on disk', () => {
    const sample = { bits: 4, granularity: 'group:32', dtype: 'FLOAT', seed: 1, ...plain } as const;
    for (const rule of ['linear', 'linear-zero'] as const) {
      const bytes = exportModel(modelBy(matmul, sampleWeight({ ...sample, rule })), {
        ...{ to: 'onnx', flavor: 'msft' },
      });
      const { initializers } = readAsForeign(bytes).graph;
      const size = [...initializers.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
      expect(size).toBe((K * N) / 2 + 4 * 2 * N + 4 * N + (rule === 'linear' ? 16 : 0));
    }
  });

  it('are not made of what the operator cannot say: other rules and widths, groups of 5, a scaled Gemm, a second reader', () => {
    const sample = { rule: 'linear', bits: 4, granularity: 'group:32', dtype: 'FLOAT', seed: 1 } as const;
    const kept = [
      modelBy(matmul, sampleWeight({ ...sample, ...plain, bits: 3 })),
      modelBy(matmul, sampleWeight({ ...sample, ...plain, rule: 'geometric' })),
      modelBy(matmul, sampleWeight({ ...sample, ...plain, granularity: 'group:5' })),
      modelBy(
        { ...gemm, attributes: { transB: 1, alpha: { float: 2 } } },
        sampleWeight({ ...sample, ...transposed }),
      ),
      modelBy({ ...matmul, inputs: ['w', 'w'] }, sampleWeight({ ...sample, ...plain })),
    ];
    for (const model of kept) {
      const back = readOnnx(exportModel(model, { to: 'onnx', flavor: 'msft' }));
      expect(back.graph.nodes).toHaveLength(1);
      expect(back.graph.initializers.get('w')!.quantized).toBeDefined();
    }
  });
});

describe('the operator set that a file declares', () => {
  const weight = sampleWeight({
    ...{ rule: 'linear', bits: 3, granularity: 'channel', dtype: 'FLOAT', seed: 1, shape: [4, 4] },
    layout: { split: [4, 4], perm: [0, 1], rowAxes: 1 },
  });
  const withNode = (node: ShortNode, opset: number): Model => {
    const model = modelOfWeights([weight], opset);
    const graph = { ...model.graph, nodes: [...model.graph.nodes, nodeOf(node, 9)] };
    return { ...model, graph };
  };

  it('is raised to 11, from where on weights can be unpacked, if every node means the same there', async () => {
    const model = withNode({ op: 'Relu', inputs: ['w0'], outputs: ['r'] }, 7);
    const bytes = exportModel(model, { to: 'onnx' });
    expect(readOnnx(bytes).opsets.get('')).toBe(11);
    const results = await runOnnxRuntime(bytes, { x: X });
    expect(results.get('y0')!.data).toEqual(quantizedInitializer('', weight).read().data);
  });

  it('is not raised past a node that it has no words for, and the message names it', () => {
    const mask = withNode({ op: 'Dropout', inputs: ['w0'], outputs: ['d', 'mask'] }, 9);
    const read = nodeOf({ op: 'Identity', inputs: ['mask'], outputs: ['m'] }, 10);
    const model = { ...mask, graph: { ...mask.graph, nodes: [...mask.graph.nodes, read] } };
    expect(() => exportModel(model, { to: 'onnx' })).toThrow(
      'onnx: the model is of operator set 9 and cannot be raised to 11, whose operators unpack weights (flavor "float" writes their levels instead): 1 node means something else there, or may: node "Dropout_9" (Dropout)',
    );
    const foreign = { op: 'NoSuchOperator', inputs: ['w0'], outputs: ['c'] };
    expect(() => exportModel(withNode(foreign, 12), { to: 'onnx', opset: 13 })).toThrow(
      'onnx: the model is of operator set 12 and cannot be raised to 13: 1 node means something else there, or may: node "NoSuchOperator_9" (NoSuchOperator)',
    );
    expect(() => exportModel(model, { to: 'onnx', flavor: 'float' })).not.toThrow();
  });

  it('is refused where it is older than the model, or not known', () => {
    for (const opset of [12, 26, 13.5])
      expect(() => exportModel(modelOfWeights([weight], 13), { to: 'onnx', opset })).toThrow(
        `opset: expected a whole number from 13, which the model is of, to 25, got ${opset}`,
      );
  });
});

describe('everything that the source had', () => {
  const FORMS: readonly ExportOptions[] = [
    { to: 'onnx' },
    { to: 'onnx', opset: 21 },
    { to: 'onnx', flavor: 'msft' },
    { to: 'onnx', flavor: 'float' },
    { to: 'qonnx', flavor: 'float' },
  ];

  it.each(FORMS)(
    'stays in the file: names, metadata, doc strings, fields of later versions, the other initializers (%j)',
    (options) => {
      const w = { name: 'w', dims: [2, 4], dataType: 1, docString: 'a weight' };
      const source = modelBytes(
        {
          docString: 'a graph',
          input: [value('x', ['N', 2])],
          output: [{ ...value('y', ['N', 4]), docString: 'an output' }],
          valueInfo: [value('h', ['N', 4])],
          initializer: [
            { ...w, rawData: bytesOf(randomFloats(8)) },
            { name: 'b', dims: [4], dataType: 1, floatData: [1, 2, 3, 4], docString: 'a bias' },
          ],
          node: [
            { name: 'mul', opType: 'MatMul', input: ['x', 'w'], output: ['h'], docString: 'first' },
            { name: 'add', opType: 'Add', input: ['h', 'b'], output: ['y'], docString: 'second' },
          ],
        },
        {
          ...{
            docString: 'a model',
            producerName: 'maker',
            producerVersion: '7',
            domain: 'org',
            modelVersion: 5,
          },
          metadataProps: [{ key: 'k', value: 'v' }],
          opsetImport: [
            { domain: '', version: 13 },
            { domain: 'org.other', version: 3 },
          ],
        },
      );
      const unknownField = [0xba, 0x3e, 3, 1, 2, 3];
      const model = quantizeNaively(readOnnx(Uint8Array.from([...source, ...unknownField])), 2);
      const bytes = exportModel(model, options);
      expect(Buffer.from(bytes).includes(Buffer.from(unknownField))).toBe(true);
      const before = onnxProto.onnx.ModelProto.decode(source).toJSON();
      const after = onnxProto.onnx.ModelProto.decode(bytes).toJSON();
      const { graph, functions: _, opsetImport, metadataProps, irVersion, ...fields } = after;
      const apart = {
        graph: undefined,
        opsetImport: undefined,
        metadataProps: undefined,
        irVersion: undefined,
      };
      expect({ ...fields, ...apart }).toEqual({ ...before, ...apart });
      expect(Number(irVersion)).toBeGreaterThanOrEqual(8);
      expect(metadataProps).toEqual(expect.arrayContaining(before.metadataProps));
      const set = options.to === 'onnx' ? (options.opset ?? 13) : 13;
      expect(opsetImport).toEqual(
        expect.arrayContaining([
          { domain: '', version: `${set}` },
          { domain: 'org.other', version: '3' },
        ]),
      );
      const { node, initializer, ...others } = graph;
      const { node: nodes, initializer: constants, ...rest } = before.graph;
      expect(others).toEqual(rest);
      expect(node.slice(-2)).toEqual(nodes);
      expect(initializer).toContainEqual(constants[1]);
    },
  );
});

/** Models, shapes of an input, the scheme that they are discretized by. */
const MODELS: readonly [string, readonly number[], string, number][] = [
  ['cifar10_resnet20.onnx', [2, 3, 32, 32], 'exp', 3],
  ['mobilenet_v2_1.0_224_float_hybrid.onnx', [1, 224, 224, 3], 'linear', 5],
  ['squeezenet1.1_imagenet.onnx', [1, 3, 224, 224], 'codebook', 4],
  ['ic_resnet8_cifar10.h5', [2, 32, 32, 3], 'linear', 4],
  ['mobilenet_v1_0.25_224.h5', [1, 224, 224, 3], 'exp', 4],
  ['SqueezeNet_fp16.onnx', [1, 3, 224, 224], 'linear', 6],
  ['winml_mnist.onnx', [1, 1, 28, 28], 'exp', 3],
  ['TFC_1W2A.onnx', [1, 1, 28, 28], 'linear', 4],
  ['bnn_cnv_w1a1_cifar10.onnx', [2, 3, 32, 32], 'binary', 1],
];

/** The largest logit of each row. */
function classesOf({ shape, data }: Tensor): number[] {
  const [rows = 0, classes = 0] = shape;
  return Array.from({ length: rows }, (_, r) => {
    const row = (data as Float32Array).subarray(r * classes, (r + 1) * classes);
    return row.indexOf(Math.max(...row));
  });
}

describe('a discretized network in onnxruntime', () => {
  const expectSame = async (path: string, scheme: string, bits: number, shape: readonly number[]) => {
    const { model } = quantizeModel(await readModel(path), { scheme, bits } as never);
    const bytes = exportModel(model, { to: 'onnx' });
    const packed = encodePacked(model, { toolVersion: '1.0.0' }).length;
    // A function takes 600 to 1,800 bytes, which a file of some kilobytes shows.
    expect(bytes.length).toBeLessThan(1.03 * packed + 600);
    const session = createSession(model);
    const input = session.inputs[0]!;
    const values = randomFloats(sizeOf(shape), 5, -1, 1);
    const x: Tensor =
      input.dtype === 'FLOAT16'
        ? { dtype: 'FLOAT16', shape, data: Uint16Array.from(values, numberToFloat16) }
        : floats(shape, values);
    const expected = session.run({ [input.name]: x });
    session.dispose();
    const actual = await runOnnxRuntime(bytes, { [input.name]: x });
    expect([...actual.keys()]).toEqual([...expected.keys()]);
    for (const name of expected.keys()) {
      const got = widen(actual.get(name)!).data as Float32Array;
      const numbers = widen(expected.get(name)!).data as Float32Array;
      const scale = numbers.reduce((max, v) => Math.max(max, Math.abs(v)), 0);
      const gap = numbers.reduce((max, v, i) => Math.max(max, Math.abs(v - got[i]!)), 0);
      // Sums of another order: as models.test.ts has it of the float networks.
      // Half precision rounds the result by 2^-12 besides.
      expect(gap / scale).toBeLessThan(input.dtype === 'FLOAT16' ? 2 ** -11 : 1e-4);
    }
  };

  it('gives our outputs: the demo network of the package, at every width', async () => {
    for (let bits = 1; bits <= 8; bits++)
      await expectSame('examples/demo/digits.onnx', 'linear', bits, [3, 1, 28, 28]);
  });

  it('is at most 1.03 times the packed file, for every scheme and width of a network of 20 to 100 kB', async () => {
    const source = await readModel('examples/demo/digits.onnx');
    // `auto` has several kinds of weights, and a function for each.
    for (const { name: scheme, bits: widths } of SCHEMES.filter(({ name }) => name !== 'auto'))
      for (let bits = widths.from; bits <= widths.to; bits++) {
        const { model } = quantizeModel(source, { scheme, bits });
        const packed = encodePacked(model, { toolVersion: '1.0.0' }).length;
        expect(exportModel(model, { to: 'onnx' }).length / packed, `${scheme} ${bits}`).toBeLessThan(1.03);
      }
  });

  const images = sharedData('cifar10/test_batch.bin');
  it.skipIf(images === undefined)(
    'puts 1,000 images into the classes that our runtime puts them into: ResNet-20, exp 3 (needs ../shared/data)',
    async () => {
      const source = await readModel(sharedData('models/cifar10_resnet20.onnx')!);
      const { model } = quantizeModel(source, { scheme: 'exp', bits: 3 });
      const batches = await openBatches(model, `cifar10:${images}`, {
        ...{ preprocess: 'torch', samples: 1000, batch: 250 },
      });
      const feeds = await Promise.all(Array.from({ length: batches.batches }, (_, i) => batches.feed(i)));
      const bytes = exportModel(model, { to: 'onnx' });
      const session = createSession(model);
      let count = 0;
      for (const feed of feeds) {
        const ours = [...session.run({ [batches.input]: feed }).values()][0]!;
        const theirs = [...(await runOnnxRuntime(bytes, { [batches.input]: feed })).values()][0]!;
        expect(classesOf(theirs)).toEqual(classesOf(ours));
        count += ours.shape[0]!;
      }
      session.dispose();
      expect(count).toBe(1000);
    },
  );

  for (const [file, shape, scheme, bits] of MODELS) {
    const path = sharedData(`models/${file}`);
    it.skipIf(path === undefined)(
      `gives our outputs, and the file is as small as the packed one: ${file}, ${scheme} ${bits} (needs ../shared/data)`,
      () => expectSame(path!, scheme, bits, shape),
    );
  }
});
