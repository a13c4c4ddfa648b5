import { describe, expect, it } from 'vitest';
import { createSession } from '../../../src/runtime/session.ts';
import { DATA_TYPES, type DataType } from '../../../src/tensor/dtype.ts';
import { floats, type Tensor } from '../../../src/tensor/tensor.ts';
import { buildModel, int64, type ShortAttribute } from '../build-model.ts';
import { type Case, testFamily } from '../operator-cases.ts';

/** Types that onnxruntime-node has, and that hold −5 … 5. */
const TYPES: readonly DataType[] = ['FLOAT', 'DOUBLE', 'INT8', 'INT16', 'INT32', 'INT64', 'BOOL'];

const CASTS: readonly Case[] = TYPES.flatMap((from) =>
  [...TYPES, 'UINT8' as const]
    .filter((to) => !(to === 'UINT8' && (from === 'FLOAT' || from === 'DOUBLE')))
    .map((to) => ({
      op: 'Cast',
      note: `${from} to ${to}`,
      inputs: [[from, [5, 7]]] as const,
      attributes: { to: DATA_TYPES[to].number },
      outputs: [to],
    })),
);

testFamily('casts', CASTS);

/** What one node with attribute `to` makes of a tensor that is fed. */
function run(
  op: string,
  x: Tensor,
  to: DataType,
  attributes: Readonly<Record<string, ShortAttribute>> = {},
): Tensor {
  const session = createSession(
    buildModel({
      opset: 26,
      inputs: { x: [x.dtype, x.shape] },
      outputs: ['y'],
      outputTypes: { y: to },
      nodes: [
        { op, inputs: ['x'], outputs: ['y'], attributes: { to: DATA_TYPES[to].number, ...attributes } },
      ],
    }),
  );
  const y = session.run({ x }).get('y')!;
  session.dispose();
  return y;
}

const cast = (
  x: Tensor,
  to: DataType,
  attributes: Readonly<Record<string, ShortAttribute>> = {},
): unknown[] => [...run('Cast', x, to, attributes).data];

describe('Cast', () => {
  it('rounds to half precision, which is held as FLOAT', () => {
    const x = floats([4], [1.0004, 1.0005, 65519, 65520]);
    expect(cast(x, 'FLOAT16')).toEqual([1, 1.0009765625, 65504, Number.POSITIVE_INFINITY]);
    expect(cast(floats([2], [1.003, 1.005]), 'BFLOAT16')).toEqual([1, 1.0078125]);
  });

  it('keeps the low bits of integers that do not fit', () => {
    const x = int64([200, -9, 2 ** 40 + 7, 300]);
    expect(cast(x, 'INT8')).toEqual([-56, -9, 7, 44]);
    expect(cast(x, 'INT4')).toEqual([-8, 7, 7, -4]);
    expect(cast(x, 'UINT2')).toEqual([0, 3, 3, 0]);
    expect(cast({ dtype: 'INT8', shape: [2], data: Int8Array.of(-1, 5) }, 'UINT64')).toEqual([
      2n ** 64n - 1n,
      5n,
    ]);
  });

  it('cuts floats towards zero on their way to integers', () => {
    expect(cast(floats([4], [-1.9, 1.9, -0.5, 7.99]), 'INT4')).toEqual([-1, 1, 0, 7]);
    expect(cast(floats([2], [-1.9, 3e9]), 'INT64')).toEqual([-1n, 3_000_000_000n]);
  });

  it('rounds 64-bit integers to float32 once', () => {
    // 2^60 + 2^36 + 1 is just above half-way between two float32; rounded to float64 first it would be half-way.
    const x: Tensor = {
      dtype: 'INT64',
      shape: [2],
      data: BigInt64Array.of(2n ** 60n + 2n ** 36n + 1n, -(2n ** 60n + 2n ** 36n + 1n)),
    };
    expect(cast(x, 'FLOAT')).toEqual([2 ** 60 + 2 ** 37, -(2 ** 60 + 2 ** 37)]);
  });

  it('takes everything but zero for true, −0 is zero and NaN is not', () => {
    expect(cast(floats([4], [0, -0, 1e-30, Number.NaN]), 'BOOL')).toEqual([0, 0, 1, 1]);
    const codes: Tensor = { dtype: 'FLOAT8E4M3FNUZ', shape: [2], data: Uint8Array.of(0, 0x80) };
    expect(cast(codes, 'BOOL')).toEqual([0, 1]);
  });

  it('goes from narrow floats to every other type by their values', () => {
    const codes: Tensor = { dtype: 'FLOAT8E5M2', shape: [3], data: Uint8Array.of(0x42, 0xc6, 0x7b) }; // 3, −6, 57344
    expect(cast(codes, 'FLOAT')).toEqual([3, -6, 57344]);
    expect(cast(codes, 'INT64')).toEqual([3n, -6n, 57344n]);
    expect(cast(codes, 'FLOAT8E4M3FN')).toEqual([0x44, 0xcc, 0x7e]);
    expect(cast(codes, 'FLOAT4E2M1')).toEqual([5, 15, 7]);
    expect(cast({ ...codes, dtype: 'FLOAT8E8M0', data: Uint8Array.of(127, 130, 0) }, 'INT32')).toEqual([
      1, 8, 0,
    ]);
  });

  it('saturates or not, and keeps the sign of a NaN where the type has one', () => {
    const bits = Uint32Array.of(0x7fc00000, 0xffc00000, 0x7f800000);
    const x: Tensor = { dtype: 'FLOAT', shape: [3], data: new Float32Array(bits.buffer) };
    expect(cast(x, 'FLOAT8E5M2')).toEqual([0x7e, 0xfe, 0x7b]);
    expect(cast(x, 'FLOAT8E5M2', { saturate: 0 })).toEqual([0x7e, 0xfe, 0x7c]);
    expect(cast(x, 'FLOAT8E5M2FNUZ')).toEqual([0x80, 0x80, 0x7f]);
  });

  it('rounds powers of two as round_mode says', () => {
    const x = floats([3], [1.1, 1.5, 3.9]);
    expect(cast(x, 'FLOAT8E8M0')).toEqual([128, 128, 129]);
    expect(cast(x, 'FLOAT8E8M0', { round_mode: 'down' })).toEqual([127, 127, 128]);
    expect(cast(x, 'FLOAT8E8M0', { round_mode: 'nearest' })).toEqual([127, 128, 129]);
    expect(() => cast(x, 'FLOAT8E8M0', { round_mode: 'odd' })).toThrow('round_mode "odd"');
  });

  it('refuses to make texts', () => {
    expect(() => cast(floats([1], [1]), 'STRING')).toThrow('cast from FLOAT to STRING');
  });
});

