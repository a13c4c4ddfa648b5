import type { UniformRule } from '../../passes/insert-activation-quant.ts';
import type { Histogram } from './histogram.ts';

/** What levels of calibrated values span: all of them, all but the outermost share, or what gives the least squared error. */
export type CalibratedRange = 'min-max' | 'percentile' | 'mse';

/** … or what the values of a run span in that very run, which needs no images. */
export type ActivationRange = CalibratedRange | 'dynamic';

export const ACTIVATION_RANGES: readonly ActivationRange[] = ['min-max', 'percentile', 'mse', 'dynamic'];

/** The only width with operators for ranges of the run, in ONNX. */
export const DYNAMIC_BITS = 8;

/** Why activations of that many bits cannot have that range, a sentence; undefined where they can. */
export function rangeConflict(range: ActivationRange | undefined, bits: number): string | undefined {
  if (range !== 'dynamic' || bits === DYNAMIC_BITS) return undefined;
  return `range dynamic: activations have ${DYNAMIC_BITS} bits, as DynamicQuantizeLinear makes them, got ${bits}`;
}

/** Share of the values in percent that `percentile` keeps below the highest level, and above the lowest. */
export const DEFAULT_PERCENTILE = 99.99;

export const DEFAULT_RANGE: CalibratedRange = 'mse';

/** Equal steps, and how well they do on the values that they were fitted to. */
export interface UniformFit extends UniformRule {
  /** The lowest and the highest level. */
  readonly low: number;
  readonly high: number;
  /** Σ x² and Σ (x − x̂)². */
  readonly energy: number;
  readonly error: number;
}

/**
 * 2^bits levels (q − zero)·scale for values that were counted. 0 is always a level, so values that are all above 6, say,
 * get levels from 0 on; where no value is negative, zero is 0. Squared errors are those of values spread evenly over
 * their bins. For nothing but zeros the scale is 1.
 * @param bits 1 to 8
 */
export function fitUniform(
  histogram: Histogram,
  bits: number,
  range: CalibratedRange,
  percentile: number = DEFAULT_PERCENTILE,
): UniformFit {
  const low = Math.min(0, histogram.min);
  const high = Math.max(0, histogram.max);
  const sums = new BinSums(histogram);
  if (low === high) return sums.fitOf({ kind: 'uniform', bits, scale: 1, zero: 0 });
  if (range === 'mse') return leastSquares(sums, bits, low, high);
  if (range === 'percentile') {
    const [below, above] = [quantile(histogram, 1 - percentile / 100), quantile(histogram, percentile / 100)];
    // Where nearly all values are 0, the few others are all that there is to span.
    if (below < 0 || above > 0) return sums.fitOf(spanning(Math.min(0, below), Math.max(0, above), bits));
  }
  return sums.fitOf(spanning(low, high, bits));
}

/** Levels from low ≤ 0 to high ≥ 0, as nearly as a whole zero allows. */
function spanning(low: number, high: number, bits: number): UniformRule {
  const steps = 2 ** bits - 1;
  const scale = Math.max(SMALLEST_SCALE, Math.fround((high - low) / steps));
  const zero = Math.min(steps, Math.max(0, Math.round(-low / scale)));
  return { kind: 'uniform', bits, scale, zero };
}

/** The smallest normal float32: values below it may be taken for 0. */
const SMALLEST_SCALE = 2 ** -126;

/** 2^(−1/8): the steps in which ends are drawn in, and how many: to a 1/32 of the range. */
const DRAW = 0.917004043204671;
const DRAWS = 40;

/** 2^(1/16), 2^(1/32) … by which the best ends are then moved. */
const MOVES: readonly number[] = [
  1.0442737824274138, 1.0218971486541166, 1.0108892860517005, 1.005429901112803,
];

