import { BnnqError } from '../errors.ts';
import { roundHalfEven } from '../tensor/round.ts';

/**
 * The arithmetic of the QONNX operators, an element at a time, in float32 with every step rounded, in the order of the
 * QONNX operator documents (github.com/fastmachinelearning/qonnx, docs/qonnx-custom-ops).
 */
export type Rounding = (x: number) => number;

/** A rounding of sizes, taken for both signs. */
function bySize(round: Rounding): Rounding {
  return (x) => (x < 0 ? -round(-x) : round(x));
}

const ROUNDINGS: Readonly<Record<string, Rounding>> = {
  ROUND: roundHalfEven,
  HALF_EVEN: roundHalfEven,
  CEIL: Math.ceil,
  FLOOR: Math.floor,
  UP: bySize(Math.ceil),
  DOWN: Math.trunc,
  ROUND_TO_ZERO: Math.trunc,
  HALF_UP: bySize((x) => (x - Math.floor(x) >= 0.5 ? Math.floor(x) + 1 : Math.floor(x))),
  HALF_DOWN: bySize((x) => (x - Math.floor(x) > 0.5 ? Math.floor(x) + 1 : Math.floor(x))),
};

/** The rounding of that name, in upper or lower case. @throws unsupported */
export function roundingOf(name: string): Rounding {
  const key = name.toUpperCase();
  const rounding = Object.hasOwn(ROUNDINGS, key) ? ROUNDINGS[key] : undefined;
  if (rounding === undefined)
    throw new BnnqError(
      'unsupported',
      `rounding_mode "${name}": expected one of ${Object.keys(ROUNDINGS).join(', ')}`,
    );
  return rounding;
}

/** The integers of a width; signed ones of one bit are −1 and +1. */
export interface IntegerRange {
  readonly low: number;
  readonly high: number;
  readonly isBipolar: boolean;
}

/**
 * Bounds as float32. `narrow` takes off the lowest signed integer, or the highest unsigned one.
 * @throws mismatch where `bits` is not a whole number from 1 on
 */
export function integerRange(bits: number, signed: boolean, narrow: boolean): IntegerRange {
  if (!Number.isInteger(bits) || bits < 1 || bits > 64)
    throw new BnnqError('mismatch', `bit width: expected a whole number from 1 to 64, got ${bits}`);
  const size = 2 ** (signed ? bits - 1 : bits);
  const less = narrow ? 1 : 0;
  return {
    low: signed ? Math.fround(-size + less) : 0,
    high: Math.fround(signed ? size - 1 : size - 1 - less),
    isBipolar: signed && bits === 1,
  };
}

/** Quant and IntQuant: scaled, shifted, clamped, rounded, and back. */
export function intQuant(
  x: number,
  scale: number,
  zero: number,
  { low, high, isBipolar }: IntegerRange,
  round: Rounding,
): number {
  let y = Math.fround(Math.fround(x / scale) + zero);
  if (isBipolar) y = y >= 0 ? 1 : -1;
  else {
    if (y > high) y = high;
    if (y < low) y = low;
    y = round(y);
  }
  return Math.fround(Math.fround(y - zero) * scale);
}

/** BipolarQuant: +scale for x ≥ 0 (−0 too), else −scale. */
export function bipolarQuant(x: number, scale: number): number {
  return Math.fround((x >= 0 ? 1 : -1) * scale);
}

/** DequantizeLinear: (q − zero)·scale. */
export function dequantize(q: number, scale: number, zero: number): number {
  return Math.fround(Math.fround(q - zero) * scale);
}
