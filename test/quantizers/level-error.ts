import type { Moments } from '../../src/quantizers/fit/moments.ts';

/** Squared error of ascending levels with nearest-level cells, by the formula of REFERENCE.md: Σ x² − 2·Σ g·M1 + Σ g²·M0. */
export function levelError(moments: Moments, levels: Float64Array): number {
  const count = levels.length;
  const middles = Float64Array.from({ length: count - 1 }, (_, k) => (levels[k] + levels[k + 1]) / 2);
  const mass = new Float64Array(count).fill(moments.mass);
  const sum = new Float64Array(count).fill(moments.sum);
  moments.below(middles, 1, mass, sum);
  let error = moments.energy;
  for (let k = 0; k < count; k++) {
    const m0 = mass[k] - (k > 0 ? mass[k - 1] : 0);
    const m1 = sum[k] - (k > 0 ? sum[k - 1] : 0);
    error += levels[k] * (levels[k] * m0 - 2 * m1);
  }
  return error;
}
