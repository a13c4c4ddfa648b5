import { describe, expect, it } from 'vitest';
import { createSession } from '../../../src/runtime/session.ts';
import { DATA_TYPES, type DataType } from '../../../src/tensor/dtype.ts';
import { floats, type Tensor } from '../../../src/tensor/tensor.ts';
import { buildModel, type ShortAttribute } from '../build-model.ts';
import { type Case, f, testFamily } from '../operator-cases.ts';
import { one, scales, wholeRange } from './quantized/bytes.ts';

const blocks = (dtype: DataType, ...shape: number[]): Tensor[] => [
  scales(
    shape.reduce((p, d) => p * d),
    0.02,
    3,
    shape,
  ),
  wholeRange(dtype, shape, 4),
];

const QUANTIZATION: readonly Case[] = [
  {
    op: 'QuantizeLinear',
    note: 'UINT8',
    inputs: [f(3, 4), floats([], [0.02]), one('UINT8', 128)],
    outputs: ['UINT8'],
  },
  {
    op: 'QuantizeLinear',
    note: 'without a zero point',
    inputs: [f(3, 4), floats([], [0.007])],
    outputs: ['UINT8'],
  },
  {
    op: 'QuantizeLinear',
    note: 'saturating INT8',
    inputs: [f(30), floats([1], [0.011]), { ...one('INT8', -9), shape: [1] }],
    outputs: ['INT8'],
  },
  {
    op: 'QuantizeLinear',
    note: 'axis 0',
    inputs: [f(3, 2, 4), ...blocks('INT8', 3)],
    attributes: { axis: 0 },
    outputs: ['INT8'],
  },
  {
    op: 'QuantizeLinear',
    note: 'axis -1',
    inputs: [f(3, 2, 4), ...blocks('UINT8', 4)],
    attributes: { axis: -1 },
    outputs: ['UINT8'],
  },
  {
    op: 'QuantizeLinear',
    note: 'INT16',
    inputs: [f(3, 4), floats([], [0.00004]), one('INT16', 300)],
    outputs: ['INT16'],
    opset: 21,
  },
  {
    op: 'QuantizeLinear',
    note: 'UINT16',
    inputs: [f(3, 4), floats([], [0.00004]), one('UINT16', 30000)],
    outputs: ['UINT16'],
    opset: 21,
  },
  {
    op: 'QuantizeLinear',
    note: 'blocks',
    inputs: [f(2, 7, 3), ...blocks('INT8', 2, 3, 3)],
    attributes: { axis: 1, block_size: 3 },
    outputs: ['INT8'],
    opset: 21,
  },
  {
    op: 'DequantizeLinear',
    note: 'an axis',
    inputs: [['INT8', [3, 4]], ...blocks('INT8', 3)],
    attributes: { axis: 0 },
  },
  { op: 'DequantizeLinear', note: 'the default axis', inputs: [['UINT8', [2, 5, 3]], ...blocks('UINT8', 5)] },
  { op: 'DequantizeLinear', note: 'INT32', inputs: [['INT32', [3, 4]], floats([], [0.1])] },
  {
    op: 'DequantizeLinear',
    note: 'INT16',
    inputs: [['INT16', [3, 4]], floats([], [0.1]), one('INT16', -3)],
    opset: 21,
  },
  {
    op: 'DequantizeLinear',
    note: 'blocks',
    inputs: [['INT8', [2, 7, 3]], ...blocks('INT8', 2, 3, 3)],
    attributes: { axis: 1, block_size: 3 },
    opset: 21,
  },
  {
    op: 'DynamicQuantizeLinear',
    note: 'both signs',
    inputs: [f(5, 7)],
    outputs: ['UINT8', 'FLOAT', 'UINT8'],
  },
  {
    op: 'DynamicQuantizeLinear',
    note: 'positive',
    inputs: [floats([4], [2, 1.5, 3.25, 7])],
    outputs: ['UINT8', 'FLOAT', 'UINT8'],
  },
  {
    op: 'DynamicQuantizeLinear',
    note: 'negative',
    inputs: [floats([4], [-2, -1.5, -3.25, -7])],
    outputs: ['UINT8', 'FLOAT', 'UINT8'],
  },
  {
    op: 'DynamicQuantizeLinear',
    note: 'zeros',
    inputs: [floats([2], [0, 0])],
    outputs: ['UINT8', 'FLOAT', 'UINT8'],
  },
];

testFamily('quantizations', QUANTIZATION);

/** The result of one node whose operands are constants. */
function run(
  op: string,
  operands: readonly Tensor[],
  attributes: Readonly<Record<string, ShortAttribute>> = {},
): Tensor {
  const names = operands.map((_, i) => `x${i}`);
  const constants = Object.fromEntries(operands.map((t, i) => [names[i]!, t]));
  const session = createSession(
    buildModel({
      opset: 25,
      inputs: {},
      outputs: ['y'],
      constants,
      nodes: [{ op, inputs: names, outputs: ['y'], attributes }],
    }),
  );
  const y = session.run({}).get('y')!;
  session.dispose();
  return y;
}

