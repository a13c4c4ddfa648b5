import onnxProto from 'onnx-proto';
import { describe, expect, it } from 'vitest';
import { readOnnx } from '../../src/formats/onnx/read.ts';
import { packModel } from '../../src/formats/packed/pack.ts';
import { readPacked } from '../../src/formats/packed/read.ts';
import type { Initializer, Model } from '../../src/ir/graph.ts';
import { dequantize } from '../../src/ir/quantized-tensor.ts';
import { withConstants } from '../../src/ir/with-constants.ts';
import { quantizeModel } from '../../src/quantizers/quantize-model.ts';
import { createSession } from '../../src/runtime/session.ts';
import { randomFeeds } from '../../src/runtime/verify.ts';
import { numberToFloat16 } from '../../src/tensor/float16.ts';
import {
  bytesOf,
  type ModelFields,
  modelBytes,
  type NodeFields,
  type TensorFields,
  value,
} from '../formats/onnx-bytes.ts';

const { AttributeType } = onnxProto.onnx.AttributeProto;
const [FLOAT, INT8, INT64, FLOAT16, UINT8] = [1, 3, 7, 10, 2];

const ints = (name: string, ...values: number[]) => ({ name, type: AttributeType.INTS, ints: values });
const int = (name: string, i: number) => ({ name, type: AttributeType.INT, i });
const tensor = (name: string, dims: number[], dataType: number, array: ArrayBufferView): TensorFields => ({
  name,
  dims,
  dataType,
  rawData: bytesOf(array),
});
const node = (opType: string, input: string[], output: string, ...attribute: object[]): NodeFields => ({
  opType,
  name: `${output}_node`,
  input,
  output: [output],
  attribute,
});

/** Numbers that look drawn from a Gaussian, and are the same every time. */
function noise(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => {
    const a = Math.sin(12.9898 * (i + 1)) * 43758.5453;
    const b = Math.sin(78.233 * (i + 2)) * 12543.123;
    return a - Math.floor(a) + (b - Math.floor(b)) - 1;
  });
}

function modelOf(
  shape: number[],
  nodes: NodeFields[],
  initializer: TensorFields[],
  fields: ModelFields = {},
  inputs: string[] = [],
): Model {
  const bytes = modelBytes(
    {
      input: [value('x', shape), ...inputs.map((name) => value(name))],
      output: [value('y', [])],
      node: nodes,
      initializer,
    },
    { opsetImport: [{ domain: '', version: 21 }], ...fields },
  );
  return readOnnx(bytes);
}

function run(model: Model): Float32Array {
  const session = createSession(model);
  try {
    return session.run(randomFeeds(model.graph.inputs, 5)).get('y')!.data as Float32Array;
  } finally {
    session.dispose();
  }
}

function heldBytes(model: Model): number {
  const session = createSession(model);
  try {
    session.run(randomFeeds(model.graph.inputs, 5));
    return session.memory.weightBytes;
  } finally {
    session.dispose();
  }
}

function packed(model: Model): Model {
  return readPacked(Buffer.concat([...packModel(model, { toolVersion: 'test' }).chunks()]));
}

/** The model with the levels of its codes as a float initializer in the place of the one weight. */
function decoded(source: Model, quantized: Model, name: string): Model {
  const { shape, quantized: codes } = quantized.graph.initializers.get(name)!;
  const data = dequantize(codes!);
  const initializer: Initializer = {
    name,
    dtype: 'FLOAT',
    shape,
    byteLength: data.byteLength,
    read: () => ({ dtype: 'FLOAT', shape, data }),
  };
  return withConstants(source, new Map([[name, initializer]]));
}

const shapeOf = (name: string, ...dims: number[]): TensorFields =>
  tensor(name, [dims.length], INT64, BigInt64Array.from(dims, BigInt));

