import { pow } from '../../kernels/math/pow.ts';
import { maximise } from './maximise.ts';

/** The ratio of the smallest level to the largest that a scan of q begins and ends with. */
const LARGEST_RANGE = 0.8;
const SMALLEST_RANGE = 1e-4;

const cache = new Map<string, readonly number[]>();

/**
 * `count` values of q, descending, whose powers q^steps are a geometric series: a level ladder of q spans these ratios
 * of its smallest level to its largest. By the project's own power function: Math.pow differs from machine to machine.
 */
export function seriesOfRatios(steps: number, count: number): readonly number[] {
  const key = `${steps} ${count}`;
  let series = cache.get(key);
  if (series === undefined) {
    const factor = pow(SMALLEST_RANGE / LARGEST_RANGE, 1 / (count - 1));
    let range = LARGEST_RANGE;
    series = Array.from({ length: count }, () => {
      const q = pow(range, 1 / steps);
      range *= factor;
      return q;
    });
    cache.set(key, series);
  }
  return series;
}

/**
 * The ratio q of a ladder of so many steps for which `gain` is greatest, by a scan and golden sections. The function is
 * jagged; a sample of many values (a whole layer) is worth a finer scan, and so are few levels, which cost less.
 */
export function bestRatio(gain: (q: number) => number, steps: number, mass: number): number {
  if (mass >= 2000) return maximise(gain, seriesOfRatios(steps, 1024), 16, 30);
  return steps < 16
    ? maximise(gain, seriesOfRatios(steps, 128), 6, 14)
    : maximise(gain, seriesOfRatios(steps, 32), 3, 14);
}
