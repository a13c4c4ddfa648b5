import fc from 'fast-check';
import onnxProto from 'onnx-proto';
import { describe, expect, it } from 'vitest';
import { exportModel } from '../../src/eval/export-model.ts';
import { readOnnx } from '../../src/formats/onnx/read.ts';
import { readPacked } from '../../src/formats/packed/read.ts';
import { encodePacked } from '../../src/formats/packed/write.ts';
import { readModel } from '../../src/formats/read-model.ts';
import type { Model } from '../../src/ir/graph.ts';
import type { QuantizedTensor } from '../../src/ir/quantized-tensor.ts';
import { quantizeModel } from '../../src/quantizers/quantize-model.ts';
import { createSession } from '../../src/runtime/session.ts';
import { floats } from '../../src/tensor/tensor.ts';
import { randomFloats } from '../runtime/random.ts';
import { sharedData } from '../shared-data.ts';
import { modelOfWeights, type SampleWeight, sampleWeight, WEIGHTS } from './quantized-samples.ts';

function weightsOf({ graph }: Model): Record<string, QuantizedTensor | undefined> {
  const weights = [...graph.initializers].filter(([, { quantized }]) => quantized !== undefined);
  return Object.fromEntries(weights.map(([name, { quantized }]) => [name, quantized]));
}

/** A copy in which data lie in arrays of their own, so that they compare by their elements. */
function plain(weights: Record<string, QuantizedTensor | undefined>): unknown {
  return Object.fromEntries(
    Object.entries(weights).map(([name, q]) => [
      name,
      { ...q, params: Float32Array.from(q!.params), planes: Uint8Array.from(q!.planes) },
    ]),
  );
}

const SAMPLE: SampleWeight = {
  ...{ rule: 'linear', bits: 3, granularity: 'channel', dtype: 'FLOAT', seed: 1, shape: [4, 6] },
  layout: { split: [4, 6], perm: [0, 1], rowAxes: 1 },
};

