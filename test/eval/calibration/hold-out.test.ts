import { expect, it } from 'vitest';
import type { CalibrationBatches } from '../../../src/eval/calibration/batches.ts';
import { holdOut } from '../../../src/eval/calibration/hold-out.ts';
import { floats } from '../../../src/tensor/tensor.ts';

/** Batches of three images, the last one of what is left; image i is the number i. */
function batchesOf(count: number): CalibrationBatches {
  const batches = Math.ceil(count / 3);
  return {
    ...{
      count,
      batches,
      batch: 3,
      dropped: 0,
      input: 'x',
      preprocess: undefined,
      spec: 'test',
      fingerprint: 'f',
    },
    feed: async (index) => {
      const images = Array.from({ length: Math.min(3, count - 3 * index) }, (_, i) => 3 * index + i);
      return floats([images.length, 1], Float32Array.from(images));
    },
  };
}

async function imagesOf({ batches, feed }: CalibrationBatches): Promise<number[]> {
  const feeds = await Promise.all(Array.from({ length: batches }, (_, i) => feed(i)));
  return feeds.flatMap(({ data }) => Array.from(data as Float32Array));
}

it.each([15, 16, 31, 100])('every image of %i is either fitted to or judged by', async (count) => {
  const { fit, judge } = holdOut(batchesOf(count));
  const [own, held] = [await imagesOf(fit), await imagesOf(judge)];
  expect([fit.count, judge.count]).toEqual([own.length, held.length]);
  expect([...own, ...held].toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
  expect(held.length).toBe(3 * Math.floor(Math.ceil(count / 3) / 5));
  expect(new Set([fit.fingerprint, judge.fingerprint, 'f']).size).toBe(3);
});

it('all are in both where there are fewer than five batches', () => {
  const all = batchesOf(12);
  expect(holdOut(all)).toEqual({ fit: all, judge: all });
});
