import type { Dim } from '../../ir/graph.ts';
import { type DataType, dataTypeOf } from '../../tensor/dtype.ts';
import { numberAttribute } from '../constant-values.ts';
import { axisIn, broadcastDims, type Fact, fact, type Infer, sameAsFirst } from './fact.ts';

/** Computes one element; a dimension that is not a number makes the result unknown, unless `keep` knows better. */
type Compute = (a: number, b: number) => number;

const INTEGERS: ReadonlySet<DataType> = new Set(['INT64', 'INT32', 'INT8', 'UINT8']);

/** An operator with broadcasting whose small operands are computed, as shape arithmetic does. */
function binary(compute?: Compute, dtype?: DataType, keep?: (a: Dim, b: Dim) => Dim): Infer {
  return ({ inputs }) => {
    const [a = {}, b = {}] = inputs;
    const out = dtype ?? a.dtype ?? b.dtype;
    const shape = broadcastDims(...inputs.map((input) => input.shape));
    return [fact(out, shape, compute && inputs.length === 2 ? combine(a, b, out, compute, keep) : undefined)];
  };
}

function combine(
  a: Fact,
  b: Fact,
  dtype: DataType | undefined,
  compute: Compute,
  keep?: (a: Dim, b: Dim) => Dim,
): Dim[] | undefined {
  const [x, y] = [a.content, b.content];
  if (x === undefined || y === undefined) return undefined;
  const length = x.length === 1 ? y.length : x.length;
  if (y.length !== 1 && y.length !== length) return undefined;
  if ((a.shape?.length ?? 2) > 1 || (b.shape?.length ?? 2) > 1) return undefined; // elements pair up in order
  return Array.from({ length }, (_, i): Dim => {
    const [p, q] = [x[x.length === 1 ? 0 : i]!, y[y.length === 1 ? 0 : i]!];
    if (typeof p !== 'number' || typeof q !== 'number') return keep?.(p, q) ?? null;
    return rounded(compute(p, q), dtype);
  });
}

function rounded(value: number, dtype: DataType | undefined): number | null {
  if (!Number.isFinite(value)) return null;
  if (dtype === 'FLOAT') return Math.fround(value);
  return dtype !== undefined && INTEGERS.has(dtype) ? Math.trunc(value) : value;
}

/** @param keep whether a dimension, a whole number that is not negative, stays as it is */
function unary(compute: (value: number) => number, keep = false): Infer {
  return ({ inputs: [a] }) => [
    fact(
      a?.dtype,
      a?.shape,
      a?.content?.map((value) =>
        typeof value === 'number' ? rounded(compute(value), a.dtype) : keep ? value : null,
      ),
    ),
  ];
}

const test = (holds: (a: number, b: number) => boolean) =>
  binary(
    (a, b) => (holds(a, b) ? 1 : 0),
    'BOOL',
    () => null,
  );

const neutral = (element: number) => (a: Dim, b: Dim) => (a === element ? b : b === element ? a : null);

const cast: Infer = ({ node, inputs: [a] }) => {
  const to = dataTypeOf(numberAttribute(node, 'to', 0));
  const content = a?.content?.map((value) => (typeof value === 'number' ? rounded(value, to) : value));
  return [
    fact(
      to,
      a?.shape,
      to === 'BOOL' ? content?.map((v) => (v === 0 ? 0 : typeof v === 'number' ? 1 : null)) : content,
    ),
  ];
};

const where: Infer = ({ inputs: [condition, a, b] }) => {
  const choices = condition?.content;
  const [x, y] = [a?.content, b?.content];
  const pick = (list: readonly Dim[], i: number): Dim => list[list.length === 1 ? 0 : i] ?? null;
  const content =
    choices !== undefined && x !== undefined && y !== undefined
      ? choices.map((choice, i) => (choice === null ? null : choice === 0 ? pick(y, i) : pick(x, i)))
      : undefined;
  return [fact(a?.dtype ?? b?.dtype, broadcastDims(condition?.shape, a?.shape, b?.shape), content)];
};

/** Dropout and the normalizations: the first output is like the input, the rest is seldom used. */
const dropout: Infer = ({ inputs: [a], opset }) => [
  fact(a?.dtype, a?.shape),
  fact(opset < 10 ? a?.dtype : 'BOOL', a?.shape),
];

