import { describe, expect, it } from 'vitest';
import { fitCells } from '../../src/quantizers/fit/cells.ts';
import { newPoint } from '../../src/quantizers/fit/descend.ts';
import {
  fitGeometric,
  fitRatio,
  geometricObjective,
  type Ladder,
  ladderSizes,
} from '../../src/quantizers/fit/geometric.ts';
import { sparseObjective } from '../../src/quantizers/fit/geometric-sparse.ts';
import { SortedSample } from '../../src/quantizers/fit/moments.ts';
import { fitScale, shapeOf } from '../../src/quantizers/fit/scale.ts';
import { linearShape } from '../../src/quantizers/linear.ts';
import { fitTernary } from '../../src/quantizers/ternary.ts';
import { levelError } from './level-error.ts';
import { DISTRIBUTIONS, sampleOf } from './samples.ts';

const SIZES = [9, 27, 64, 144, 576, 4608];

const magnitudes = (values: Float32Array) => new SortedSample(values.map(Math.abs).sort());

/** Least error of scale·sizes over a geometric grid of scales, each rescaled at its best. */
function scaleGrid(sample: SortedSample, sizes: Float64Array, steps: number): number {
  const top = sizes[sizes.length - 1];
  const lowest = (0.7 * sample.sum) / sample.mass / top;
  const highest = (2.2 * sample.max) / (top + sizes[sizes.length - 2]);
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i <= steps; i++) {
    const scale = lowest * (highest / lowest) ** (i / steps);
    least = Math.min(
      least,
      levelError(
        sample,
        sizes.map((size) => scale * size),
      ),
    );
  }
  return least;
}

/** Least error over a grid of q and scales, 1e-6 … 1 in the ratio of the smallest level to the largest. */
function ladderGrid(sample: SortedSample, ladder: Ladder, steps: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 1; i < steps; i++) {
    const range = 1e-6 ** ((i / steps) ** 1.5);
    const q = range ** (1 / (ladder.count - 1));
    least = Math.min(least, scaleGrid(sample, ladderSizes(ladder, q), steps));
  }
  return least;
}

/**
 * With several levels a value the error is a jagged function of the parameters, and a grid of any width comes by a deep
 * notch now and then. So a hair is 3 % of the error, and so much of the energy besides.
 */
function hair(count: number, bits: number): number {
  if (bits === 2) return 1e-9;
  if (bits === 8) return 5e-5;
  return count < 27 ? 1e-3 : 2e-4;
}