/** The best pair of ends of a grid, then small moves of either as long as they help. */
function leastSquares(sums: BinSums, bits: number, min: number, max: number): UniformFit {
  let best = { low: min, high: max, error: Number.POSITIVE_INFINITY };
  const attempt = (low: number, high: number): boolean => {
    if (low === high || low < min || high > max) return false;
    const error = sums.error(spanning(low, high, bits));
    if (!(error < best.error)) return false;
    best = { low, high, error };
    return true;
  };
  for (const low of drawnIn(min)) for (const high of drawnIn(max)) attempt(low, high);
  for (const move of MOVES)
    for (let helped = true; helped; ) {
      const { low, high } = best;
      helped = [move, 1 / move].reduce(
        (any, by) => attempt(low * by, high) || attempt(low, high * by) || any,
        false,
      );
    }
  return sums.fitOf(spanning(best.low, best.high, bits));
}

/** An end of the range and what it is drawn in to, 0 at last. */
function drawnIn(end: number): number[] {
  if (end === 0) return [0];
  const ends = [end];
  for (let i = 1; i <= DRAWS; i++) ends.push(ends[i - 1]! * DRAW);
  return [...ends, 0];
}

/** The value below which that share of the counted values lies, spread evenly over their bins. */
function quantile({ counts, zeros, count, start, width, min, max }: Histogram, share: number): number {
  const wanted = share * count;
  let below = 0;
  for (let i = 0; i < counts.length; i++) {
    if (i === counts.length / 2) {
      if (below + zeros >= wanted && zeros > 0) return 0;
      below += zeros;
    }
    const here = counts[i]!;
    if (here > 0 && below + here >= wanted)
      return Math.min(max, Math.max(min, start + (i + (wanted - below) / here) * width));
    below += here;
  }
  return max;
}

/** Numbers, sums and sums of squares of the values below each bin, the zeros left out: they are always on a level. */
class BinSums {
  readonly #start: number;
  readonly #width: number;
  readonly #bins: number;
  readonly #count: Float64Array;
  readonly #sum: Float64Array;
  readonly #squares: Float64Array;

  constructor({ counts, start, width }: Histogram) {
    this.#start = start;
    this.#width = width;
    this.#bins = counts.length;
    this.#count = new Float64Array(counts.length + 1);
    this.#sum = new Float64Array(counts.length + 1);
    this.#squares = new Float64Array(counts.length + 1);
    for (let i = 0; i < counts.length; i++) {
      const here = counts[i]!;
      const centre = start + (i + 0.5) * width;
      this.#count[i + 1] = this.#count[i]! + here;
      this.#sum[i + 1] = this.#sum[i]! + here * centre;
      this.#squares[i + 1] = this.#squares[i]! + here * (centre * centre + (width * width) / 12);
    }
  }

  /** Σ (x − x̂)²: for each level g, Σx² − 2g·Σx + g²·n of the bins whose centres are nearest to it. */
  error({ bits, scale, zero }: UniformRule): number {
    const steps = 2 ** bits - 1;
    let error = 0;
    let from = 0;
    for (let q = 0; q <= steps; q++) {
      const to = q === steps ? this.#bins : this.#binAt((q + 0.5 - zero) * scale);
      const level = (q - zero) * scale;
      const count = this.#count[to]! - this.#count[from]!;
      const sum = this.#sum[to]! - this.#sum[from]!;
      const squares = this.#squares[to]! - this.#squares[from]!;
      error += squares - 2 * level * sum + level * level * count;
      from = to;
    }
    return Math.max(0, error);
  }

  fitOf(rule: UniformRule): UniformFit {
    const { bits, scale, zero } = rule;
    return {
      ...rule,
      low: Math.fround((0 - zero) * scale),
      high: Math.fround((2 ** bits - 1 - zero) * scale),
      energy: this.#squares[this.#bins]!,
      error: this.#width === 0 ? 0 : this.error(rule),
    };
  }

  /** Number of bins whose centre is below a value. */
  #binAt(value: number): number {
    const place = Math.ceil((value - this.#start) / this.#width - 0.5);
    return Math.min(this.#bins, Math.max(0, place));
  }
}