const SCALE = floats([], [0.5]);
const X = floats([7], [-100, -1.25, -0.75, 0.25, 0.75, 1.3, 100]);
const quantized = (dtype: DataType, attributes: Readonly<Record<string, ShortAttribute>> = {}): number[] =>
  Array.from(
    run('QuantizeLinear', [X, SCALE], { output_dtype: DATA_TYPES[dtype].number, ...attributes }).data,
    Number,
  );

describe('QuantizeLinear', () => {
  it('saturates to the range of types of four and two bits, ties to even', () => {
    expect(quantized('INT4')).toEqual([-8, -2, -2, 0, 2, 3, 7]);
    expect(quantized('UINT4')).toEqual([0, 0, 0, 0, 2, 3, 15]);
    expect(quantized('INT2')).toEqual([-2, -2, -2, 0, 1, 1, 1]);
    expect(quantized('UINT2')).toEqual([0, 0, 0, 0, 2, 3, 3]);
  });

  it('rounds to the floats of 8 and 4 bits, saturating or not', () => {
    expect(quantized('FLOAT8E4M3FN')).toEqual([0xf4, 0xc2, 0xbc, 0x30, 0x3c, 0x42, 0x74]); // -192 … 2.5, 192
    expect(quantized('FLOAT4E2M1')).toEqual([15, 12, 11, 1, 3, 5, 7]);
    const big = [floats([2], [1e6, -1e6]), SCALE];
    const codes = (saturate: number): number[] =>
      Array.from(run('QuantizeLinear', big, { output_dtype: 17, saturate }).data, Number);
    expect(codes(1)).toEqual([0x7e, 0xfe]);
    expect(codes(0)).toEqual([0x7f, 0xff]);
  });

  it('divides in the precision that it is told, or in that of the scale', () => {
    // BFLOAT16 has 8 bits: 1000.4 becomes 1000 and 2000.9 becomes 2000.
    const operands = [floats([2], [1000.4, 2000.9]), floats([], [1])];
    expect(Array.from(run('QuantizeLinear', operands, { output_dtype: 4 }).data, Number)).toEqual([
      1000, 2001,
    ]);
    const attributes = { output_dtype: 4, precision: DATA_TYPES.BFLOAT16.number };
    expect(Array.from(run('QuantizeLinear', operands, attributes).data, Number)).toEqual([1000, 2000]);
    const half: Tensor = { dtype: 'BFLOAT16', shape: [], data: Uint16Array.of(0x3f80) };
    expect(Array.from(run('QuantizeLinear', [operands[0]!, half], { output_dtype: 4 }).data, Number)).toEqual(
      [1000, 2000],
    );
  });

  it('refuses types that are not quantized to, and scales that do not fit', () => {
    expect(() => quantized('INT64')).toThrow('quantization to INT64');
    const shaped = floats([2, 3], [1, 2, 3, 4, 5, 6]);
    expect(() => run('QuantizeLinear', [shaped, floats([2], [1, 1])])).toThrow(
      'scales of shape [2] do not fit a tensor [2,3]',
    );
    expect(() =>
      run('QuantizeLinear', [shaped, floats([2, 3], [1, 1, 1, 1, 1, 1])], { block_size: 2 }),
    ).toThrow('do not fit');
  });
});

describe('DequantizeLinear', () => {
  it('reads the floats of 8 and 4 bits by their values, and scales that are powers of two', () => {
    const codes: Tensor = { dtype: 'FLOAT4E2M1', shape: [4], data: Uint8Array.of(1, 7, 9, 15) };
    expect([...run('DequantizeLinear', [codes, SCALE]).data]).toEqual([0.25, 3, -0.25, -3]);
    const bytes: Tensor = { dtype: 'FLOAT8E5M2', shape: [2], data: Uint8Array.of(0x3c, 0x7b) };
    const power: Tensor = { dtype: 'FLOAT8E8M0', shape: [], data: Uint8Array.of(126) };
    expect([...run('DequantizeLinear', [bytes, power], { output_dtype: 1 }).data]).toEqual([0.5, 28672]);
  });

  it('reads integers of four and two bits', () => {
    const nibbles: Tensor = { dtype: 'INT4', shape: [3], data: Int8Array.of(-8, 0, 7) };
    expect([...run('DequantizeLinear', [nibbles, SCALE, one('INT4', 1)]).data]).toEqual([-4.5, -0.5, 3]);
    const pairs: Tensor = { dtype: 'UINT2', shape: [2], data: Uint8Array.of(0, 3) };
    expect([...run('DequantizeLinear', [pairs, SCALE]).data]).toEqual([0, 1.5]);
  });
});