describe.each(SIZES)('rows of %i values', (count) => {
  const rows = DISTRIBUTIONS.flatMap((name) =>
    [1, 2].map((seed) => ({ name, sample: magnitudes(sampleOf(name, count, seed)) })),
  );

  it.each([2, 3, 4, 5, 8])('exp of %i bits is no worse than a dense grid of (a, q)', (bits) => {
    const ladder = { count: 2 ** (bits - 1), zero: false };
    for (const { name, sample } of rows) {
      const { error, first, second } = fitGeometric(sample, ladder);
      const grid = ladderGrid(sample, ladder, bits > 5 ? 20 : 40);
      expect(error / sample.energy, name).toBeLessThan((1.03 * grid) / sample.energy + hair(count, bits));
      // What the search says of its error is the error of these levels.
      const levels = ladderSizes(ladder, second).map((size) => first * size);
      expect(levelError(sample, levels) / error, name).toBeCloseTo(1, 6);
    }
  });

  it.each([3, 4])('exp of %i bits with a zero level is no worse than a dense grid', (bits) => {
    const ladder = { count: 2 ** (bits - 1) - 1, zero: true };
    for (const { name, sample } of rows)
      expect(fitGeometric(sample, ladder).error / sample.energy, name).toBeLessThan(
        (1.03 * ladderGrid(sample, ladder, 40)) / sample.energy + hair(count, bits),
      );
  });

  it.each([2, 3, 4, 8])('linear of %i bits is no worse than a dense grid of Δ', (bits) => {
    for (const zero of [false, true])
      for (const { name, sample } of rows) {
        const { sizes } = linearShape(bits, zero);
        const { error } = fitScale(sample, linearShape(bits, zero));
        const grid = scaleGrid(sample, sizes, bits === 8 ? 400 : 1500);
        // Small rows are swept through all crossings: exact, but for rounding.
        const exact = count * (sizes.length - 1) <= 2048;
        const most = exact ? grid / sample.energy + 1e-9 : (1.03 * grid) / sample.energy + hair(count, bits);
        expect(error / sample.energy, name).toBeLessThan(most);
      }
  });

  it('pot is no worse than a dense grid of a', () => {
    const sizes = ladderSizes({ count: 4, zero: false }, 0.5);
    for (const { name, sample } of rows)
      expect(fitScale(sample, shapeOf(sizes)).error, name).toBeLessThan(
        1.0001 * scaleGrid(sample, sizes, 2000),
      );
  });

  it('ternary is the best of all thresholds', () => {
    for (const { name, sample } of rows) {
      const level = fitTernary(sample);
      let least = sample.energy;
      for (let m = 0; m < count; m++) {
        const sum = sample.sumBetween(m, count);
        least = Math.min(least, sample.energy - (sum * sum) / (count - m));
      }
      expect(levelError(sample, Float64Array.of(0, level)), name).toBeLessThan(least * (1 + 1e-12) + 1e-12);
    }
  });

  it('max-range exp takes the q of least error with a = max', () => {
    const ladder = { count: 8, zero: false };
    for (const { name, sample } of rows) {
      const errorOf = (q: number) =>
        levelError(
          sample,
          ladderSizes(ladder, q).map((size) => sample.max * size),
        );
      const found = errorOf(fitRatio(sample, ladder));
      for (let q = 0.2; q < 0.99; q += 0.002) expect(found, name).toBeLessThan(1.03 * errorOf(q));
    }
  });

  it('cells have the means of their values, and no q of a grid correlates more by a hair', () => {
    for (const { name, sample } of rows) {
      const { bounds, levels } = fitCells(sample, 4);
      const gain = (limits: ArrayLike<number>, means?: Float64Array) => {
        let total = 0;
        for (let k = 0, i = 0; k <= limits.length; k++) {
          const begin = i;
          while (i < count && (k === limits.length || sample.at(i) < limits[k])) i++;
          if (i === begin) continue;
          const sum = sample.sumBetween(begin, i);
          total += sum ** 2 / (i - begin);
          if (means !== undefined) expect(means[k]).toBeCloseTo(sum / (i - begin), 10);
        }
        return total;
      };
      const found = gain(bounds, levels);
      for (let q = 0.03; q < 0.95; q += 0.002) {
        const limits = [3, 2, 1].map((j) => sample.max * q ** j);
        expect(gain(limits) - found, name).toBeLessThan(
          0.01 * (sample.energy - found) + 2e-3 * sample.energy,
        );
      }
    }
  });
});

describe('the objective of the search', () => {
  it.each([false, true])('has the gradient of its error, with a zero level: %s', (zero) => {
    const sample = magnitudes(sampleOf('laplace', 300, 7));
    const ladder = { count: 7, zero };
    const error = geometricObjective(sample, ladder);
    const point = newPoint();
    const at = (a: number, q: number) => {
      error(a, q, point);
      return point.error;
    };
    const [a, q, h] = [3.1, 0.63, 1e-6];
    const byA = (at(a + h, q) - at(a - h, q)) / (2 * h);
    const byQ = (at(a, q + h) - at(a, q - h)) / (2 * h);
    error(a, q, point);
    expect(point.g1 / byA).toBeCloseTo(1, 5);
    expect(point.g2 / byQ).toBeCloseTo(1, 5);
  });

  it.each([false, true])('is the same by values as by levels, with a zero level: %s', (zero) => {
    const sample = magnitudes(Float32Array.of(0, 1e-30, ...sampleOf('student', 200, 3)));
    const ladder = { count: 100, zero };
    const [byLevels, byValues] = [newPoint(), newPoint()];
    for (const [a, q] of [
      [3, 0.97],
      [20, 0.9],
      [0.1, 0.99],
    ]) {
      geometricObjective(sample, ladder)(a, q, byLevels);
      sparseObjective(sample, ladder)(a, q, byValues);
      for (const key of ['error', 'g1', 'g2', 'h11', 'h12', 'h22'] as const)
        expect(byValues[key] / byLevels[key], key).toBeCloseTo(1, 9);
    }
  });
});
