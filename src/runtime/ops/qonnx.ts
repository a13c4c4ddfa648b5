import { BnnqError } from '../../errors.ts';
import { log } from '../../kernels/math/log.ts';
import {
  bipolarQuant,
  integerRange,
  intQuant,
  type Rounding,
  roundingOf,
} from '../../passes/quant-arithmetic.ts';
import { roundHalfEven, WHOLE } from '../../tensor/round.ts';
import { floatData, type Tensor } from '../../tensor/tensor.ts';
import { broadcast, broadcastShape, eachRun } from '../broadcast.ts';
import type { Call, Operator } from '../call.ts';
import { numbersOf } from '../shapes.ts';
import { multiThreshold } from './multi-threshold.ts';
import type { OperatorTable } from './operator-table.ts';

type Numbers = ArrayLike<number>;

/** y = f(x, parameters…), the parameters broadcast to x as NumPy does it; `at` are the places of an element in each. */
function elementwise(
  call: Call,
  count: number,
  make: (operands: readonly Numbers[]) => (at: readonly number[]) => number,
): Tensor {
  const operands = Array.from({ length: count }, (_, i) => call.input(i));
  const x = operands[0]!;
  if (x.dtype !== 'FLOAT') throw new BnnqError('unsupported', `elements of type ${x.dtype}, expected FLOAT`);
  const shape = broadcastShape(...operands.map((operand) => operand.shape));
  const plan = broadcast(
    shape,
    operands.map((operand) => operand.shape),
  );
  const y = call.allocate('FLOAT', shape);
  const f = make(
    operands.map((operand) =>
      operand.dtype === 'FLOAT' ? (operand.data as Float32Array) : numbersOf(operand),
    ),
  );
  const to = y.data as Float32Array;
  const length = plan.dims.at(-1)!;
  const steps = plan.strides.map((strides) => strides.at(-1)!);
  const at = new Array<number>(count).fill(0);
  eachRun(plan, (start, from) => {
    for (let k = 0; k < count; k++) at[k] = from[k]!;
    for (let i = start; i < start + length; i++) {
      to[i] = f(at);
      for (let k = 0; k < count; k++) at[k]! += steps[k]!;
    }
  });
  return y;
}

/** Ranges by width, made once each. */
function rangesOf(call: Call, signedByDefault: number): (bits: number) => ReturnType<typeof integerRange> {
  const signed = call.int('signed', signedByDefault) !== 0;
  const narrow = call.int('narrow', 0) !== 0;
  const known = new Map<number, ReturnType<typeof integerRange>>();
  return (bits) => {
    let range = known.get(bits);
    if (range === undefined) {
      range = integerRange(bits, signed, narrow);
      known.set(bits, range);
    }
    return range;
  };
}

/** Quant, IntQuant: x, scale, zero point, bit width. */
const quant: Operator = (call) => {
  const round = roundingOf(call.text('rounding_mode', 'ROUND'));
  const rangeOf = rangesOf(call, 1);
  const oneGrid = quantToOneGrid(call, rangeOf, round);
  if (oneGrid !== undefined) return oneGrid;
  return elementwise(call, 4, ([x, scale, zero, bits]) => {
    const fixed = bits!.length === 1 ? rangeOf(bits![0]!) : undefined;
    return (at) =>
      intQuant(x![at[0]!]!, scale![at[1]!]!, zero![at[2]!]!, fixed ?? rangeOf(bits![at[3]!]!), round);
  });
};

/** Quant with one scale, zero point and width for all elements; undefined with others. Activations are rounded so. */
function quantToOneGrid(
  call: Call,
  rangeOf: (bits: number) => ReturnType<typeof integerRange>,
  round: Rounding,
): Tensor | undefined {
  const [x, ...parameters] = [0, 1, 2, 3].map((i) => call.input(i)) as [Tensor, Tensor, Tensor, Tensor];
  if (x.dtype !== 'FLOAT' || parameters.some(({ shape }) => shape.length > 0)) return undefined;
  const [scale, zero, bits] = parameters.map((tensor) => numbersOf(tensor)[0]!) as [number, number, number];
  const range = rangeOf(bits);
  const { low, high } = range;
  const y = call.allocate('FLOAT', x.shape);
  const [from, to] = [x.data as Float32Array, y.data as Float32Array];
  const isPlain = round === roundHalfEven && low >= 0 && !range.isBipolar && !Object.is(zero, -0);
  if (isPlain) quantUnsigned(from, to, scale, zero, low, high);
  else for (let i = 0; i < to.length; i++) to[i] = intQuant(from[i]!, scale, zero, range, round);
  return y;
}

/** `intQuant` for integers that are not negative, without a branch; measured: twice as fast. */
function quantUnsigned(
  from: Float32Array,
  to: Float32Array,
  scale: number,
  zero: number,
  low: number,
  high: number,
): void {
  for (let i = 0; i < from.length; i++) {
    const q = Math.fround(Math.fround(from[i]! / scale) + zero);
    to[i] = Math.fround(Math.min(high, Math.max(low, q)) + WHOLE - WHOLE - zero) * scale;
  }
}

/** BipolarQuant: x, scale. */
const bipolar: Operator = (call) => {
  const [x, scale] = [call.input(0), call.input(1)];
  if (x.dtype !== 'FLOAT' || scale.dtype !== 'FLOAT')
    return elementwise(
      call,
      2,
      ([values, scales]) =>
        (at) =>
          bipolarQuant(values![at[0]!]!, scales![at[1]!]!),
    );
  const shape = broadcastShape(x.shape, scale.shape);
  const plan = broadcast(shape, [x.shape, scale.shape]);
  const y = call.allocate('FLOAT', shape);
  const [from, sizes, to] = [x, scale, y].map(floatData) as [Float32Array, Float32Array, Float32Array];
  const length = plan.dims.at(-1)!;
  const [step, sizeStep] = plan.strides.map((strides) => strides.at(-1)!) as [number, number];
  eachRun(plan, (start, at) => {
    let [i, s] = at as [number, number];
    for (let j = start; j < start + length; j++, i += step, s += sizeStep)
      to[j] = bipolarQuant(from[i]!, sizes[s]!);
  });
  return y;
};

