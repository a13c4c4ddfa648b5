import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { allocate } from '../../../src/eval/allocation/allocate.ts';
import { dropMeter, smallestWithin } from '../../../src/eval/allocation/smallest-within.ts';
import { score } from '../../../src/eval/score.ts';
import { readModel } from '../../../src/formats/read-model.ts';
import { quantizeModel } from '../../../src/quantizers/quantize-model.ts';
import { tinyFolder } from '../../cli/tiny-model.ts';
import { tableOf } from './tables.ts';

const folder = tinyFolder(40);
afterAll(() => rmSync(folder, { recursive: true }));

/** 30 layers of eight widths: loss 4^−bits each, the layers of different weight. */
const table = tableOf(
  Array.from({ length: 30 }, (_, layer) =>
    Array.from({ length: 8 }, (_, i) => [100 * (i + 1) + layer, (1 + (layer % 7)) / 4 ** i] as const),
  ),
);

describe('smallestWithin', () => {
  it('finds, with eight measurements, a size within a few percent of the smallest that keeps the drop', async () => {
    const sizes: number[] = [];
    const found = await smallestWithin(table, 1, async ({ loss, payloadBytes }) => {
      sizes.push(payloadBytes);
      return 3 * loss;
    });
    expect(sizes).toHaveLength(8);
    expect(found).toMatchObject({ met: true, drop: Math.round(3e6 * found.loss) / 1e6 });
    let smallest = found.payloadBytes;
    while (allocate(table, { payloadBytes: smallest - 1 }).loss * 3 <= 1) smallest--;
    expect(found.payloadBytes).toBeLessThan(1.03 * smallest);
  });

  it('gives the best there is, unmet, when even that drops by more; after one measurement', async () => {
    let count = 0;
    const found = await smallestWithin(table, 0.5, async () => {
      count++;
      return 0.75;
    });
    expect([found.met, found.drop, count]).toEqual([false, 0.75, 1]);
    expect(new Set(found.layers.map(({ candidate }) => candidate))).toEqual(new Set([7]));
  });

  it('gives the smallest there is when that drops by nothing', async () => {
    const found = await smallestWithin(table, 0, async () => 0, { evaluations: 40 });
    expect(found.payloadBytes).toBeLessThan(1.01 * allocate(table, { payloadBytes: 0 }).payloadBytes);
  });

  it('does not measure one allocation twice', async () => {
    const few = tableOf([
      [
        [10, 1],
        [1000, 0],
      ],
    ]);
    const seen: number[] = [];
    const found = await smallestWithin(few, 0.5, async ({ payloadBytes, loss }) => {
      seen.push(payloadBytes);
      return loss;
    });
    expect([seen, found.payloadBytes]).toEqual([[1000, 10], 1000]);
  });

  it('refuses drops and counts that make no sense', async () => {
    await expect(smallestWithin(table, -1, async () => 0)).rejects.toThrow(
      'drop: expected points from 0 on, got -1',
    );
    await expect(smallestWithin(table, 1, async () => 0, { evaluations: 0 })).rejects.toThrow(
      'evaluations: expected a whole number from 1 on, got 0',
    );
  });
});

describe('dropMeter', () => {
  it('measures the fall of top-1 with labels, and of agreement without', async () => {
    const float = await readModel(join(folder, 'model.onnx'));
    const packed = quantizeModel(float, { scheme: 'linear', bits: 2 }).model;
    const labelled = `idx:${folder}/images.idx,${folder}/labels.idx`;
    const scores = await score(packed, labelled, { against: float, threads: 1 });
    const byLabels = await dropMeter(float, labelled, { threads: 1 });
    expect(byLabels.by).toBe('top1');
    expect(await byLabels.measure(packed)).toBe(scores.float!.top1! - scores.top1!);
    const byAnswers = await dropMeter(float, `idx:${folder}/images.idx`, { threads: 1 });
    expect(byAnswers.by).toBe('agreement');
    expect(await byAnswers.measure(packed)).toBe(100 - scores.agreement!);
    expect(await byAnswers.measure(float)).toBe(0);
  });
});