/** In training mode it gives the new mean and variance, too. */
const batchNormalization: Infer = ({ inputs: [x, , , mean] }) => [
  fact(x?.dtype, x?.shape),
  fact(mean?.dtype, mean?.shape),
  fact(mean?.dtype, mean?.shape),
];

/** Y, and the mean and the inverse deviation of what is normalized together. */
const layerNormalization: Infer = ({ node, inputs: [x] }) => {
  const rank = x?.shape?.length ?? 0;
  const axis = axisIn(numberAttribute(node, 'axis', -1), rank) ?? rank;
  const statistics = fact(
    'FLOAT',
    x?.shape?.map((dim, i) => (i < axis ? dim : 1)),
  );
  return [fact(x?.dtype, x?.shape), statistics, statistics];
};

const quantizeLinear: Infer = ({ node, inputs: [a, , zero] }) => {
  const named = dataTypeOf(numberAttribute(node, 'output_dtype', 0));
  return [fact(zero?.dtype ?? named ?? 'UINT8', a?.shape)];
};

const isBoolean: Infer = ({ inputs: [a] }) => [fact('BOOL', a?.shape)];

const SAME =
  'Relu LeakyRelu PRelu Elu Selu Celu Gelu ThresholdedRelu Sigmoid HardSigmoid HardSwish Swish Mish Tanh Softplus Softsign Softmax ' +
  'LogSoftmax Hardmax Exp Log Erf Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh Sign Reciprocal Round Shrink ' +
  'InstanceNormalization RMSNormalization GroupNormalization LpNormalization ' +
  'MeanVarianceNormalization LRN CumSum CumProd Trilu Clip BitwiseNot ScatterElements ScatterND Scatter TensorScatter ReverseSequence';

export const ELEMENTWISE: Readonly<Record<string, Infer>> = {
  ...Object.fromEntries(SAME.split(' ').map((name) => [name, sameAsFirst])),
  Identity: ({ inputs: [a] }) => [a ?? {}],
  Add: binary((a, b) => a + b, undefined, neutral(0)),
  Sub: binary(
    (a, b) => a - b,
    undefined,
    (a, b) => (b === 0 ? a : null),
  ),
  Mul: binary((a, b) => a * b, undefined, neutral(1)),
  Div: binary(
    (a, b) => a / b,
    undefined,
    (a, b) => (b === 1 ? a : null),
  ),
  Mod: binary((a, b) => a - b * Math.floor(a / b)),
  Pow: binary(),
  Min: binary((a, b) => Math.min(a, b)),
  Max: binary((a, b) => Math.max(a, b)),
  Sum: binary(),
  Mean: binary(),
  BitShift: binary(),
  BitwiseAnd: binary(),
  BitwiseOr: binary(),
  BitwiseXor: binary(),
  And: test((a, b) => a !== 0 && b !== 0),
  Or: test((a, b) => a !== 0 || b !== 0),
  Xor: test((a, b) => (a !== 0) !== (b !== 0)),
  Equal: test((a, b) => a === b),
  Greater: test((a, b) => a > b),
  GreaterOrEqual: test((a, b) => a >= b),
  Less: test((a, b) => a < b),
  LessOrEqual: test((a, b) => a <= b),
  Not: isBoolean,
  IsNaN: isBoolean,
  IsInf: isBoolean,
  Neg: unary((a) => 0 - a),
  Abs: unary(Math.abs, true),
  Floor: unary(Math.floor, true),
  Ceil: unary(Math.ceil, true),
  Sqrt: unary(Math.sqrt),
  Where: where,
  Cast: cast,
  CastLike: ({ inputs: [a, like] }) => [fact(like?.dtype, a?.shape)],
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  Dropout: dropout,
  QuantizeLinear: quantizeLinear,
  DynamicQuantizeLinear: ({ inputs: [a] }) => [fact('UINT8', a?.shape), fact('FLOAT', []), fact('UINT8', [])],
  DequantizeLinear: ({ node, inputs: [a, scale] }) => [
    fact(dataTypeOf(numberAttribute(node, 'output_dtype', 0)) ?? scale?.dtype, a?.shape),
  ],
  // Quantized training (Brevitas, QONNX, FINN): what goes in is rounded and comes out as floats.
  Quant: sameAsFirst,
  BipolarQuant: sameAsFirst,
  Trunc: sameAsFirst,
  MultiThreshold: sameAsFirst,
};