/** Weights [40, 24] of a MatMul behind other nodes, in many ways. */
const CHAINS: [title: string, value: string, model: Model][] = [
  [
    'Transpose',
    'w',
    modelOf(
      [3, 40],
      [node('Transpose', ['w'], 'wt', ints('perm', 1, 0)), node('MatMul', ['x', 'wt'], 'y')],
      [tensor('w', [24, 40], FLOAT, noise(960))],
    ),
  ],
  [
    'Identity, Reshape, Transpose and Squeeze',
    'w',
    modelOf(
      [3, 40],
      [
        node('Identity', ['w'], 'a'),
        node('Reshape', ['a', 'dims'], 'b'),
        node('Transpose', ['b'], 'c', ints('perm', 2, 0, 1)),
        node('Reshape', ['c', 'matrix'], 'd'),
        node('MatMul', ['x', 'd'], 'y'),
      ],
      [tensor('w', [4, 240], FLOAT, noise(960)), shapeOf('dims', 4, 6, 40), shapeOf('matrix', 40, -1)],
    ),
  ],
  [
    'a Cast from FLOAT16',
    'f',
    modelOf(
      [3, 40],
      [node('Cast', ['w'], 'f', int('to', FLOAT)), node('MatMul', ['x', 'f'], 'y')],
      [tensor('w', [40, 24], FLOAT16, Uint16Array.from(noise(960), numberToFloat16))],
    ),
  ],
  [
    'Mul by a constant of each column',
    'scaled',
    modelOf(
      [3, 40],
      [node('Mul', ['w', 's'], 'scaled'), node('MatMul', ['x', 'scaled'], 'y')],
      [tensor('w', [40, 24], FLOAT, noise(960)), tensor('s', [24], FLOAT, noise(24))],
    ),
  ],
  [
    'DequantizeLinear with a scale and a zero point of each column, and a Transpose',
    'dq',
    modelOf(
      [3, 40],
      [
        node('DequantizeLinear', ['w', 's', 'z'], 'dq', int('axis', 0)),
        node('Transpose', ['dq'], 'wt', ints('perm', 1, 0)),
        node('MatMul', ['x', 'wt'], 'y'),
      ],
      [
        tensor(
          'w',
          [24, 40],
          UINT8,
          Uint8Array.from(noise(960), (v) => Math.round(127 * v + 128)),
        ),
        tensor(
          's',
          [24],
          FLOAT,
          noise(24).map((v) => 0.01 + v * v),
        ),
        tensor(
          'z',
          [24],
          UINT8,
          Uint8Array.from(noise(24), (v) => Math.round(128 + 10 * v)),
        ),
      ],
    ),
  ],
  [
    'QuantizeLinear, Clip and DequantizeLinear, as for quantization-aware training',
    'dq',
    modelOf(
      [3, 40],
      [
        node('QuantizeLinear', ['w', 's', 'z'], 'q', int('axis', 1)),
        node('Clip', ['q', 'low', 'high'], 'c'),
        node('DequantizeLinear', ['c', 's', 'z'], 'dq', int('axis', 1)),
        node('MatMul', ['x', 'dq'], 'y'),
      ],
      [
        tensor('w', [40, 24], FLOAT, noise(960)),
        tensor(
          's',
          [24],
          FLOAT,
          noise(24).map((v) => 0.02 + 0.1 * v * v),
        ),
        tensor('z', [24], INT8, new Int8Array(24)),
        tensor('low', [], INT8, Int8Array.of(-7)),
        tensor('high', [], INT8, Int8Array.of(7)),
      ],
    ),
  ],
  [
    'DequantizeLinear of com.microsoft',
    'dq',
    modelOf(
      [3, 40],
      [
        { ...node('DequantizeLinear', ['w', 's', 'z'], 'dq', int('axis', 0)), domain: 'com.microsoft' },
        node('Transpose', ['dq'], 'wt', ints('perm', 1, 0)),
        node('MatMul', ['x', 'wt'], 'y'),
      ],
      [
        tensor(
          'w',
          [24, 40],
          UINT8,
          Uint8Array.from(noise(960), (v) => Math.round(127 * v + 128)),
        ),
        tensor(
          's',
          [24],
          FLOAT,
          noise(24).map((v) => 0.01 + v * v),
        ),
        tensor(
          'z',
          [24],
          UINT8,
          Uint8Array.from(noise(24), (v) => Math.round(128 + 10 * v)),
        ),
      ],
    ),
  ],
];

describe('a weight behind other nodes', () => {
  it.each(CHAINS)('%s is discretized, and runs from its codes', (_, name, source) => {
    const { model, layers, skipped } = quantizeModel(source, { scheme: 'linear', bits: 3 });
    expect(skipped).toEqual([]);
    expect(layers).toMatchObject([{ name, source: 'w', kept: false, rows: 24, columns: 40, bits: 3 }]);
    const expected = run(decoded(source, model, name));
    expect(run(model)).toEqual(expected);
    const back = packed(model);
    expect(run(back)).toEqual(expected);
    expect(heldBytes(back)).toBeLessThan(960 * 2); // floats would take 3840
    const [kept, made] = [back, model].map((one) => one.graph.initializers.get(name)!.quantized!.planes);
    expect([...kept!]).toEqual([...made!]);
  });

  it('is a convolution’s whose kernel comes height first', () => {
    const source = modelOf(
      [1, 5, 6, 6],
      [
        node('Transpose', ['w'], 'oihw', ints('perm', 3, 2, 0, 1)),
        node('Conv', ['x', 'oihw'], 'y', ints('kernel_shape', 3, 3)),
      ],
      [tensor('w', [3, 3, 5, 8], FLOAT, noise(360))],
    );
    const { model, layers } = quantizeModel(source, { scheme: 'exp', bits: 4 });
    expect(layers).toMatchObject([{ name: 'w', rows: 8, columns: 45 }]);
    expect(run(packed(model))).toEqual(run(decoded(source, model, 'w')));
    expect(heldBytes(model)).toBeLessThan(360 * 4);
  });

  it('is discretized once where two nodes share it, one of them behind a Transpose', () => {
    const source = modelOf(
      [24, 24],
      [
        node('Transpose', ['w'], 'wt'),
        node('Gemm', ['x', 'wt'], 'a', int('transB', 1)),
        node('MatMul', ['x', 'w'], 'b'),
        node('Add', ['a', 'b'], 'y'),
      ],
      [tensor('w', [24, 24], FLOAT, noise(576))],
    );
    const { model, layers } = quantizeModel(source, { scheme: 'linear', bits: 4 });
    expect(layers).toHaveLength(1);
    expect(run(packed(model))).toEqual(run(decoded(source, model, 'w')));
  });
});