describe('CastLike', () => {
  it('takes the type of a value that is computed and never declared', () => {
    const session = createSession(
      buildModel({
        opset: 19,
        inputs: { x: ['FLOAT', [1]], like: ['FLOAT16', [1]] },
        outputs: ['y'],
        nodes: [
          { op: 'Relu', inputs: ['like'], outputs: ['computed'] },
          { op: 'CastLike', inputs: ['x', 'computed'], outputs: ['y'] },
        ],
      }),
    );
    const y = session.run({ x: floats([1], [1.0005]), like: floats([1], [1]) }).get('y')!;
    session.dispose();
    expect([...y.data]).toEqual([1.0009765625]);
  });
});

describe('BitCast', () => {
  const bitCast = (x: Tensor, to: DataType): unknown[] => [...run('BitCast', x, to).data];

  it('keeps the bits', () => {
    expect(bitCast(floats([2], [1, -0]), 'UINT32')).toEqual([0x3f800000, 0x80000000]);
    expect(bitCast({ dtype: 'UINT32', shape: [1], data: Uint32Array.of(0xbf800000) }, 'FLOAT')).toEqual([-1]);
    expect(bitCast(int64([0x3ff0_0000 * 2 ** 32]), 'DOUBLE')).toEqual([1]);
    expect(bitCast({ dtype: 'INT4', shape: [2], data: Int8Array.of(-1, 3) }, 'FLOAT4E2M1')).toEqual([15, 3]);
    expect(bitCast({ dtype: 'UINT2', shape: [2], data: Uint8Array.of(3, 1) }, 'INT2')).toEqual([-1, 1]);
    expect(bitCast({ dtype: 'FLOAT8E5M2', shape: [1], data: Uint8Array.of(0x80) }, 'INT8')).toEqual([-128]);
  });

  it('makes the bits of half precision again from the values, in the precision that the model declares', () => {
    const x = (dtype: DataType): Tensor => ({ dtype, shape: [1], data: Uint16Array.of(0x3c01) });
    expect(bitCast(x('FLOAT16'), 'INT16')).toEqual([0x3c01]);
    expect(bitCast(x('BFLOAT16'), 'INT16')).toEqual([0x3c01]);
    expect(bitCast(x('FLOAT16'), 'BFLOAT16')).toEqual([0.00787353515625]);
    expect(bitCast(x('UINT16'), 'FLOAT16')).toEqual([1.0009765625]);
    const nan: Tensor = { dtype: 'FLOAT16', shape: [1], data: Uint16Array.of(0x7e01) };
    expect(() => bitCast(nan, 'INT16')).toThrow('the bits of a NaN of type FLOAT16');
  });

  it('refuses another width', () => {
    expect(() => bitCast(floats([1], [1]), 'INT64')).toThrow('FLOAT has 32 bits and INT64 64');
  });
});
