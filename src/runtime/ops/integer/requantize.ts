import { BnnqError } from '../../../errors.ts';
import { type CodeFinish, type CodeGrid, MOST_OFFSET, MOST_SUM } from '../../../kernels/integer/contract.ts';
import { type FixedFinish, MOST_FIXED } from '../../../kernels/integer/fixed-contract.ts';

/** The part of a layer's tail that fixed-point numbers can say. */
export interface IntegerTail {
  /** What a sum of 1 stands for, a row. */
  readonly alpha: Float64Array;
  readonly scale?: Float32Array | undefined;
  readonly bias?: Float32Array | undefined;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

/**
 * Codes of clamp((alpha·S)·scale + bias) as ⌊(S·multiplier + offset) / 2³²⌋ with multiplier = alpha·scale / step · 2³² and
 * offset = (bias / step + zero + ½) · 2³², where step is the scale of the codes: rounding to the nearest, ties up. A multiplier is off by ½ at
 * most, so that with |S| < 2²⁹ no code is off by more than 1/16 of a step from what real numbers would give before rounding.
 *
 * @returns undefined where a sum of 1 is half a step or more, or a number is not finite: floats say that better
 */
export function fixedPoint(tail: IntegerTail, grid: CodeGrid): Omit<CodeFinish, 'kind' | 'y'> | undefined {
  const { alpha, scale, bias } = tail;
  const rows = alpha.length;
  const multipliers = new Int32Array(rows);
  const offsets = new BigInt64Array(rows);
  for (let r = 0; r < rows; r++) {
    const multiplier = Math.round(((alpha[r]! * (scale?.[r] ?? 1)) / grid.scale) * 2 ** 32);
    const offset = Math.round(((bias?.[r] ?? 0) / grid.scale + grid.zero + 0.5) * 2 ** 32);
    if (!(Math.abs(multiplier) < 2 ** 31 && Math.abs(offset) < Number(MOST_OFFSET))) return undefined;
    multipliers[r] = multiplier;
    offsets[r] = BigInt(offset);
  }
  const codeOf = (value: number): number => {
    const code = Math.floor(value / grid.scale + grid.zero + 0.5);
    return Math.min(grid.high, Math.max(0, code));
  };
  const low = tail.low === undefined ? 0 : codeOf(tail.low);
  // Bounds are applied as max(low, ·), then min(high, ·).
  const high = tail.high === undefined ? grid.high : codeOf(tail.high);
  return { multipliers, offsets, low: Math.min(low, high), high };
}

/** A shift by more would leave multipliers no use of their bits. */
const MOST_SHIFT = 32;
/** Biases are cut off at half of what values may be, so that sums have the other half. */
const MOST_BIAS = 2 ** 29;

/**
 * Fixed-point values of clamp((alpha·S)·scale + bias + addend) as ⌊(S·multiplier + offset) / 2^shift⌋ with multiplier =
 * alpha·scale / unit · 2^shift and offset = (bias / unit + ½) · 2^shift: rounding to the nearest, ties up. The shift is the largest up to 32 that
 * keeps multipliers below 2³¹, so that a value is off by ½ + |S| / 2^(shift+1) units at most. A limit for |S| keeps each below
 * 2³⁰: |S·multiplier| + |offset| ≤ `MOST_FIXED` · 2^shift.
 *
 * @throws internal where a sum of 1 is 2³¹ units or more, which whoever chose the unit has seen to
 */
export function fixedValues(tail: IntegerTail, unit: number): Omit<FixedFinish, 'kind' | 'y' | 'addend'> {
  const { alpha, scale, bias } = tail;
  const factors = alpha.map((value, r) => (value * (scale?.[r] ?? 1)) / unit);
  const largest = factors.reduce((most, factor) => Math.max(most, Math.abs(factor)), 0);
  let shift = MOST_SHIFT;
  while (shift > 0 && Math.round(largest * 2 ** shift) >= 2 ** 31) shift--;
  if (!(Math.round(largest * 2 ** shift) < 2 ** 31))
    throw new BnnqError('internal', `a sum of 1 is ${largest} units of a fixed-point value`);
  const multipliers = Int32Array.from(factors, (factor) => Math.round(factor * 2 ** shift));
  const offsets = BigInt64Array.from(factors, (_, r) => {
    const held = Math.min(MOST_BIAS, Math.max(-MOST_BIAS, (bias?.[r] ?? 0) / unit));
    return BigInt(Math.round((held + 0.5) * 2 ** shift));
  });
  const room = BigInt(MOST_FIXED) << BigInt(shift);
  const limits = Int32Array.from(factors, (_, r) => {
    const [multiplier, offset] = [multipliers[r]!, offsets[r]!];
    if (multiplier === 0) return MOST_SUM;
    const most = (room - (offset < 0n ? -offset : offset)) / BigInt(Math.abs(multiplier));
    return Math.min(MOST_SUM, Number(most));
  });
  return { multipliers, offsets, limits, shift, ...fixedBounds(tail, unit) };
}

/** Bounds of values in units, to the nearest. */
export function fixedBounds(
  { low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY }: Pick<IntegerTail, 'low' | 'high'>,
  unit: number,
): { low: number; high: number } {
  const held = (value: number): number =>
    Math.min(MOST_FIXED, Math.max(-MOST_FIXED, Math.floor(value / unit + 0.5)));
  // Bounds are applied as max(low, ·), then min(high, ·).
  return { low: Math.min(held(low), held(high)), high: held(high) };
}
