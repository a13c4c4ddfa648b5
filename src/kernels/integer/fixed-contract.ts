/*
 * Fixed-point values: what residual sums are made of between layers on codes. A value is a 32-bit integer v that stands for
 * v · unit, one unit for all values that meet, and lies like a map of codes: [batch, height, width, channels].
 *
 * |v| ≤ `MOST_FIXED` for every value, so that two of them add up in 32 bits. Whoever makes a value clamps it to that; a sum is
 * clamped again.
 */

/** The sum of two is below 2³¹. */
export const MOST_FIXED: number = 2 ** 30 - 1;

/**
 * Values of sums: clamp(⌊(clamp(S, −limit[r], limit[r]) · multiplier[r] + offset[r]) / 2^shift⌋ + addend, low, high). Who makes it sees
 * to limit · |multiplier| + |offset| ≤ `MOST_FIXED` · 2^shift, so that 64 bits hold the product, and 32 bits the quotient and its
 * sum with an addend; beyond, all three wrap around.
 */
export interface FixedFinish {
  readonly kind: 'fixed';
  /** [batch, outHeight, outWidth, outChannels] */
  readonly y: Int32Array;
  readonly multipliers: Int32Array;
  readonly offsets: BigInt64Array;
  /** Whole numbers from 0 on. */
  readonly limits: Int32Array;
  /** From 0 to 32. */
  readonly shift: number;
  /** Lies like y. */
  readonly addend?: Int32Array | undefined;
  readonly low: number;
  readonly high: number;
}

/** Codes that fixed-point values become: `multiplier` is unit / scale · 2³². */
export interface FixedGrid {
  /** A whole number from 0 to 2³¹ − 1. */
  readonly multiplier: number;
  readonly zero: number;
  readonly high: number;
}

export type FixedPooling = 'largest' | 'average';
