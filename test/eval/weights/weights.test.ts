import { describe, expect, it } from 'vitest';
import { histogramOf } from '../../../src/eval/weights/histograms.ts';
import { layerLevels } from '../../../src/eval/weights/levels.ts';
import { rmsOf, tablesOf } from '../../../src/eval/weights/tables.ts';
import type { Granularity } from '../../../src/ir/quantized-tensor.ts';
import { quantizeWeight } from '../../../src/quantizers/quantize-weight.ts';

/** A MatMul weight [K, N]: its rows are the columns of the array. */
const TRANSPOSED = { split: [3, 2], perm: [1, 0], rowAxes: 1 };
const ROWS = { split: [2, 6], perm: [0, 1], rowAxes: 1 };

function tablesIn(values: readonly number[], layout: typeof ROWS, granularity: Granularity): number[][] {
  const tables = tablesOf(Float32Array.from(values), layout, granularity);
  return Array.from({ length: tables.count }, (_, i) => [...tables.of(i)]);
}

describe('tablesOf', () => {
  it('gives the weights that share a level table', () => {
    const twelve = Array.from({ length: 12 }, (_, i) => i);
    expect(tablesIn([1, 2, 3, 4, 5, 6], TRANSPOSED, 'channel')).toEqual([
      [1, 3, 5],
      [2, 4, 6],
    ]);
    expect(tablesIn(twelve, ROWS, 'group:4')).toEqual([
      [0, 1, 2, 3],
      [4, 5],
      [6, 7, 8, 9],
      [10, 11],
    ]);
    expect(tablesIn(twelve, ROWS, 'tensor')).toEqual([twelve]);
  });
});

describe('histogramOf', () => {
  it('measures the weights of each table by their own RMS', () => {
    // Rows of RMS 1 and 10 with the same shape: the same bins.
    const values = Float32Array.of(1, -1, 1, -1, 1, -1, 10, -10, 10, -10, 10, -10);
    const { counts, from, to, below, above } = histogramOf(tablesOf(values, ROWS, 'channel'));
    expect([from, to, counts.length, below, above]).toEqual([-5, 5, 80, 0, 0]);
    // ±1 begin the bins (±1 + 5)·8.
    expect(counts.flatMap((count, bin) => (count > 0 ? [[bin, count]] : []))).toEqual([
      [32, 6],
      [48, 6],
    ]);
  });

  it('counts what lies beyond, and leaves out tables of zeros', () => {
    const outlier = new Float32Array(200).fill(0.01);
    outlier[7] = 3;
    outlier[8] = -0.01;
    const one = { split: [2, 100], perm: [0, 1], rowAxes: 1 };
    const found = histogramOf(tablesOf(outlier, one, 'tensor'));
    expect([found.below, found.above]).toEqual([0, 1]);
    expect(found.counts.reduce((a, b) => a + b)).toBe(199);
    const none = histogramOf(tablesOf(new Float32Array(200), one, 'channel'));
    expect(none.counts.every((count) => count === 0)).toBe(true);
  });
});

describe('layerLevels', () => {
  const values = Float32Array.from({ length: 12 }, (_, i) => Math.sin(i + 1) * (i < 6 ? 1 : 100));

  it('are ascending medians in units of the RMS of their table', () => {
    const { quantized } = quantizeWeight(values, ROWS, { scheme: 'linear', bits: 2, granularity: 'channel' });
    const { inRms, count } = layerLevels(quantized, tablesOf(values, ROWS, 'channel'))!;
    const steps = [0, 1].map((r) => quantized.params[r]! / rmsOf(values.subarray(6 * r, 6 * r + 6)));
    const step = (steps[0]! + steps[1]!) / 2;
    expect(count).toBe(4);
    for (const [i, level] of [-1.5, -0.5, 0.5, 1.5].entries()) expect(inRms[i]).toBeCloseTo(level * step, 3);
  });

  it('count a zero once, and thin out what is more than 32', () => {
    const weights = tablesOf(values, ROWS, 'tensor');
    const ternary = quantizeWeight(values, ROWS, { scheme: 'ternary', bits: 2, granularity: 'tensor' });
    expect(layerLevels(ternary.quantized, weights)).toMatchObject({
      count: 3,
      inRms: [expect.any(Number), 0, expect.any(Number)],
    });
    const linear = quantizeWeight(values, ROWS, { scheme: 'linear', bits: 8, granularity: 'tensor' });
    const { inRms, count } = layerLevels(linear.quantized, weights)!;
    expect([inRms.length, count]).toEqual([32, 256]);
    expect(inRms).toEqual(inRms.toSorted((a, b) => a - b));
    expect(inRms[31]).toBeCloseTo(-inRms[0]!, 10);
  });

  it('are none for weights that are all zero', () => {
    const zeros = new Float32Array(12);
    const { quantized } = quantizeWeight(zeros, ROWS, { scheme: 'exp', bits: 3, granularity: 'channel' });
    expect(layerLevels(quantized, tablesOf(zeros, ROWS, 'channel'))).toBeUndefined();
  });
});
