import type { Moments } from './moments.ts';

/** Bases in the order found, and the cells of the magnitudes that the successive signs make. */
export interface GreedyBases {
  readonly bases: Float64Array;
  /** Magnitudes between neighbouring cells, ascending: 2^(bits−1) − 1 of them. */
  readonly bounds: Float64Array;
}

/**
 * Residual binarization: the first base is E|w| with the sign of w, the next is the same of what is left, and so on
 * (Guo et al., Network Sketching, CVPR 2017). By cells of the magnitudes: each has its level so far, c, is split there,
 * and the halves move to c ± α, α being the mean distance |x − c| over all cells. An error of energy − mass·Σ α² is left.
 * @param moments of magnitudes
 */
export function greedyBases(moments: Moments, bits: number): GreedyBases {
  const bases = new Float64Array(bits);
  let levels = Float64Array.of(0);
  let bounds = new Float64Array(0);
  for (let i = 0; i < bits; i++) {
    const base = i === 0 ? moments.sum / moments.mass : meanDistance(moments, levels, bounds);
    bases[i] = base;
    if (i === 0) {
      levels = Float64Array.of(base); // the sign is that of w, and the magnitudes are one cell
      continue;
    }
    bounds = splitBounds(levels, bounds);
    levels = Float64Array.from(
      { length: 2 * levels.length },
      (_, k) => levels[k >> 1]! + (k & 1 ? base : -base),
    );
  }
  return { bases, bounds };
}

/** The bounds of the cells with each level between, which a level outside of its cell leaves empty on one side. */
function splitBounds(levels: Float64Array, bounds: Float64Array): Float64Array<ArrayBuffer> {
  const split = new Float64Array(2 * levels.length - 1);
  for (let k = 0; k < levels.length; k++) {
    const low = k === 0 ? 0 : bounds[k - 1]!;
    const high = k === bounds.length ? Number.POSITIVE_INFINITY : bounds[k]!;
    split[2 * k] = Math.min(Math.max(levels[k]!, low), high);
    if (k < bounds.length) split[2 * k + 1] = high;
  }
  return split;
}

/** Mean over everything of |x − c|, c the level of the cell of x. */
function meanDistance(moments: Moments, levels: Float64Array, bounds: Float64Array): number {
  const split = splitBounds(levels, bounds);
  const masses = new Float64Array(split.length + 1).fill(moments.mass);
  const sums = new Float64Array(split.length + 1).fill(moments.sum);
  moments.below(split, 1, masses, sums);
  let total = 0;
  let mass = 0;
  let sum = 0;
  for (let half = 0; half <= split.length; half++) {
    const distance = sums[half]! - sum - levels[half >> 1]! * (masses[half]! - mass);
    total += half & 1 ? distance : -distance;
    mass = masses[half]!;
    sum = sums[half]!;
  }
  return total / moments.mass;
}