describe('reading an exported ONNX file', () => {
  it('gives the codes, level parameters, layout and scheme that were written, and writes the same file again', () => {
    fc.assert(
      fc.property(
        fc.array(WEIGHTS, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 11, max: 24 }),
        (samples, opset) => {
          const model = modelOfWeights(samples.map(sampleWeight), opset);
          const bytes = exportModel(model, { to: 'onnx' });
          const back = readOnnx(bytes);
          expect(plain(weightsOf(back))).toEqual(plain(weightsOf(model)));
          expect(back.graph.nodes.map(({ opType }) => opType)).toEqual(
            model.graph.nodes.map(({ opType }) => opType),
          );
          expect([back.functions, [...back.metadata]]).toEqual([[], []]);
          expect(Buffer.compare(exportModel(back, { to: 'onnx' }), bytes)).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('gives a model that is packed without a trace of the functions, and reads the same again', () => {
    const model = modelOfWeights([sampleWeight(SAMPLE), sampleWeight({ ...SAMPLE, bits: 5, seed: 2 })]);
    const packed = encodePacked(readOnnx(exportModel(model, { to: 'onnx' })), { toolVersion: '1.0.0' });
    expect(Buffer.from(packed).includes('Unpack_')).toBe(false);
    expect(Buffer.from(packed).includes('bnnq.weights')).toBe(false);
    expect(plain(weightsOf(readPacked(packed)))).toEqual(plain(weightsOf(model)));
  });

  it('gives layouts and level tables by what the nodes say where the notes are gone', () => {
    const kinds: Partial<SampleWeight>[] = [
      {},
      { granularity: 'tensor' },
      { granularity: 'group:3' },
      { layout: { split: [4, 6], perm: [1, 0], rowAxes: 1 } },
    ];
    const model = modelOfWeights(kinds.map((kind) => sampleWeight({ ...SAMPLE, ...kind })));
    const proto = onnxProto.onnx.ModelProto.decode(exportModel(model, { to: 'onnx' }));
    proto.metadataProps = [];
    const back = readOnnx(onnxProto.onnx.ModelProto.encode(proto).finish());
    const expected = Object.entries(weightsOf(model)).map(([name, q]) => [name, { ...q!, scheme: 'linear' }]);
    expect(plain(weightsOf(back))).toEqual(plain(Object.fromEntries(expected)));
  });

  /** An exported file, changed. */
  const changed = (change: (graph: onnxProto.onnx.IGraphProto) => void): Uint8Array => {
    const proto = onnxProto.onnx.ModelProto.decode(
      exportModel(modelOfWeights([sampleWeight(SAMPLE)]), { to: 'onnx' }),
    );
    change(proto.graph!);
    return onnxProto.onnx.ModelProto.encode(proto).finish();
  };
  const tensor = (graph: onnxProto.onnx.IGraphProto, name: string): onnxProto.onnx.ITensorProto =>
    graph.initializer!.find((one) => one.name === name)!;

  it('refuses planes, levels and shapes that do not fit the kind of the weight, and says where', () => {
    const planes = changed((graph) => {
      tensor(graph, 'codes.0').dims = [1, 9, 1];
    });
    expect(() => readOnnx(planes)).toThrow(
      /^onnx: .*Unpack_linear_3.*: "codes.0" is UINT8 \[1,9,1\], expected UINT8 \[3,3,1\]$/,
    );
    const levels = changed((graph) => {
      tensor(graph, 'levels.0').dims = [2, 2];
    });
    expect(() => readOnnx(levels)).toThrow(/"levels.0" is FLOAT \[2,2\], expected FLOAT \[\*,1\]$/);
    const shape = changed((graph) => {
      tensor(graph, 'shape.0').int64Data = [-1, -1];
    });
    expect(() => readOnnx(shape)).toThrow(/"shape.0" is not the shape of a weight$/);
  });

  it('leaves calls alone whose codes are computed, or whose tables fit no rows', () => {
    const computed = changed((graph) => {
      graph.node!.unshift({ opType: 'Identity', input: ['codes.0'], output: ['c'] });
      graph.node![1]!.input![0] = 'c';
    });
    const odd = changed((graph) => {
      const levels = tensor(graph, 'levels.0');
      levels.dims = [3, 1];
      levels.rawData = levels.rawData!.subarray(0, 12);
    });
    for (const bytes of [computed, odd]) {
      const model = readOnnx(bytes);
      expect(weightsOf(model)).toEqual({});
      expect(model.graph.nodes.some(({ opType }) => opType === 'Unpack_linear_3')).toBe(true);
    }
  });
});

describe('functions that functions of weights call', () => {
  it('stay where a call stays, and go with the last one', async () => {
    const source = await readModel('examples/demo/digits.onnx');
    const { model } = quantizeModel(source, { scheme: 'exp', bits: 8 });
    const bytes = exportModel(model, { to: 'onnx' });
    expect(readOnnx(bytes).functions).toEqual([]);
    const proto = onnxProto.onnx.ModelProto.decode(bytes);
    proto.graph!.node!.unshift({ opType: 'Identity', input: ['codes.0'], output: ['c'] });
    proto.graph!.node![1]!.input![0] = 'c';
    const back = readOnnx(onnxProto.onnx.ModelProto.encode(proto).finish());
    expect(back.functions.map(({ name }) => name)).toEqual(['Unpack_geometric_8', 'Powers']);
    expect(Object.keys(weightsOf(back)).length).toBe(8);
    const input = { input: floats([1, 1, 28, 28], new Float32Array(784).fill(0.5)) };
    expect(createSession(back).run(input)).toEqual(createSession(model).run(input));
  });
});

describe('a real network that was exported', () => {
  it.skipIf(sharedData('models') === undefined)(
    'comes back with its codes and gives the same bits (needs ../shared/data)',
    async () => {
      const source = await readModel(sharedData('models/cifar10_resnet20.onnx')!);
      const { model } = quantizeModel(source, { scheme: 'exp', bits: 3 });
      const back = readOnnx(exportModel(model, { to: 'onnx' }));
      expect(plain(weightsOf(back))).toEqual(plain(weightsOf(model)));
      const [ours, theirs] = [model, back].map((one) => {
        const session = createSession(one);
        const feeds = { [session.inputs[0]!.name]: floats([1, 3, 32, 32], randomFloats(3072)) };
        const results = session.run(feeds);
        session.dispose();
        return results;
      });
      expect(theirs).toEqual(ours);
    },
  );
});
