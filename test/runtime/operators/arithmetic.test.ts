import { describe, expect, it } from 'vitest';
import { createSession } from '../../../src/runtime/session.ts';
import { floats, type Tensor } from '../../../src/tensor/tensor.ts';
import { buildModel, int64, type ShortAttribute } from '../build-model.ts';
import { type Case, f, testFamily, unary } from '../operator-cases.ts';

const ARITHMETIC: readonly Case[] = [
  { op: 'Add', note: 'same shape', inputs: [f(2, 3, 4, 5), f(2, 3, 4, 5)] },
  { op: 'Add', note: 'scalar', inputs: [f(2, 3, 4), f()] },
  { op: 'Sub', note: 'channel', inputs: [f(2, 3, 4, 5), f(3, 1, 1)] },
  { op: 'Sub', note: 'the first operand is the smaller one', inputs: [f(3, 1, 1), f(2, 3, 4, 5)] },
  { op: 'Mul', note: 'a value a sample and channel', inputs: [f(2, 3, 4, 5), f(2, 3, 1, 1)] },
  { op: 'Div', note: 'last axis', inputs: [f(2, 3, 4), f(4)] },
  { op: 'Mul', note: 'both broadcast', inputs: [f(2, 1, 4), f(3, 1)] },
  { op: 'Add', note: 'middle axes of the second repeat', inputs: [f(2, 3, 4, 5), f(2, 1, 4, 1)] },
  { op: 'Pow', note: 'squares', inputs: [f(3, 4), floats([], [2])] },
  { op: 'Pow', note: 'INT64 exponent', inputs: [f(3, 4), int64([3], [])] },
  { op: 'Max', note: 'three operands', inputs: [f(3, 4), f(4), f(3, 1)] },
  { op: 'Min', note: 'one operand', inputs: [f(3, 4)] },
  { op: 'Sum', note: 'one operand twice', inputs: [f(3, 4), f(4), f(1)] },
  { op: 'Mean', note: '', inputs: [f(3, 4), f(3, 4)] },
  {
    op: 'Add',
    note: 'INT64',
    inputs: [
      ['INT64', [3, 4]],
      ['INT64', [4]],
    ],
    outputs: ['INT64'],
  },
  {
    op: 'Mul',
    note: 'INT32',
    inputs: [
      ['INT32', [3, 4]],
      ['INT32', [3, 1]],
    ],
    outputs: ['INT32'],
  },
  {
    op: 'Div',
    note: 'INT64 is cut towards zero',
    inputs: [['INT64', [3, 4]], int64([3], [])],
    outputs: ['INT64'],
  },
  {
    op: 'Div',
    note: 'DOUBLE',
    inputs: [
      ['DOUBLE', [3, 4]],
      ['DOUBLE', [3, 4]],
    ],
    outputs: ['DOUBLE'],
  },
  { op: 'Mod', note: 'INT64', inputs: [['INT64', [3, 4]], int64([3], [])], outputs: ['INT64'] },
  { op: 'Mod', note: 'fmod', inputs: [f(3, 4), floats([], [0.7])], attributes: { fmod: 1 } },
  {
    op: 'Mod',
    note: 'INT32, the sign of the divisor',
    inputs: [['INT32', [3, 4]], { dtype: 'INT32', shape: [4], data: Int32Array.of(3, -3, 2, -7) }],
    outputs: ['INT32'],
  },
  {
    op: 'Mod',
    note: 'INT64, the sign of the divisor',
    inputs: [['INT64', [3, 4]], int64([3, -3, 2, -7])],
    outputs: ['INT64'],
  },
  {
    op: 'Mod',
    note: 'INT8 with fmod',
    inputs: [['INT8', [3, 4]], { dtype: 'INT8', shape: [4], data: Int8Array.of(3, -3, 2, -7) }],
    attributes: { fmod: 1 },
    outputs: ['INT8'],
  },
  {
    op: 'Pow',
    note: 'INT64, base and exponent',
    inputs: [['INT64', [3, 4]], int64([0, 1, 5, 20])],
    outputs: ['INT64'],
  },
  {
    op: 'Pow',
    note: 'INT64 to powers of float32',
    inputs: [int64([4, 9, 2]), floats([3], [0.5, 1.5, 3])],
    outputs: ['INT64'],
  },
  ...(['BitwiseAnd', 'BitwiseOr', 'BitwiseXor'] as const).flatMap((op) =>
    (['INT8', 'UINT8', 'INT16', 'UINT16', 'INT32', 'UINT32', 'INT64'] as const).map((dtype) => ({
      op,
      note: dtype,
      inputs: [
        [dtype, [3, 4]],
        [dtype, [4]],
      ] as const,
      outputs: [dtype],
      opset: 18,
    })),
  ),
  ...(['INT8', 'UINT16', 'UINT32', 'INT64'] as const).map((dtype) => ({
    op: 'BitwiseNot',
    note: dtype,
    inputs: [[dtype, [3, 4]]] as const,
    outputs: [dtype],
    opset: 18,
  })),
  ...(['LEFT', 'RIGHT'] as const).flatMap((direction) => [
    {
      op: 'BitShift',
      note: `UINT8 ${direction}`,
      inputs: [
        ['UINT8', [3, 4]],
        ['UINT8', [4]],
      ] as const,
      attributes: { direction },
      outputs: ['UINT8'] as const,
    },
    {
      op: 'BitShift',
      note: `UINT32 ${direction}`,
      inputs: [
        { dtype: 'UINT32', shape: [3], data: Uint32Array.of(0x80000001, 0xffffffff, 5) } as const,
        { dtype: 'UINT32', shape: [3], data: Uint32Array.of(1, 31, 0) } as const,
      ],
      attributes: { direction },
      outputs: ['UINT32'] as const,
    },
  ]),
  { op: 'Asin', note: '', inputs: [floats([5], [-1, -0.3, 0, 0.5, 1])] },
  { op: 'Acos', note: '', inputs: [floats([5], [-1, -0.3, 0, 0.5, 1])] },
  { op: 'Acosh', note: '', inputs: [floats([4], [1, 1.0001, 2, 1e30])] },
  unary('Atan'),
  unary('Sqrt'),
  unary('Exp'),
  unary('Log'),
  unary('Abs'),
  unary('Neg'),
  unary('Reciprocal'),
  unary('Floor'),
  unary('Ceil'),
  unary('Round'),
  unary('Sign'),
  unary('Sin'),
  unary('Cos'),
  unary('Tan'),
  unary('Sinh'),
  unary('Cosh'),
  unary('Asinh'),
  unary('Atanh'),
];

