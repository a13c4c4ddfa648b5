import { BnnqError } from '../../errors.ts';
import { exp } from '../../kernels/math/exp.ts';
import { acosh, asinh, atanh, cosh, sinh } from '../../kernels/math/hyperbolic.ts';
import { acos, asin, atan } from '../../kernels/math/inverse-trigonometry.ts';
import { log } from '../../kernels/math/log.ts';
import { pow } from '../../kernels/math/pow.ts';
import { cosDouble, sinDouble } from '../../kernels/math/trigonometry-double.ts';
import { DATA_TYPES } from '../../tensor/dtype.ts';
import { roundHalfEven } from '../../tensor/round.ts';
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

/** The exact remainder with the sign of the divisor, which a zero has, too. */
function floorMod(a: number, b: number): number {
  const rest = a % b;
  if (rest === 0) return b < 0 ? -0 : 0;
  return rest < 0 === b < 0 ? rest : rest + b;
}

/** The remainder with the sign of the divisor (`fmod` 0) or of the dividend (`fmod` 1); 0 for integers modulo 0. */
const mod: Operator = (call) =>
  call.int('fmod', 0) === 1
    ? binary({ f: (a, b) => a % b, big: (a, b) => (b === 0n ? 0n : a % b) })(call)
    : binary({ f: floorMod, big: (a, b) => (b === 0n ? 0n : ((a % b) + b) % b) })(call);

/** The exponent may be of another type than the base, whose type is the result's. */
const power: Operator = (call) => {
  const base = call.input(0);
  const exponent = call.input(1);
  const y = call.allocate(base.dtype, broadcastShape(base.shape, exponent.shape));
  if (base.dtype === 'FLOAT') binaryInto(call, { kernel: 'pow', f: pow }, base, floatExponent(exponent), y);
  else if (isBig(base.dtype)) powerOfBigs(base, exponent, y);
  else combine({ f: pow }, base, asFloats(exponent), y);
  return y;
};

/** A FLOAT base wants a FLOAT exponent, for the kernel. */
function floatExponent(tensor: Tensor): Tensor {
  if (tensor.dtype !== 'DOUBLE') return asFloats(tensor);
  return { dtype: 'FLOAT', shape: tensor.shape, data: Float32Array.from(tensor.data as Float64Array) };
}

/** 64-bit integers: wrapped around for whole exponents, cut towards zero for others. */
function powerOfBigs(base: Tensor, exponent: Tensor, y: Tensor): void {
  if (isBig(exponent.dtype)) {
    combine({ f: pow, big: bigPower }, base, exponent, y);
    return;
  }
  const exponents = exponent.data as Float32Array;
  if (exponents.every((value) => Number.isSafeInteger(value))) {
    const whole = BigInt64Array.from(exponents, BigInt);
    combine({ f: pow, big: bigPower }, base, { dtype: base.dtype, shape: exponent.shape, data: whole }, y);
    return;
  }
  const floats: Tensor = {
    dtype: 'DOUBLE',
    shape: base.shape,
    data: Float64Array.from(base.data as BigInt64Array, Number),
  };
  const powers: Tensor = { dtype: 'DOUBLE', shape: y.shape, data: new Float64Array(y.data.length) };
  combine({ f: pow }, floats, exponent, powers);
  (y.data as BigInt64Array).set(
    BigInt64Array.from(powers.data as Float64Array, (value) =>
      Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n,
    ),
  );
}

/** By squaring, 64 bits at a time: a large exponent would make a number of any length. */
function bigPower(base: bigint, exponent: bigint): bigint {
  if (exponent < 0n) return base === 1n ? 1n : base !== -1n ? 0n : exponent % 2n === 0n ? 1n : -1n;
  let result = 1n;
  let factor = base;
  for (let left = exponent; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = BigInt.asIntN(64, result * factor);
    factor = BigInt.asIntN(64, factor * factor);
  }
  return result;
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

/**
 * Bits that are moved out are lost. To the right a signed integer is filled with its sign; by less than nothing, or by as
 * many bits as there are, nothing but that is left.
 */
const bitShift: Operator = (call) => {
  const { dtype } = call.input(0);
  const { bits } = DATA_TYPES[dtype];
  const width = BigInt(bits);
  const isSigned = dtype.startsWith('INT');
  const direction = call.text('direction', '');
  if (direction === 'LEFT')
    return binary({
      f: (a, b) => (b < 0 || b >= bits ? 0 : a << b),
      big: (a, b) => (b < 0n || b >= width ? 0n : a << b),
    })(call);
  if (direction !== 'RIGHT')
    throw new BnnqError('malformed', `direction "${direction}", expected LEFT or RIGHT`);
  return binary({
    f: (a, b) => (b < 0 || b >= bits ? (a < 0 ? -1 : 0) : isSigned ? a >> b : a >>> b),
    big: (a, b) => (b < 0n || b >= width ? (a < 0n ? -1n : 0n) : a >> b),
  })(call);
};

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
  Sin: { 7: unary('sin', sinDouble) },
  Cos: { 7: unary('cos', cosDouble) },
  Tan: { 7: unary(undefined, (x) => sinDouble(x) / cosDouble(x)) },
  Asin: { 7: unary(undefined, asin) },
  Acos: { 7: unary(undefined, acos) },
  Atan: { 7: unary(undefined, atan) },
  Sinh: { 9: unary(undefined, sinh) },
  Cosh: { 9: unary(undefined, cosh) },
  Asinh: { 9: unary(undefined, asinh) },
  Acosh: { 9: unary(undefined, acosh) },
  Atanh: { 9: unary(undefined, atanh) },
};

function divide(call: Call): Tensor {
  const { dtype } = call.input(0);
  const isInteger = dtype !== 'FLOAT' && dtype !== 'DOUBLE';
  return binary(isInteger ? { ...DIV, f: (a, b) => Math.trunc(a / b) } : DIV)(call) as Tensor;
}
