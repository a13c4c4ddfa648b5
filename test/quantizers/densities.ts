import { erf } from '../../src/kernels/math/erf.ts';
import type { Moments } from '../../src/quantizers/fit/moments.ts';

/** Moments of |x| for a density of unit variance, from its integrals M0(t) and M1(t). */
function folded(max: number, mass: (t: number) => number, sum: (t: number) => number): Moments {
  return {
    mass: 1,
    sum: sum(Number.POSITIVE_INFINITY),
    energy: 1,
    max,
    below(thresholds, scale, masses, sums) {
      for (let k = 0; k < thresholds.length; k++) {
        const t = scale * thresholds[k]!;
        masses[k] = mass(t);
        sums[k] = sum(t);
      }
    },
  };
}

/** |x| of the standard normal density: M0 = erf(t/√2), M1 = √(2/π)·(1 − e^(−t²/2)). */
export const GAUSS: Moments = folded(
  8,
  (t) => (t === Number.POSITIVE_INFINITY ? 1 : erf(t * Math.SQRT1_2)),
  (t) => Math.sqrt(2 / Math.PI) * -Math.expm1((-t * t) / 2),
);

const B = Math.SQRT1_2;

/** |x| of the Laplace density with scale 1/√2: M0 = 1 − e^(−t/b), M1 = b − (t + b)·e^(−t/b). */
export const LAPLACE: Moments = folded(
  25,
  (t) => -Math.expm1(-t / B),
  (t) => (t === Number.POSITIVE_INFINITY ? B : B - (t + B) * Math.exp(-t / B)),
);

/** Laplace quantiles of (i + ½)/65536, scale 1: the sample of REFERENCE.md, in ascending order. */
export function laplaceSample(): Float64Array {
  return Float64Array.from({ length: 65536 }, (_, i) => {
    const p = (i + 0.5) / 65536;
    return p < 0.5 ? Math.log(2 * p) : -Math.log(2 * (1 - p));
  });
}

/**
 * Starts for the Lloyd-Max iteration: levels whose density goes as p^(1/3) (Panter and Dite, 1951), which for a Gaussian
 * is a Gaussian √3 times as wide and for a Laplacian one three times as wide.
 */
export function compandedGauss(count: number): Float64Array {
  return levelsAt(count, (u) => {
    let low = 0;
    let high = 20;
    for (let i = 0; i < 60; i++) {
      const middle = (low + high) / 2;
      if (erf(middle / Math.sqrt(6)) < u) low = middle;
      else high = middle;
    }
    return low;
  });
}

export function compandedLaplace(count: number): Float64Array {
  return levelsAt(count, (u) => -3 * B * Math.log(1 - u));
}

function levelsAt(count: number, quantile: (u: number) => number): Float64Array {
  return Float64Array.from({ length: count }, (_, k) => quantile((k + 0.5) / count));
}
