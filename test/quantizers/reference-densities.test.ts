import { describe, expect, it } from 'vitest';
import { fitGeometric } from '../../src/quantizers/fit/geometric.ts';
import { greedyBases } from '../../src/quantizers/fit/greedy-bases.ts';
import { jointBases } from '../../src/quantizers/fit/joint-bases.ts';
import { lloyd } from '../../src/quantizers/fit/lloyd.ts';
import type { Moments } from '../../src/quantizers/fit/moments.ts';
import { fitScale, shapeOf } from '../../src/quantizers/fit/scale.ts';
import { linearShape } from '../../src/quantizers/linear.ts';
import { compandedGauss, compandedLaplace, GAUSS, LAPLACE } from './densities.ts';
import { levelError } from './level-error.ts';
import { expectPrinted } from './printed.ts';

// REFERENCE.md, section 1: n, Lloyd-Max, linear D and Δ, exp D and (a, q), exp with a zero level.
const GAUSS_TABLE = `
  1 .36338   .36338  -      .36338   -     -      -
  2 .11748   .11885  .9957  .11748   1.510 .2998  .19017
  3 .03455   .03744  .5860  .04240   2.104 .5369  .04586
  4 .00950   .01154  .3352  .01398   2.675 .6980  .01292
  5 .00250   .00350  .1881  .00447   3.147 .8131  .00387
  6 6.442e-4 .00104  .1041  .00140   3.541 .8890  .00119
  8 4.119e-5 8.769e-5 .0308 1.312e-4 4.197 .9639  1.114e-4`;
const LAPLACE_TABLE = `
  1 .50000   .50000  -      .50000   -     -      -
  2 .17619   .19630  1.0874 .17619   1.834 .2289  .26424
  3 .05448   .07175  .7309  .06348   3.042 .4624  .06963
  4 .01537   .02535  .4610  .02064   4.326 .6429  .01961
  5 .00410   .00871  .2800  .00648   5.513 .7777  .00578
  6 .00106   .00291  .1657  .00200   6.612 .8680  .00174
  8 6.806e-5 3.014e-4 .0548 1.816e-4 8.673 .9574  1.579e-4`;

const rows = (table: string) =>
  table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));

/** Parameters of an optimum, which is flat: 1e-12 of the error is 1e-5 of the largest level. */
function expectIfPrinted(value: number, printed: string): void {
  if (printed !== '-') expectPrinted(value, printed, 0.6);
}

describe.each([
  { name: 'Gauss', moments: GAUSS, companded: compandedGauss, table: GAUSS_TABLE },
  { name: 'Laplace', moments: LAPLACE, companded: compandedLaplace, table: LAPLACE_TABLE },
])('the optimisers reproduce the table for the $name density', ({ moments, companded, table }) => {
  it.each(rows(table))('at %s bits', (n, lloydMax, linear, step, exp, a, q, withZero) => {
    const bits = Number(n);
    const count = 2 ** (bits - 1);
    expectPrinted(levelError(moments, lloyd(moments, companded(count), 20_000)), lloydMax);

    const equal = fitScale(moments, linearShape(bits, false));
    expectPrinted(equal.error, linear);
    expectIfPrinted(equal.first, step);

    const free = fitGeometric(moments, { count, zero: false });
    expectPrinted(free.error, exp);
    expectIfPrinted(free.first, a);
    expectIfPrinted(free.second, q);

    if (withZero !== '-')
      expectPrinted(fitGeometric(moments, { count: count - 1, zero: true }).error, withZero);
  });
});

describe('ternary levels of a density', () => {
  const ternary = shapeOf(Float64Array.of(0, 1));
  it.each([
    ['Gauss', GAUSS, '1.2240', '.6120', '.19017', '.1916'],
    ['Laplace', LAPLACE, '1.4142', '.7071', '.26424', '.2824'],
  ] as const)(
    '%s: optimum, and the usual threshold of .7 E|w|',
    (_, moments, level, threshold, error, usual) => {
      const best = fitScale(moments, ternary);
      expectPrinted(best.first, level);
      expectPrinted(best.first / 2, threshold);
      expectPrinted(best.error, error);
      // S1²/S0 above the threshold .7·E|w|
      const mass = new Float64Array(1);
      const sum = new Float64Array(1);
      moments.below(Float64Array.of(0.7 * moments.sum), 1, mass, sum);
      expectPrinted(1 - (moments.sum - sum[0]) ** 2 / (1 - mass[0]), usual);
    },
  );
});

describe('residual binarization of a density', () => {
  it.each([
    ['Gauss', GAUSS, ['.3634', '.1305', '.0584', '.0329']],
    ['Laplace', LAPLACE, ['.5', '.2293', '.1426', '.0951']],
  ] as const)('%s: greedy bases leave 1 − Σ α²', (_, moments, printed) => {
    printed.forEach((error, i) => {
      const { bases } = greedyBases(moments, i + 1);
      expectPrinted(1 - bases.reduce((sum, base) => sum + base * base, 0), error);
    });
  });

  it.each([
    ['Gauss', GAUSS, ['.3634', '.1175', '.0353']],
    ['Laplace', LAPLACE, ['.5', '.1762', '.0560']],
  ] as const)('%s: joint bases, one to three', (_, moments, printed) => {
    printed.forEach((error, i) => {
      expectPrinted(basesError(moments, jointBases(moments, i + 1, [], { first: 50, last: 500 })), error);
    });
  });

  it.each([
    ['Gauss', GAUSS, 0.01005],
    ['Laplace', LAPLACE, 0.0201],
  ] as const)(
    '%s: four joint bases find a better local minimum than the reference',
    (_, moments, printed) => {
      expect(basesError(moments, jointBases(moments, 4, [], { first: 50, last: 500 }))).toBeLessThan(printed);
    },
  );
});

it('powers of two stop improving at D ≈ .038', () => {
  const powers = shapeOf(Float64Array.from({ length: 128 }, (_, k) => 0.5 ** (127 - k)));
  expectPrinted(fitScale(GAUSS, powers).error, '.038');
});

/** Squared error of the levels Σ ±α on magnitudes. */
function basesError(moments: Moments, bases: Float64Array): number {
  let sums = [0];
  for (const base of bases) sums = sums.flatMap((sum) => [sum + base, sum - base]);
  return levelError(moments, Float64Array.from(sums.filter((sum) => sum >= 0)).sort());
}
