/** from … to − 1. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

export interface Work {
  /** What all of it takes one thread, roughly. */
  readonly nanoseconds: number;
  /** Ranges begin at multiples of this; 1 when absent. */
  readonly step?: number;
}

/**
 * Work that takes one thread less is not divided: to hand out a round and wait for its end costs 2 to 5 µs where the threads are awake, tens
 * where they have to be woken.
 */
const LEAST_NANOSECONDS = 20_000;
/** More parts than threads, of at least so much work, so that one that is held up by another process leaves some to the others. */
const PARTS_PER_THREAD = 2;
const PART_NANOSECONDS = 20_000;

/** Cuts 0 … count − 1 into ranges of about the same length for `threads` threads. */
export function rangesOf(count: number, threads: number, work: Work, dividesAll = false): Range[] {
  const { nanoseconds, step = 1 } = work;
  if (count <= 0) return [];
  const steps = Math.ceil(count / step);
  const parts = partsOf(threads, nanoseconds, dividesAll);
  const stepsPerPart = Math.ceil(steps / Math.min(parts, steps));
  const ranges: Range[] = [];
  for (let from = 0; from < count; from += stepsPerPart * step)
    ranges.push({ from, to: Math.min(from + stepsPerPart * step, count) });
  return ranges;
}

/** How many parts some work is worth: a multiple of the number of threads, or 1. Where all is to be divided, one more than threads. */
export function partsOf(threads: number, nanoseconds: number, dividesAll: boolean): number {
  if (dividesAll && threads > 1) return threads + 1;
  if (threads === 1 || nanoseconds < LEAST_NANOSECONDS) return 1;
  const perThread = Math.floor(nanoseconds / PART_NANOSECONDS / threads);
  return threads * Math.min(PARTS_PER_THREAD, Math.max(1, perThread));
}