/**
 * Trunc. Version 1 has x, scale, zero point, input and output width; version 2 a scale of the output before its width,
 * some files a zero point of the output, which nothing reads, between them. Files seldom name the version that they
 * mean: the number of inputs tells.
 */
const trunc: Operator = (call) => {
  const round = roundingOf(call.text('rounding_mode', 'FLOOR'));
  const ints = roundingOf('ROUND');
  const count = call.inputs.length;
  if (count === 5)
    return elementwise(call, 5, ([x, scale, zero, inBits, outBits]) => (at) => {
      const s = scale![at[1]!]!;
      const z = zero![at[2]!]!;
      const whole = ints(Math.fround(Math.fround(x![at[0]!]! / s) + z));
      const cut = round(Math.fround(whole / powerOfTwo(inBits![at[3]!]! - outBits![at[4]!]!)));
      return Math.fround(Math.fround(cut - z) * s);
    });
  if (count !== 6 && count !== 7)
    throw new BnnqError('mismatch', `expected 5 inputs (version 1) or 6 or 7 (version 2), got ${count}`);
  const rangeOf = rangesOf(call, 1);
  return elementwise(call, count, (operands) => {
    const [x, scale, zero, , outScale] = operands;
    const outBits = operands[count - 1]!;
    return (at) => {
      const s = scale![at[1]!]!;
      const z = zero![at[2]!]!;
      const to = outScale![at[4]!]!;
      const { low, high } = rangeOf(outBits[at[count - 1]!]!);
      // Scales are meant to differ by a power of two; the nearest one is taken.
      const shift = powerOfTwo(ints(log2(Math.fround(to / s))));
      let y = Math.fround(ints(Math.fround(Math.fround(x![at[0]!]! / s) + z)) / shift);
      if (y > high) y = high;
      if (y < low) y = low;
      return Math.fround(Math.fround(round(y) - Math.fround(z / shift)) * to);
    };
  });
};

/**
 * FloatQuant: x, scale, exponent width, mantissa width, exponent bias, largest value. Values beyond the largest one become
 * it, or with `saturation` 0 an infinity or NaN. `has_subnormal` changes nothing, as in QONNX.
 */
const floatQuant: Operator = (call) => {
  const round = roundingOf(call.text('rounding_mode', 'ROUND'));
  const saturates = call.int('saturation', 1) !== 0;
  const hasInfinity = call.int('has_inf', call.int('has_infinity', 0)) !== 0;
  if (!saturates && !hasInfinity && call.int('has_nan', 0) === 0)
    throw new BnnqError('mismatch', 'saturation 0 needs has_inf or has_nan');
  const beyond = (sign: number, max: number): number =>
    saturates ? sign * max : hasInfinity ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return elementwise(call, 6, ([x, scale, exponentBits, mantissaBits, bias, largest]) => (at) => {
    const s = scale![at[1]!]!;
    const mantissa = mantissaBits![at[3]!]!;
    const offset = bias![at[4]!]!;
    const scaled = Math.fround(x![at[0]!]! / s);
    const exponent = Math.floor(log2(Math.fround(Math.abs(scaled) + TINY))) - mantissa;
    const step = powerOfTwo(Math.max(exponent, 1 - offset - mantissa));
    const y = Math.fround(step * round(Math.fround(scaled / step)));
    const top = (2 - powerOfTwo(-mantissa)) * powerOfTwo(powerOfTwo(exponentBits![at[2]!]!) - 1 - offset);
    const max = Math.min(top, largest![at[5]!]!);
    const kept = y > max ? beyond(1, max) : y < -max ? beyond(-1, max) : y;
    return Math.fround(Math.fround(kept) * s);
  });
};

/** The smallest normal float32, which keeps the logarithm of 0 finite. */
const TINY = 2 ** -126;

/** 2 to a whole power, exact. */
function powerOfTwo(exponent: number): number {
  if (!Number.isInteger(exponent))
    throw new BnnqError(
      'unsupported',
      `widths and biases that are no whole numbers (2 to the power of ${exponent})`,
    );
  if (exponent > 1023) return Number.POSITIVE_INFINITY;
  if (exponent < -1074) return 0;
  let result = 1;
  for (let i = Math.abs(exponent); i > 0; i--) result *= exponent > 0 ? 2 : 0.5;
  return result;
}

/** Logarithm to the base 2 of a positive float32, exact for powers of two, rounded to float32. */
function log2(x: number): number {
  if (!(x > 0) || x === Number.POSITIVE_INFINITY)
    return x === 0 ? Number.NEGATIVE_INFINITY : x > 0 ? x : Number.NaN;
  let exponent = 0;
  let mantissa = x;
  for (; mantissa >= 2; exponent++) mantissa /= 2;
  for (; mantissa < 1; exponent--) mantissa *= 2;
  return Math.fround(exponent + (mantissa === 1 ? 0 : log(mantissa) / Math.LN2));
}

/** Operators of quantized networks that Brevitas, QONNX and FINN write. */
export const QONNX: OperatorTable = {
  Quant: { 1: quant },
  IntQuant: { 1: quant },
  BipolarQuant: { 1: bipolar },
  Trunc: { 1: trunc },
  FloatQuant: { 1: floatQuant },
  MultiThreshold: { 1: multiThreshold },
};
