import { type Minimum, newPoint, type Objective } from './descend.ts';
import { sparseObjective } from './geometric-sparse.ts';
import { type Moments, SortedSample } from './moments.ts';
import { bestRatio, seriesOfRatios } from './ratios.ts';
import { inRange, type Shape, scaleObjective, scaleRange, shapeOf } from './scale.ts';
import { Starts } from './starts.ts';

/** Magnitudes a·q^e: `count` of them with e from 0, and a zero below them if `zero`. */
export interface Ladder {
  readonly count: number;
  readonly zero: boolean;
}

/**
 * Starts of the search: so many q, on each a scan of scales, and the best so many of all are descended from. The error
 * has many local minima once levels lie closer than values. Measured on rows of 9 to 4608 values of four distributions
 * against 64 × 64 starts and 60 descents: mean excess of the error below 0.5 % up to 5 bits from 64 values on, a tenth at
 * 8 bits, where twice the time would halve it.
 */
export interface Search {
  readonly q: number;
  readonly descents: number;
}

/**
 * For the one table of a whole layer. The heavy tail of a layer whose channels differ in scale makes a minimum that the
 * quick search can miss: at 6 bits it was 13 % above the best on the first depthwise layer of MobileNetV2.
 */
export const THOROUGH: Search = { q: 128, descents: 200 };

function searchFor(ladder: Ladder): Search {
  if (ladder.count <= 16) return { q: 16, descents: 8 };
  return ladder.count <= 32 ? { q: 12, descents: 6 } : { q: 8, descents: 5 };
}

/** Ratio of successive scales of a scan, at most. */
const LARGEST_STEP = 1.25;

/** a (`first`) and q (`second`) of the ladder that has the smallest squared error with nearest-level cells. */
export function fitGeometric(moments: Moments, ladder: Ladder, search: Search = searchFor(ladder)): Minimum {
  const sparse = moments instanceof SortedSample && moments.mass < 3 * ladder.count;
  const objective = sparse ? sparseObjective(moments, ladder) : geometricObjective(moments, ladder);
  const found = new Starts(search.descents);
  for (const { q, shape } of candidates(ladder, search.q)) {
    const [lowest, highest] = scaleRange(moments, shape);
    const scan = sparse ? objective : scaleObjective(moments, shape);
    found.scan(scan, q, lowest, highest, stepOf(lowest, highest));
  }
  return found.descend(objective);
}

/** The ratio that leads from `lowest` to `highest` in equal steps: 8, or as many times twice that as keep it small. */
function stepOf(lowest: number, highest: number): number {
  let ratio = highest / lowest;
  for (let steps = 1; steps < 8 || ratio > LARGEST_STEP; steps *= 2) ratio = Math.sqrt(ratio);
  return ratio;
}

/** q of the ladder of least squared error whose largest level is the largest value, as it is: nothing is rescaled. */
export function fitRatio(moments: Moments, ladder: Ladder): number {
  if (ladder.count === 1) return 0.5;
  const objective = geometricObjective(moments, ladder);
  const point = newPoint();
  const gainOf = (q: number): number => {
    objective(moments.max, q, point);
    return -point.error;
  };
  return bestRatio(gainOf, ladder.count - 1, moments.mass);
}

interface Candidate {
  readonly q: number;
  readonly shape: Shape;
}

const cache = new Map<string, readonly Candidate[]>();

/** What is scanned, with its levels: the same for every row. */
function candidates(ladder: Ladder, count: number): readonly Candidate[] {
  const key = `${ladder.count} ${ladder.zero} ${count}`;
  let found = cache.get(key);
  if (found === undefined) {
    const series = ladder.count > 1 ? seriesOfRatios(ladder.count - 1, count) : [0.5];
    found = series.map((q) => ({ q, shape: shapeOf(ladderSizes(ladder, q)) }));
    cache.set(key, found);
  }
  return found;
}

/** The sizes q^e, ascending, above a zero if there is one. */
export function ladderSizes({ count, zero }: Ladder, q: number): Float64Array {
  const sizes = new Float64Array(count + (zero ? 1 : 0));
  let power = 1;
  for (let k = sizes.length - 1; k >= sizes.length - count; k--) {
    sizes[k] = power;
    power *= q;
  }
  return sizes;
}

/**
 * Error of a ladder by its levels, O(levels · log N). With p = q^e and d = ∂p/∂q = e·q^(e−1), all that is needed are the
 * sums of M0·p², M0·p·d, M0·d², M1·p and M1·d over the cells; the zero level takes part in none.
 */
export function geometricObjective(moments: Moments, { count, zero }: Ladder): Objective {
  const thresholds = count - 1 + (zero ? 1 : 0);
  const middles = new Float64Array(thresholds);
  const masses = new Float64Array(thresholds);
  const sums = new Float64Array(thresholds);
  return (a, q, point) => {
    if (!(q > 0 && q < 1 && inRange(a, 1, point))) {
      point.error = Number.POSITIVE_INFINITY;
      return;
    }
    let middle = (1 + q) / 2;
    for (let k = thresholds - 1; k >= thresholds - count + 1; k--) {
      middles[k] = middle;
      middle *= q;
    }
    if (zero) middles[0] = middle / (1 + q);
    moments.below(middles, a, masses, sums);
    let massUpTo = moments.mass;
    let sumUpTo = moments.sum;
    let p = 1;
    let d = 0;
    let mpp = 0;
    let mpd = 0;
    let mdd = 0;
    let sp = 0;
    let sd = 0;
    for (let e = 0, k = thresholds - 1; e < count; e++, k--) {
      const massBelow = k < 0 ? 0 : masses[k]!;
      const sumBelow = k < 0 ? 0 : sums[k]!;
      const mass = massUpTo - massBelow;
      const sum = sumUpTo - sumBelow;
      massUpTo = massBelow;
      sumUpTo = sumBelow;
      const md = mass * d;
      mpp += mass * p * p;
      mpd += md * p;
      mdd += md * d;
      sp += sum * p;
      sd += sum * d;
      d = d * q + p;
      p *= q;
    }
    point.error = moments.energy + a * (a * mpp - 2 * sp);
    point.g1 = 2 * (a * mpp - sp);
    point.g2 = 2 * a * (a * mpd - sd);
    point.h11 = 2 * mpp;
    point.h12 = 2 * a * mpd;
    point.h22 = 2 * a * a * mdd;
  };
}
