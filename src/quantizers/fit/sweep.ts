import type { SortedSample } from './moments.ts';
import { largestScale, type Shape } from './scale.ts';

/** The sweep ends when the largest level is so many times the largest value: most levels are out of use then,
 * and what is left of the sums is little more than rounding. */
const MOST_OVERHANG = 4;

/**
 * The best scale of the sizes u_k, exactly. While the scale grows from 0, value x leaves the cell of level k+1 for that
 * of level k when scale·(u_k + u_{k+1})/2 passes it. Between two such crossings the cells stay, so that with
 * cross = Σ u·x and power = Σ u² the error is smallest at cross / power, where it is energy − cross² / power; the
 * optimum is the best of all N·(J−1)+1 states. The crossings of one k come in the order of the sorted values, and a heap
 * merges the J−1 rows of them. O(N·J·log J): for the few values of a channel.
 */
export function sweepScale(sample: SortedSample, shape: Shape): number {
  const { sizes, middles } = shape;
  const count = sample.mass;
  const streams = middles.length;
  const top = sizes[streams]!;
  let cross = top * sample.sum;
  let power = top * top * count;
  let bestCross = cross;
  let bestPower = power;
  const heap = new Uint8Array(streams);
  const passed = new Uint32Array(streams);
  const when = new Float64Array(streams);
  for (let k = 0; k < streams; k++) {
    heap[k] = streams - 1 - k; // the highest threshold meets the smallest value first
    when[k] = sample.min / middles[k]!;
  }
  const end = Math.min((MOST_OVERHANG * sample.max) / top, largestScale(shape));
  let length = streams;
  while (length > 0 && when[heap[0]!]! < end) {
    const k = heap[0]!;
    const low = sizes[k]!;
    const high = sizes[k + 1]!;
    cross -= (high - low) * sample.at(passed[k]!);
    power -= high * high - low * low;
    if (power > 0 && cross * cross * bestPower > bestCross * bestCross * power) {
      bestCross = cross;
      bestPower = power;
    }
    passed[k]!++;
    if (passed[k]! < count) when[k] = sample.at(passed[k]!) / middles[k]!;
    else heap[0] = heap[--length]!;
    sink(heap, when, length);
  }
  return bestCross / bestPower;
}

/** Moves the root of the heap down to where it belongs. */
function sink(heap: Uint8Array, when: Float64Array, length: number): void {
  const stream = heap[0]!;
  const time = when[stream]!;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= length) break;
    if (child + 1 < length && when[heap[child + 1]!]! < when[heap[child]!]!) child++;
    if (!(when[heap[child]!]! < time)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = stream;
}
