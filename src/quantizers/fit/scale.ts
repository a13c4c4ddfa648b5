import type { Minimum, Objective, Point } from './descend.ts';
import { descend } from './descend.ts';
import { type Moments, SortedSample } from './moments.ts';
import { Starts } from './starts.ts';
import { sweepScale } from './sweep.ts';

/** Levels up to a scale: ascending sizes u_0 < u_1 < … of magnitudes, u_0 may be 0, and the mid-points between neighbours. */
export interface Shape {
  readonly sizes: Float64Array;
  readonly middles: Float64Array;
}

export function shapeOf(sizes: Float64Array): Shape {
  const middles = new Float64Array(sizes.length - 1);
  for (let k = 0; k < middles.length; k++) middles[k] = (sizes[k]! + sizes[k + 1]!) / 2;
  return { sizes, middles };
}

/** Threshold crossings up to which the best scale is found by going through all of them. */
const SWEPT_CROSSINGS = 2048;
/** Ratio of successive scales of a scan, and how many of them are descended from. */
const SCAN_RATIO = 1.03;
const DESCENTS = 4;

/**
 * The scale (`first`) whose levels scale·u_k, with nearest-level cells, have the smallest squared error. It is kept where
 * scale and levels are finite in float32.
 */
export function fitScale(moments: Moments, shape: Shape): Minimum {
  const found = search(moments, shape);
  return { ...found, first: Math.min(found.first, largestScale(shape)) };
}

function search(moments: Moments, shape: Shape): Minimum {
  const objective = scaleObjective(moments, shape);
  if (moments instanceof SortedSample && moments.mass * shape.middles.length <= SWEPT_CROSSINGS)
    return descend(objective, sweepScale(moments, shape), 0);
  const starts = new Starts(DESCENTS);
  starts.scan(objective, 0, ...scaleRange(moments, shape), SCAN_RATIO);
  return starts.descend(objective);
}

/** The largest scale that float32 holds, and the largest level at it. */
export function largestScale({ sizes }: Shape): number {
  return LARGEST_LEVEL / Math.max(1, sizes[sizes.length - 1]!);
}

/**
 * Where the best scale lies: the largest level runs from the mean, below which it is not at an optimum, to where the
 * largest value leaves its cell.
 */
export function scaleRange(moments: Moments, { sizes, middles }: Shape): [number, number] {
  const lowest = moments.sum / moments.mass / sizes[sizes.length - 1]!;
  return [lowest, middles.length === 0 ? lowest : moments.max / middles[middles.length - 1]!];
}

/** Error of the levels first·u_k in O(levels · log N). */
export function scaleObjective(moments: Moments, { sizes, middles }: Shape): Objective {
  const levels = sizes.length;
  const top = sizes[levels - 1]!;
  const masses = new Float64Array(levels).fill(moments.mass);
  const sums = new Float64Array(levels).fill(moments.sum);
  return (scale, _, point) => {
    if (!inRange(scale, top, point)) return;
    moments.below(middles, scale, masses, sums);
    let mass = 0;
    let sum = 0;
    let cross = 0;
    let power = 0;
    for (let k = 0; k < levels; k++) {
      const size = sizes[k]!;
      const massUpTo = masses[k]!;
      const sumUpTo = sums[k]!;
      cross += size * (sumUpTo - sum);
      power += size * size * (massUpTo - mass);
      mass = massUpTo;
      sum = sumUpTo;
    }
    point.error = moments.energy + scale * (scale * power - 2 * cross);
    point.g1 = 2 * (scale * power - cross);
    point.h11 = 2 * power;
  };
}

/** The largest level: the greatest float32, less what rounding the parameters may add. */
export const LARGEST_LEVEL = 3.4028e38;

/** Whether the levels are positive and will be finite in float32; if not, the error is infinite. */
export function inRange(scale: number, top: number, point: Point): boolean {
  if (scale > 0 && scale * top <= LARGEST_LEVEL) return true;
  point.error = Number.POSITIVE_INFINITY;
  return false;
}