testFamily('arithmetic operators', ARITHMETIC);

/** The elements that one node makes of constants. */
function run(
  op: string,
  operands: readonly Tensor[],
  attributes: Readonly<Record<string, ShortAttribute>> = {},
  opset = 28,
): (number | bigint)[] {
  const session = createSession(
    buildModel({
      opset,
      inputs: {},
      constants: Object.fromEntries(operands.map((t, i) => [`x${i}`, t])),
      outputs: ['y'],
      nodes: [{ op, inputs: operands.map((_, i) => `x${i}`), outputs: ['y'], attributes }],
    }),
  );
  const { data } = session.run({}).get('y')!;
  session.dispose();
  return Array.from(data as Float32Array);
}

describe('arithmetic, beyond what onnxruntime has', () => {
  it('Mod of floats has the sign of the divisor without fmod, and keeps what is smaller than the divisor exactly', () => {
    const [inf, nan] = [Number.POSITIVE_INFINITY, Number.NaN];
    const a = floats([10], [5.5, -5.5, 5.5, -5.5, 0, -0, 3, -3, inf, 1]);
    const b = floats([10], [2, 2, -2, -2, -2, 2, inf, inf, 2, 0]);
    expect(run('Mod', [a, b])).toEqual([1.5, 0.5, -0.5, -1.5, -0, 0, 3, inf, nan, nan]);
    expect(run('Mod', [a, b], { fmod: 1 })).toEqual([1.5, -1.5, 1.5, -1.5, 0, -0, 3, -3, nan, nan]);
  });

  it('BitShift fills with the sign to the right, and loses everything where it shifts by too much or by less than nothing', () => {
    const x: Tensor = { dtype: 'INT8', shape: [5], data: Int8Array.of(-128, -1, 100, -100, 100) };
    const by: Tensor = { dtype: 'INT8', shape: [5], data: Int8Array.of(3, 8, 1, -1, 120) };
    expect(run('BitShift', [x, by], { direction: 'RIGHT' })).toEqual([-16, -1, 50, -1, 0]);
    expect(run('BitShift', [x, by], { direction: 'LEFT' })).toEqual([0, 0, -56, 0, 0]);
    const big = int64([-8, 1, 1]);
    expect(run('BitShift', [big, int64([1, 64, 63])], { direction: 'LEFT' })).toEqual([
      -16n,
      0n,
      -(2n ** 63n),
    ]);
    expect(run('BitShift', [big, int64([70, 1, -1])], { direction: 'RIGHT' })).toEqual([-1n, 0n, 0n]);
  });

  it('powers of 64-bit integers wrap around, however large the exponent', () => {
    expect(run('Pow', [int64([3, 2, -1, -1]), int64([2 ** 40, 64, -3, -4])])).toEqual([
      // 3^(2^40) modulo 2^64: forty squarings.
      Array.from({ length: 40 }).reduce<bigint>((p) => BigInt.asIntN(64, p * p), 3n),
      0n,
      -1n,
      1n,
    ]);
  });

  it('CumProd multiplies 32-bit integers without losing low bits', () => {
    const x: Tensor = { dtype: 'INT32', shape: [3], data: Int32Array.of(123456789, 987654321, 3) };
    const axis: Tensor = { dtype: 'INT32', shape: [], data: Int32Array.of(0) };
    const product = Math.imul(123456789, 987654321);
    expect(run('CumProd', [x, axis])).toEqual([123456789, product, Math.imul(product, 3)]);
  });

  it('refuses to compute with codes', () => {
    const x: Tensor = { dtype: 'FLOAT8E4M3FN', shape: [1], data: Uint8Array.of(0x38) };
    expect(() => run('Add', [x, x])).toThrow('arithmetic on elements of type FLOAT8E4M3FN');
  });
});
