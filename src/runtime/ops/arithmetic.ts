import { exp, expm1 } from '../../kernels/math/exp.ts';
import { log, log1p } from '../../kernels/math/log.ts';
import { pow } from '../../kernels/math/pow.ts';
import { cos, sin } from '../../kernels/math/trigonometry.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { broadcastShape } from '../broadcast.ts';
import type { Call, Operator } from '../call.ts';
import {
  type Binary,
  type BinaryFunctions,
  bigMax,
  bigMin,
  binary,
  binaryInto,
  combine,
  isBig,
  mapInto,
  unary,
  variadic,
} from './elementwise.ts';
import type { OperatorTable } from './operator-table.ts';

/** Ties to even, as IEEE 754 and ONNX Round have it. */
export function roundHalfEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  if (rest < 0.5) return low === 0 && x < 0 ? -0 : low;
  if (rest > 0.5) return low + 1 === 0 ? -0 : low + 1;
  return low % 2 === 0 ? low : low + 1 === 0 ? -0 : low + 1;
}

const ADD: BinaryFunctions = { kernel: 'add', f: (a, b) => a + b, big: (a, b) => a + b };
const MAX: BinaryFunctions = { kernel: 'max', f: (a, b) => Math.max(a, b), big: bigMax };
const MIN: BinaryFunctions = { kernel: 'min', f: (a, b) => Math.min(a, b), big: bigMin };
const MUL: BinaryFunctions = {
  kernel: 'mul',
  f: (a, b) => a * b,
  big: (a, b) => a * b,
  word: (a, b) => Math.imul(a, b),
};

/** Integer division is cut towards zero; by zero it gives 0. */
const DIV: BinaryFunctions = {
  kernel: 'div',
  f: (a, b) => a / b,
  big: (a, b) => (b === 0n ? 0n : a / b),
};

/** The remainder with the sign of the divisor (`fmod` 0) or of the dividend (`fmod` 1). */
const mod: Operator = (call) =>
  call.int('fmod', 0) === 1
    ? binary({ f: (a, b) => a % b, big: (a, b) => (b === 0n ? 0n : a % b) })(call)
    : binary({
        f: (a, b) => a - b * Math.floor(a / b),
        big: (a, b) => (b === 0n ? 0n : ((a % b) + b) % b),
      })(call);

/** The exponent may be of another type than the base, whose type is the result's. */
const power: Operator = (call) => {
  const base = call.input(0);
  const exponent = call.input(1);
  const y = call.allocate(base.dtype, broadcastShape(base.shape, exponent.shape));
  if (base.dtype === 'FLOAT') binaryInto(call, { kernel: 'pow', f: pow }, base, floatExponent(exponent), y);
  else if (isBig(base.dtype)) combine({ f: pow, big: bigPower }, base, asBigs(exponent), y);
  else combine({ f: pow }, base, asFloats(exponent), y);
  return y;
};

/** A FLOAT base wants a FLOAT exponent, for the kernel. */
function floatExponent(tensor: Tensor): Tensor {
  if (tensor.dtype !== 'DOUBLE') return asFloats(tensor);
  return { dtype: 'FLOAT', shape: tensor.shape, data: Float32Array.from(tensor.data as Float64Array) };
}

function bigPower(base: bigint, exponent: bigint): bigint {
  if (exponent >= 0n) return base ** exponent;
  return base === 1n ? 1n : 0n;
}

function asBigs(tensor: Tensor): Tensor {
  if (isBig(tensor.dtype)) return tensor;
  const data = BigInt64Array.from(tensor.data as Float32Array, (value) => BigInt(Math.trunc(value)));
  return { dtype: 'INT64', shape: tensor.shape, data };
}

function asFloats(tensor: Tensor): Tensor {
  if (tensor.dtype === 'FLOAT' || tensor.dtype === 'DOUBLE') return tensor;
  const data = new Float32Array(tensor.data.length);
  for (let i = 0; i < data.length; i++) data[i] = Number(tensor.data[i]);
  return { dtype: 'FLOAT', shape: tensor.shape, data };
}

const sum = variadic(ADD);

