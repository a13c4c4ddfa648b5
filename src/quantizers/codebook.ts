import { kMeans, type Points } from './fit/kmeans.ts';
import { lloyd } from './fit/lloyd.ts';
import type { SortedSample } from './fit/moments.ts';
import type { Scheme } from './scheme.ts';

/** Values above which runs of neighbours stand for themselves in the exact search, and how many runs then. */
const MOST_POINTS = 65_536;

/** 2^bits free levels of either sign (Lloyd-Max). */
export const codebook: Scheme = {
  name: 'codebook',
  summary: '2^k free levels (Lloyd-Max), a table of them for each tensor, channel or group',
  bits: { from: 1, to: 8 },
  fits: ['correlation'],
  choices: [],
  rule: () => 'table',
  fit(values, { bits }) {
    const size = 2 ** bits;
    const levels = fitCodebook(values.signed(), size);
    return { params: Float64Array.from({ length: size }, (_, i) => levels[Math.min(i, levels.length - 1)]!) };
  },
};

/**
 * The levels of least squared error, ascending, `size` of them or as many as there are different values. Exact up to
 * MOST_POINTS values; above, the exact levels of equal runs of neighbours, polished on all values.
 */
export function fitCodebook(sample: SortedSample, size: number): Float64Array {
  if (sample.mass <= MOST_POINTS) return kMeans(distinct(sample), size);
  return lloyd(sample, kMeans(runs(sample), size));
}

/** Each different value with the number of times that it occurs. */
function distinct(sample: SortedSample): Points {
  const values = new Float64Array(sample.mass);
  const weights = new Float64Array(sample.mass);
  let count = 0;
  for (let i = 0; i < sample.mass; i++) {
    const value = sample.at(i);
    if (count > 0 && values[count - 1] === value) weights[count - 1]!++;
    else {
      values[count] = value;
      weights[count++] = 1;
    }
  }
  return { values: values.subarray(0, count), weights: weights.subarray(0, count) };
}

/** Means of MOST_POINTS runs of equal length; equal means become one. */
function runs(sample: SortedSample): Points {
  const values: number[] = [];
  const weights: number[] = [];
  for (let run = 0, begin = 0; run < MOST_POINTS; run++) {
    const end = Math.floor(((run + 1) * sample.mass) / MOST_POINTS);
    const value = sample.sumBetween(begin, end) / (end - begin);
    if (values.at(-1) === value) weights[weights.length - 1]! += end - begin;
    else {
      values.push(value);
      weights.push(end - begin);
    }
    begin = end;
  }
  return { values: Float64Array.from(values), weights: Float64Array.from(weights) };
}