describe('a weight of integers behind DequantizeLinear', () => {
  const integers = (
    dataType: number,
    raw: Uint8Array | Int8Array,
    attributes: object[],
    scales: number[],
  ): Model =>
    modelOf(
      [3, 40],
      [node('DequantizeLinear', ['w', 's'], 'dq', ...attributes), node('MatMul', ['x', 'dq'], 'y')],
      [
        { name: 'w', dims: [40, 24], dataType, rawData: bytesOf(raw) },
        tensor(
          's',
          scales,
          FLOAT,
          noise(scales.reduce((a, b) => a * b, 1)).map((v) => 0.02 + v * v),
        ),
      ],
    );
  const int8 = Int8Array.from(noise(960), (v) => Math.max(-128, Math.round(140 * v)));

  it.each([
    ['one for the tensor', [], []],
    ['one a column', [int('axis', 1)], [24]],
  ])('keeps its values, bit for bit, from its own width on: scale %s', (_, attributes, scales) => {
    const source = integers(INT8, int8, attributes, scales);
    const { model, layers } = quantizeModel(source, { scheme: 'exp', bits: 8 });
    expect(layers).toMatchObject([{ kept: true, scheme: 'affine', bits: 8, correlation: 1, mse: 0 }]);
    const back = packed(model);
    expect(back.graph.nodes.map(({ opType }) => opType)).toEqual(['MatMul']);
    expect([...back.graph.initializers.keys()]).toEqual(['dq']);
    expect(run(back)).toEqual(run(source));
  });

  it('is discretized from its dequantized values where fewer bits are asked for', () => {
    const source = integers(INT8, int8, [int('axis', 1)], [24]);
    const { model, layers } = quantizeModel(source, { scheme: 'linear', bits: 3 });
    expect(layers).toMatchObject([{ kept: false, bits: 3 }]);
    expect(run(packed(model))).toEqual(run(decoded(source, model, 'dq')));
  });

  it('of INT4 with a scale a block keeps a table a block', () => {
    const [INT4, nibbles] = [22, Uint8Array.from(noise(480), (v) => Math.round((255 * (v + 1)) / 2))];
    const source = integers(INT4, nibbles, [int('axis', 0), int('block_size', 8)], [5, 24]);
    const { model, layers } = quantizeModel(source, { scheme: 'linear', bits: 4 });
    expect(layers).toMatchObject([{ kept: true, bits: 4, granularity: 'group:8', codeBytes: 480 }]);
    expect(run(packed(model))).toEqual(run(source));
  });

  it('stays in the graph, node and all, where its scales do not follow its rows', () => {
    const source = integers(INT8, int8, [int('axis', 0)], [40]);
    const { model, layers, skipped } = quantizeModel(source, { scheme: 'linear', bits: 8 });
    expect(layers).toEqual([]);
    expect(skipped).toEqual([
      {
        name: 'dq',
        reason: 'it is made of 8-bit integers with scales that do not follow its rows: it stays as it is',
      },
    ]);
    expect(run(packed(model))).toEqual(run(source));
  });
});

describe('a file whose nodes became constants', () => {
  it('keeps every other field, known or not, and lists no input for an initializer that is gone', () => {
    const model = modelOf(
      [3, 40],
      [
        { ...node('BipolarQuant', ['w', 'one'], 'b'), domain: 'onnx.brevitas' },
        { ...node('MatMul', ['x', 'b'], 'y'), docString: 'the layer' },
      ],
      [tensor('w', [40, 24], FLOAT, noise(960)), tensor('one', [], FLOAT, Float32Array.of(0.5))],
      { docString: 'a model', metadataProps: [{ key: 'k', value: 'v' }] },
      ['w', 'one'],
    );
    const { model: quantized, layers } = quantizeModel(model, { scheme: 'exp', bits: 4 });
    expect(layers).toMatchObject([
      { name: 'b', scheme: 'binary', bits: 1, kept: true, codeBytes: 120, levelBytes: 4 },
    ]);
    const back = packed(quantized);
    expect(run(back)).toEqual(run(model));
    expect(back.metadata.get('k')).toBe('v');
    const { bytes } = back.source.container as { bytes: Uint8Array };
    const proto = onnxProto.onnx.ModelProto.decode(bytes);
    expect(proto.docString).toBe('a model');
    expect(proto.graph!.node!.map(({ opType }) => opType)).toEqual(['Constant', 'MatMul']);
    expect(proto.graph!.node![1]!.docString).toBe('the layer');
    expect(proto.graph!.initializer).toEqual([]);
    expect(proto.graph!.input!.map(({ name }) => name)).toEqual(['x']);
  });
});
