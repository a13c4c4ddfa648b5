import type { Moments } from './moments.ts';

/** Rounds, and the part of the error below which another is not worth it. */
const MOST_ROUNDS = 500;
const ENOUGH = 1e-12;

/**
 * The Lloyd-Max iteration: nearest-level cells, then levels to the means of their cells, in turn. Empty cells keep
 * their level. Descends to a local minimum of the squared error.
 * @param start ascending
 */
export function lloyd(moments: Moments, start: Float64Array, rounds: number = MOST_ROUNDS): Float64Array {
  const levels = start.slice();
  const middles = new Float64Array(levels.length - 1);
  const masses = new Float64Array(levels.length).fill(moments.mass);
  const sums = new Float64Array(levels.length).fill(moments.sum);
  let error = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    for (let k = 0; k < middles.length; k++) middles[k] = (levels[k]! + levels[k + 1]!) / 2;
    moments.below(middles, 1, masses, sums);
    let lower = moments.energy;
    let massBelow = 0;
    let sumBelow = 0;
    for (let k = 0; k < levels.length; k++) {
      const mass = masses[k]! - massBelow;
      const sum = sums[k]! - sumBelow;
      massBelow = masses[k]!;
      sumBelow = sums[k]!;
      if (mass > 0) levels[k] = sum / mass;
      lower -= levels[k]! * (2 * sum - levels[k]! * mass);
    }
    if (!(error - lower > ENOUGH * lower)) break;
    error = lower;
  }
  return levels;
}
