import type { Moments } from './moments.ts';
import { bestRatio } from './ratios.ts';

/** Magnitude cells max·q^j with the mean of each as its level. */
export interface Cells {
  readonly q: number;
  /** Lower bounds of all cells but the lowest, ascending; the lowest reaches down to 0. */
  readonly bounds: Float64Array;
  /** Means, ascending. An empty cell has the mid-point between its bounds. */
  readonly levels: Float64Array;
}

/**
 * Geometric cells of the greatest correlation. With the mean M1/M0 of each cell as its level,
 * ρ² = Σ (M1²/M0) / Σ x²: the bounds max·q, max·q², …, max·q^(count−1) are all that is chosen.
 */
export function fitCells(moments: Moments, count: number): Cells {
  if (count === 1) return cellsAt(moments, count, 0.5);
  const bounds = new Float64Array(count - 1);
  const masses = new Float64Array(count - 1);
  const sums = new Float64Array(count - 1);
  const gainOf = (q: number): number => {
    fillBounds(bounds, q);
    moments.below(bounds, moments.max, masses, sums);
    let gain = 0;
    let massBelow = 0;
    let sumBelow = 0;
    for (let k = 0; k < count; k++) {
      const mass = k < count - 1 ? masses[k]! : moments.mass;
      const sum = k < count - 1 ? sums[k]! : moments.sum;
      if (mass > massBelow) gain += ((sum - sumBelow) * (sum - sumBelow)) / (mass - massBelow);
      massBelow = mass;
      sumBelow = sum;
    }
    return gain;
  };
  return cellsAt(moments, count, bestRatio(gainOf, count - 1, moments.mass));
}

/** q^(count−1), …, q. */
function fillBounds(bounds: Float64Array, q: number): void {
  let bound = 1;
  for (let k = bounds.length - 1; k >= 0; k--) {
    bound *= q;
    bounds[k] = bound;
  }
}

function cellsAt(moments: Moments, count: number, q: number): Cells {
  const bounds = new Float64Array(count - 1);
  const masses = new Float64Array(count - 1);
  const sums = new Float64Array(count - 1);
  fillBounds(bounds, q);
  moments.below(bounds, moments.max, masses, sums);
  for (let k = 0; k < bounds.length; k++) bounds[k]! *= moments.max;
  const levels = new Float64Array(count);
  for (let k = 0; k < count; k++) {
    const low = k === 0 ? 0 : bounds[k - 1]!;
    const high = k === count - 1 ? moments.max : bounds[k]!;
    const mass = (k === count - 1 ? moments.mass : masses[k]!) - (k === 0 ? 0 : masses[k - 1]!);
    const sum = (k === count - 1 ? moments.sum : sums[k]!) - (k === 0 ? 0 : sums[k - 1]!);
    levels[k] = mass > 0 ? sum / mass : (low + high) / 2;
  }
  return { q, bounds, levels };
}
