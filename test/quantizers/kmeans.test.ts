import { describe, expect, it } from 'vitest';
import { fitCodebook } from '../../src/quantizers/codebook.ts';
import { kMeans } from '../../src/quantizers/fit/kmeans.ts';
import { SortedSample } from '../../src/quantizers/fit/moments.ts';
import { levelError } from './level-error.ts';
import { DISTRIBUTIONS, sampleOf } from './samples.ts';

/** Least squared distance of `cells` runs, by the plain recursion over all ends: O(cells·n²). */
function leastByRecursion(values: Float32Array, cells: number): number {
  const n = values.length;
  const cost = (i: number, j: number) => {
    let sum = 0;
    for (let k = i; k < j; k++) sum += values[k];
    const mean = sum / (j - i);
    let total = 0;
    for (let k = i; k < j; k++) total += (values[k] - mean) ** 2;
    return total;
  };
  let least = Array.from({ length: n + 1 }, (_, j) => (j === 0 ? 0 : cost(0, j)));
  for (let cell = 2; cell <= cells; cell++) {
    const next = least.slice();
    for (let j = 1; j <= n; j++)
      for (let i = 1; i < j; i++) next[j] = Math.min(next[j], least[i] + cost(i, j));
    least = next;
  }
  return least[n];
}

const errorOf = (sorted: Float32Array, levels: Float64Array) => levelError(new SortedSample(sorted), levels);

describe('exact one-dimensional k-means', () => {
  it.each(DISTRIBUTIONS)('finds the least error of all partitions of %s values', (name) => {
    for (const count of [5, 9, 27, 60])
      for (const cells of [2, 3, 4, 8, 16]) {
        const sorted = sampleOf(name, count, cells).sort();
        const levels = fitCodebook(new SortedSample(sorted), cells);
        const least = leastByRecursion(sorted, cells);
        expect(errorOf(sorted, levels), `${count} values, ${cells} cells`).toBeLessThanOrEqual(least + 1e-9);
        expect(errorOf(sorted, levels), `${count} values, ${cells} cells`).toBeGreaterThanOrEqual(
          least - 1e-9,
        );
      }
  });

  it('finds it where every step of the error is as long as the last (equal distances)', () => {
    const sorted = Float32Array.from({ length: 24 }, (_, i) => i);
    for (const cells of [2, 3, 5, 7, 9, 11, 13, 17, 23]) {
      const levels = fitCodebook(new SortedSample(sorted), cells);
      expect(levels.length).toBe(cells);
      expect(errorOf(sorted, levels)).toBeCloseTo(leastByRecursion(sorted, cells), 9);
    }
  });

  it('counts a value as often as it occurs', () => {
    const points = { values: Float64Array.of(0, 1, 10), weights: Float64Array.of(3, 1, 1) };
    expect(Array.from(kMeans(points, 2))).toEqual([0.25, 10]);
  });

  it('gives each different value its own level where there are enough', () => {
    const sorted = Float32Array.of(-2, -2, 0, 0.5, 0.5, 7);
    expect(Array.from(fitCodebook(new SortedSample(sorted), 4))).toEqual([-2, 0, 0.5, 7]);
    expect(Array.from(fitCodebook(new SortedSample(sorted), 16))).toEqual([-2, 0, 0.5, 7]);
  });

  it('loses no digits on values far from zero', () => {
    const sorted = Float32Array.from({ length: 400 }, (_, i) => 1000 + i / 1024);
    const levels = fitCodebook(new SortedSample(sorted), 200);
    for (let k = 0; k < 200; k++) expect(levels[k]).toBeCloseTo(1000 + (2 * k + 0.5) / 1024, 9);
  });

  it('is as good on more values than it looks at one by one', () => {
    const sorted = sampleOf('laplace', 200_000, 1).sort();
    const part = sorted.filter((_, i) => i % 4 === 0);
    const whole = errorOf(sorted, fitCodebook(new SortedSample(sorted), 16)) / sorted.length;
    const quarter = errorOf(sorted, fitCodebook(new SortedSample(part), 16)) / sorted.length;
    expect(whole).toBeLessThanOrEqual(quarter);
    expect(whole).toBeGreaterThan(0.999 * quarter);
  });
});