/** The sum of all inputs, then divided by their number. */
const mean: Operator = (call) => {
  const y = sum(call) as Tensor;
  const count = call.inputs.length;
  mapInto(y, y, (value) => value / count);
  return y;
};

const bitwise = (f: Binary, big: (a: bigint, b: bigint) => bigint): Operator => binary({ f, big });

const bitShift: Operator = (call) =>
  call.text('direction', 'LEFT') === 'LEFT'
    ? binary({ f: (a, b) => (b > 31 ? 0 : (a << b) >>> 0), big: (a, b) => BigInt.asUintN(64, a << b) })(call)
    : binary({ f: (a, b) => (b > 31 ? 0 : a >>> b), big: (a, b) => a >> b })(call);

function sinh(x: number): number {
  const t = expm1(Math.abs(x));
  const size = (t + t / (t + 1)) / 2;
  return x < 0 ? -size : size;
}

const negate = (x: number): number => -x;

export const ARITHMETIC: OperatorTable = {
  Add: { 7: binary(ADD) },
  Sub: { 7: binary({ kernel: 'sub', f: (a, b) => a - b, big: (a, b) => a - b }) },
  Mul: { 7: binary(MUL) },
  Div: { 7: (call) => divide(call) },
  Pow: { 7: power },
  Mod: { 10: mod },
  Max: { 6: variadic(MAX) },
  Min: { 6: variadic(MIN) },
  Sum: { 6: sum },
  Mean: { 6: mean },
  BitwiseAnd: {
    18: bitwise(
      (a, b) => a & b,
      (a, b) => a & b,
    ),
  },
  BitwiseOr: {
    18: bitwise(
      (a, b) => a | b,
      (a, b) => a | b,
    ),
  },
  BitwiseXor: {
    18: bitwise(
      (a, b) => a ^ b,
      (a, b) => a ^ b,
    ),
  },
  BitwiseNot: {
    18: unary(
      undefined,
      (x) => ~x,
      (x) => ~x,
    ),
  },
  BitShift: { 11: bitShift },

  Sqrt: { 6: unary('sqrt', Math.sqrt) },
  Exp: { 6: unary('exp', exp) },
  Log: { 6: unary('log', log) },
  Abs: { 6: unary('abs', Math.abs, (x) => (x < 0n ? -x : x)) },
  Neg: { 6: unary('neg', negate, (x) => -x) },
  Reciprocal: { 6: unary('reciprocal', (x) => 1 / x) },
  Floor: { 6: unary('floor', Math.floor) },
  Ceil: { 6: unary('ceil', Math.ceil) },
  Round: { 11: unary('round', roundHalfEven) },
  Sign: { 9: unary('sign', Math.sign, (x) => (x > 0n ? 1n : x < 0n ? -1n : 0n)) },
  Sin: { 7: unary('sin', sin) },
  Cos: { 7: unary('cos', cos) },
  Tan: { 7: unary(undefined, (x) => sin(x) / cos(x)) },
  Sinh: { 9: unary(undefined, sinh) },
  Cosh: { 9: unary(undefined, (x) => (exp(x) + exp(-x)) / 2) },
  Asinh: { 9: unary(undefined, asinh) },
  Acosh: { 9: unary(undefined, (x) => log(x + Math.sqrt(x * x - 1))) },
  Atanh: { 9: unary(undefined, atanh) },
};

function divide(call: Call): Tensor {
  const { dtype } = call.input(0);
  const isInteger = dtype !== 'FLOAT' && dtype !== 'DOUBLE';
  return binary(isInteger ? { ...DIV, f: (a, b) => Math.trunc(a / b) } : DIV)(call) as Tensor;
}

/** ln(|x| + √(x² + 1)), written so that small x keep their digits. */
function asinh(x: number): number {
  const size = Math.abs(x);
  const y = log1p(size + (size * size) / (1 + Math.sqrt(size * size + 1)));
  return x < 0 ? -y : y;
}

/** ½·ln((1 + x)/(1 − x)). */
function atanh(x: number): number {
  const size = Math.abs(x);
  if (size > 1) return Number.NaN;
  const y = log1p((2 * size) / (1 - size)) / 2;
  return x < 0 ? -y : y;
}
