import { createHash } from 'node:crypto';
import type { CalibrationBatches } from './batches.ts';

/** Part of the images that is held back to judge by, as one in so many. */
const HELD_OUT = 5;

/**
 * Images to fit weights with, and others to judge them by: what was fitted to images says little of how it does on others. Every
 * fifth batch is held out; all are in both where there are fewer than five.
 */
export function holdOut(batches: CalibrationBatches): { fit: CalibrationBatches; judge: CalibrationBatches } {
  const held = Math.floor(batches.batches / HELD_OUT);
  if (held === 0) return { fit: batches, judge: batches };
  const middle = Math.floor(HELD_OUT / 2);
  const isHeld = (index: number): boolean => index % HELD_OUT === middle && index < held * HELD_OUT;
  const all = Array.from({ length: batches.batches }, (_, index) => index);
  const part = (name: string, own: readonly number[]): CalibrationBatches => ({
    ...batches,
    count: own.reduce(
      (sum, index) => sum + Math.min(batches.batch, batches.count - index * batches.batch),
      0,
    ),
    batches: own.length,
    fingerprint: createHash('sha256').update(`${batches.fingerprint} ${name} ${HELD_OUT}`).digest('hex'),
    feed: (index) => batches.feed(own[index]!),
  });
  return {
    fit: part(
      'fit',
      all.filter((index) => !isHeld(index)),
    ),
    judge: part('judge', all.filter(isHeld)),
  };
}
