import type { FloatFinish } from '../../../kernels/binary/contract.ts';
import { applyEpilogue } from '../../../kernels/epilogue.ts';

/** The signs of a layer's outputs as comparisons of its whole-number sums: −1 where (sum < threshold) ≠ flip, [slices, rows]. */
export interface Thresholds {
  readonly thresholds: Int32Array;
  readonly flips: Uint8Array;
}

/** Sums that a layer may have. */
export interface SumRange {
  /** Terms of a sum: it is at most as large. */
  readonly terms: number;
  /** Whether windows reach into the padding, so that a sum may have fewer terms; else it is as odd or even as their number. */
  readonly isPadded: boolean;
}

/**
 * Thresholds with which signs are those of the floats that the layer would give. What a channel does with a sum d, a·d·scale + bias
 * and a clamp, each step rounded, never falls where the scale is above 0 and never rises where it is below, for rounding is
 * monotone; so its sign changes once at most, and bisection finds where. γ = 0 leaves one sign for all sums.
 * @param zero whether what is at its bound counts as +1; else it has no sign
 * @param bounds what values are compared with, finite, [slices, rows]; zeros where there are none
 * @returns undefined where a value that can occur has no sign (at its bound with `zero` false), or not all are finite
 */
export function thresholdsOf(
  finish: Omit<FloatFinish, 'kind' | 'y'>,
  { terms, isPadded }: SumRange,
  zero: boolean,
  bounds: Float32Array = new Float32Array(finish.alpha.length),
): Thresholds | undefined {
  const rows = finish.alpha.length;
  const thresholds = new Int32Array(bounds.length);
  const flips = new Uint8Array(bounds.length);
  const step = isPadded ? 1 : 2;
  const count = Math.floor((2 * terms) / step);
  for (let channel = 0; channel < bounds.length; channel++) {
    const r = channel % rows;
    const bound = bounds[channel]!;
    const at = (i: number): number => step * i - terms;
    const valueAt = (i: number): number => applyEpilogue(Math.fround(finish.alpha[r]! * at(i)), finish, r, 0);
    const [first, last] = [valueAt(0), valueAt(count)];
    if (!Number.isFinite(first) || !Number.isFinite(last)) return undefined;
    const falls = last < first;
    // The first sum whose value has left the sign of the lowest: not below its bound any more, or, where values fall, below it.
    const hasLeft = (i: number): boolean => valueAt(i) < bound === falls;
    let [low, high] = [0, count + 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (hasLeft(middle)) high = middle;
      else low = middle + 1;
    }
    const edge = falls ? low - 1 : low;
    if (!zero && edge >= 0 && edge <= count && valueAt(edge) === bound) return undefined;
    thresholds[channel] = at(low);
    flips[channel] = falls ? 1 : 0;
  }
  return { thresholds, flips };
}
