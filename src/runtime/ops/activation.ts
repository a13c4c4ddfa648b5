import { BnnqError } from '../../errors.ts';
import type { UnaryName } from '../../kernels/contract.ts';
import { erf, gelu } from '../../kernels/math/erf.ts';
import { expm1, sigmoid, tanh } from '../../kernels/math/exp.ts';
import { softplus } from '../../kernels/math/log.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { numberOf, sameShape, shapeText } from '../shapes.ts';
import { type BigUnary, bigMax, bigMin, binary, isBig, mapInto, type Unary, unary } from './elementwise.ts';
import type { OperatorTable } from './operator-table.ts';

const SELU_ALPHA = 1.6732632423543772;
const SELU_GAMMA = 1.0507009873554805;

/** An activation with parameters: the kernel with `alpha` and `beta` for FLOAT, f of the same two otherwise. */
function activate(
  call: Call,
  kernel: UnaryName | undefined,
  f: Unary,
  alpha?: number,
  beta?: number,
  big?: BigUnary,
): Tensor {
  const x = call.input(0);
  const y = call.inPlace(0);
  if (kernel !== undefined && x.dtype === 'FLOAT')
    call.kernels.unary(kernel, x.data as Float32Array, y.data as Float32Array, alpha, beta);
  else mapInto(x, y, f, big);
  return y;
}

const leakyRelu: Operator = (call) => {
  const alpha = call.float('alpha', 0.01);
  return activate(call, 'leakyRelu', (x) => (x < 0 ? alpha * x : x), alpha);
};

const elu: Operator = (call) => {
  const alpha = call.float('alpha', 1);
  return activate(call, 'elu', (x) => (x < 0 ? alpha * expm1(x) : x), alpha);
};

const selu: Operator = (call) => {
  const alpha = call.float('alpha', SELU_ALPHA);
  const gamma = call.float('gamma', SELU_GAMMA);
  return activate(call, 'selu', (x) => gamma * (x < 0 ? alpha * expm1(x) : x), alpha, gamma);
};

const celu: Operator = (call) => {
  const alpha = call.float('alpha', 1);
  return activate(call, undefined, (x) => (x < 0 ? alpha * expm1(x / alpha) : x));
};

const hardSigmoid: Operator = (call) => {
  const alpha = call.float('alpha', 0.2);
  const beta = call.float('beta', 0.5);
  return activate(call, 'hardSigmoid', (x) => Math.max(0, Math.min(1, alpha * x + beta)), alpha, beta);
};

const thresholdedRelu: Operator = (call) => {
  const alpha = call.float('alpha', 1);
  return activate(call, undefined, (x) => (x > alpha ? x : 0));
};

const shrink: Operator = (call) => {
  const lambda = call.float('lambd', 0.5);
  const bias = call.float('bias', 0);
  return activate(call, undefined, (x) => (x < -lambda ? x + bias : x > lambda ? x - bias : 0));
};

/** √(2/π), of the tanh approximation of Gelu. */
const GELU_TANH_SCALE = 0.7978845608028654;

const geluOperator: Operator = (call) =>
  call.text('approximate', 'none') === 'tanh'
    ? activate(call, undefined, (x) => 0.5 * x * (1 + tanh(GELU_TANH_SCALE * (x + 0.044715 * x * x * x))))
    : activate(call, 'gelu', gelu);

const swish: Operator = (call) => {
  const alpha = call.float('alpha', 1);
  return activate(call, undefined, (x) => x * sigmoid(alpha * x));
};

/** A·sigmoid(alpha·A)·B, A and B of one shape. */
const swiGlu: Operator = (call) => {
  const [a, b] = [call.input(0), call.input(1)];
  const alpha = call.float('alpha', 1);
  if (!sameShape(a.shape, b.shape) || a.dtype !== b.dtype)
    throw new BnnqError(
      'mismatch',
      `A is ${a.dtype} ${shapeText(a.shape)}, B ${b.dtype} ${shapeText(b.shape)}; SwiGLU does not broadcast`,
    );
  const y = call.inPlace(0);
  const [gate, value, to] = [a.data, b.data, y.data] as Float32Array[] as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  for (let i = 0; i < to.length; i++) to[i] = gate[i]! * sigmoid(alpha * gate[i]!) * value[i]!;
  return y;
};

/** max(low, x), then min(high, ·); an absent bound does not bind. */
function clip(call: Call, low: number, high: number): Tensor {
  const big = isBig(call.input(0).dtype) ? clipBig(low, high) : undefined;
  return activate(call, 'clip', (x) => Math.min(high, Math.max(low, x)), low, high, big);
}

function clipBig(low: number, high: number): BigUnary {
  const least = Number.isFinite(low) ? BigInt(low) : undefined;
  const most = Number.isFinite(high) ? BigInt(high) : undefined;
  return (x) => {
    const raised = least === undefined ? x : bigMax(least, x);
    return most === undefined ? raised : bigMin(most, raised);
  };
}

const clipByAttributes: Operator = (call) =>
  clip(call, call.float('min', Number.NEGATIVE_INFINITY), call.float('max', Number.POSITIVE_INFINITY));

const clipByInputs: Operator = (call) => {
  const low = call.optional(1);
  const high = call.optional(2);
  return clip(
    call,
    low === undefined ? Number.NEGATIVE_INFINITY : numberOf(low),
    high === undefined ? Number.POSITIVE_INFINITY : numberOf(high),
  );
};

export const ACTIVATIONS: OperatorTable = {
  Relu: {
    6: unary(
      'relu',
      (x) => Math.max(0, x),
      (x) => (x > 0n ? x : 0n),
    ),
  },
  LeakyRelu: { 6: leakyRelu },
  PRelu: {
    7: binary({
      kernel: 'prelu',
      f: (x, slope) => (x < 0 ? x * slope : x),
      big: (x, slope) => (x < 0n ? x * slope : x),
    }),
  },
  Elu: { 6: elu },
  Selu: { 6: selu },
  Celu: { 12: celu },
  Sigmoid: { 6: unary('sigmoid', sigmoid) },
  HardSigmoid: { 6: hardSigmoid },
  HardSwish: { 14: unary('hardSwish', (x) => x * Math.max(0, Math.min(1, x / 6 + 0.5))) },
  Tanh: { 6: unary('tanh', tanh) },
  Softplus: { 1: unary('softplus', softplus) },
  Softsign: { 1: unary(undefined, (x) => x / (1 + Math.abs(x))) },
  Clip: { 6: clipByAttributes, 11: clipByInputs },
  ThresholdedRelu: { 10: thresholdedRelu },
  Shrink: { 9: shrink },
  Gelu: { 20: geluOperator },
  Mish: { 18: unary(undefined, (x) => x * tanh(softplus(x))) },
  Swish: { 24: swish },
  SwiGLU: { 28: swiGlu },
  Erf: { 9: unary('erf', erf) },
};
