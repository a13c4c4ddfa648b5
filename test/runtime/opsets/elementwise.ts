import type { DataType } from '../../../src/tensor/dtype.ts';
import { floats, type Tensor } from '../../../src/tensor/tensor.ts';
import { f, fixed, positive } from '../operator-cases.ts';
import { someTensor } from '../oracle.ts';
import type { VersionedCase } from './versioned-case.ts';

/** Operators of one float operand whose changelog is one of element types. */
const UNARY =
  'Abs Acos Acosh Asin Asinh Atan Atanh Ceil Cos Cosh Erf Exp Floor Log Neg Reciprocal Round Sigmoid Sign Sin Sinh Softplus Softsign ' +
  'Sqrt Tan Tanh Relu HardSwish Mish Gelu Elu Selu Celu LeakyRelu HardSigmoid ThresholdedRelu Shrink';

const LOGIC = 'And Or Xor';
const COMPARISONS = 'Greater Less GreaterOrEqual LessOrEqual';

const bools = (...shape: number[]): readonly [DataType, readonly number[]] => ['BOOL', shape];
const int64s = (...shape: number[]): readonly [DataType, readonly number[]] => ['INT64', shape];
const scalar = (value: number): Tensor => floats([], [value]);
const special = floats([5], [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -3]);

export const ELEMENTWISE_VERSIONS: readonly VersionedCase[] = [
  ...UNARY.split(' ').map((op): VersionedCase => ({ op, inputs: [f(2, 5)] })),
  { op: 'Elu', note: 'with alpha', inputs: [f(2, 5)], attributes: { alpha: { float: 1.5 } } },
  { op: 'Celu', note: 'with alpha', inputs: [f(2, 5)], attributes: { alpha: { float: 1.5 } } },
  { op: 'LeakyRelu', note: 'with alpha', inputs: [f(2, 5)], attributes: { alpha: { float: 0.3 } } },
  { op: 'ThresholdedRelu', note: 'with alpha', inputs: [f(2, 5)], attributes: { alpha: { float: 0.5 } } },
  {
    op: 'Shrink',
    note: 'with bias',
    inputs: [f(2, 5)],
    attributes: { bias: { float: 0.25 }, lambd: { float: 1 } },
  },
  { op: 'Gelu', note: 'approximated by tanh', inputs: [f(2, 5)], attributes: { approximate: 'tanh' } },
  { op: 'Relu', note: 'of whole numbers', from: 14, inputs: [['INT32', [2, 5]]], outputs: ['INT32'] },
  {
    op: 'Swish',
    note: 'with alpha',
    inputs: [floats([3], [0, 1, -1])],
    attributes: { alpha: { float: 2 } },
    expected: [floats([3], [0, 0.8807970779778823, -0.11920292202211757])],
  },
  {
    op: 'Clip',
    note: 'with bounds as attributes',
    to: 10,
    inputs: [f(2, 5)],
    attributes: { min: { float: -0.5 }, max: { float: 1 } },
  },
  { op: 'Clip', note: 'without bounds', inputs: [f(2, 5)] },
  { op: 'Clip', note: 'with bounds as inputs', from: 11, inputs: [f(2, 5), scalar(-0.5), scalar(1)] },
  { op: 'Clip', note: 'with an upper bound alone', from: 11, inputs: [f(2, 5), null, scalar(1)] },
  {
    op: 'Clip',
    note: 'of whole numbers',
    from: 12,
    inputs: [int64s(2, 5), { dtype: 'INT64', shape: [], data: BigInt64Array.of(-2n) }],
    outputs: ['INT64'],
  },
  { op: 'PRelu', note: 'with a slope a channel', inputs: [f(2, 3, 4), fixed(3, 1)] },
  { op: 'PRelu', note: 'with one slope', inputs: [f(2, 3), fixed(1)] },
  {
    op: 'PRelu',
    note: 'of whole numbers',
    from: 9,
    inputs: [int32([-2, 3]), int32([5])],
    outputs: ['INT32'],
    expected: [int32([-10, 3])],
  },

  ...['Add', 'Sub', 'Mul', 'Div'].flatMap((op): VersionedCase[] => [
    { op, note: 'with broadcasting', inputs: [f(2, 3, 4), f(3, 1)] },
    { op, note: 'of 64-bit integers', inputs: [int64s(2, 3), positiveInts(3)], outputs: ['INT64'] },
    {
      op,
      note: 'of 8-bit integers',
      from: 14,
      inputs: [['INT8', [2, 3]], positiveBytes(3)],
      outputs: ['INT8'],
    },
  ]),
  { op: 'Pow', note: 'with broadcasting', inputs: [positive(2, 3), f(3)] },
  { op: 'Pow', note: 'with an exponent of another type', from: 12, inputs: [f(2, 3), positiveInts(3)] },
  {
    op: 'Pow',
    note: 'of whole numbers',
    from: 12,
    inputs: [['INT32', [2, 3]], positiveInts(3)],
    outputs: ['INT32'],
  },
  { op: 'Mod', note: 'of whole numbers', inputs: [int64s(2, 3), positiveInts(3)], outputs: ['INT64'] },
  { op: 'Mod', note: 'of floats', inputs: [f(2, 3), positive(3)], attributes: { fmod: 1 } },
  ...['Max', 'Min', 'Sum', 'Mean'].flatMap((op): VersionedCase[] => [
    { op, note: 'of three', inputs: [f(2, 3), f(2, 3), f(2, 3)] },
    { op, note: 'of one', inputs: [f(2, 3)] },
    { op, note: 'with broadcasting', from: 8, inputs: [f(2, 3), f(3), f(2, 1)] },
  ]),
  ...['Max', 'Min'].flatMap((op): VersionedCase[] => [
    { op, note: 'with a NaN', inputs: [special, f(5)] },
    { op, note: 'of whole numbers', from: 12, inputs: [int64s(2, 3), int64s(3)], outputs: ['INT64'] },
  ]),
  {
    op: 'BitShift',
    inputs: [
      ['UINT8', [2, 3]],
      ['UINT8', [3]],
    ],
    attributes: { direction: 'LEFT' },
    outputs: ['UINT8'],
  },
  ...['BitwiseAnd', 'BitwiseOr', 'BitwiseXor'].map(
    (op): VersionedCase => ({
      op,
      inputs: [
        ['INT32', [2, 3]],
        ['INT32', [3]],
      ],
      outputs: ['INT32'],
    }),
  ),
  { op: 'BitwiseNot', inputs: [['INT32', [2, 3]]], outputs: ['INT32'] },

  ...LOGIC.split(' ').map(
    (op): VersionedCase => ({ op, inputs: [bools(2, 3), bools(3)], outputs: ['BOOL'] }),
  ),
  { op: 'Not', inputs: [bools(2, 3)], outputs: ['BOOL'] },
  ...COMPARISONS.split(' ').flatMap((op): VersionedCase[] => [
    { op, note: 'of floats', inputs: [f(2, 5), special], outputs: ['BOOL'] },
    { op, note: 'of whole numbers', from: 9, inputs: [int64s(2, 3), int64s(3)], outputs: ['BOOL'] },
  ]),
  { op: 'Equal', note: 'of whole numbers', inputs: [int64s(2, 3), int64s(3)], outputs: ['BOOL'] },
  { op: 'Equal', note: 'of booleans', inputs: [bools(2, 3), bools(3)], outputs: ['BOOL'] },
  { op: 'Equal', note: 'of floats', from: 11, inputs: [f(2, 5), special], outputs: ['BOOL'] },
  { op: 'IsNaN', inputs: [special], outputs: ['BOOL'] },
  { op: 'IsInf', inputs: [special], outputs: ['BOOL'] },
  {
    op: 'IsInf',
    note: 'of one sign',
    inputs: [special],
    attributes: { detect_negative: 0 },
    outputs: ['BOOL'],
  },
  { op: 'Where', inputs: [bools(2, 3), f(3), f(2, 1)] },
  {
    op: 'Where',
    note: 'of whole numbers',
    inputs: [bools(2, 3), int64s(3), int64s(2, 1)],
    outputs: ['INT64'],
  },

  { op: 'Cast', note: 'to INT32', inputs: [f(2, 3)], attributes: { to: 6 }, outputs: ['INT32'] },
  { op: 'Cast', note: 'to BOOL', inputs: [int64s(2, 3)], attributes: { to: 9 }, outputs: ['BOOL'] },
  { op: 'Cast', note: 'to FLOAT', inputs: [bools(2, 3)], attributes: { to: 1 } },
  { op: 'CastLike', inputs: [f(2, 3), int64s(1)], outputs: ['INT64'] },
];

function positiveInts(...shape: number[]): Tensor {
  const tensor = someTensor('INT64', shape, 7);
  return {
    ...tensor,
    data: (tensor.data as BigInt64Array).map((value) => (value < 0n ? -value : value) + 1n),
  };
}

function positiveBytes(...shape: number[]): Tensor {
  const tensor = someTensor('INT8', shape, 7);
  return { ...tensor, data: (tensor.data as Int8Array).map((value) => Math.abs(value) + 1) };
}

function int32(values: readonly number[]): Tensor {
  return { dtype: 'INT32', shape: [values.length], data: Int32Array.from(values) };
}
