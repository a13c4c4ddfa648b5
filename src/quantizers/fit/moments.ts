/**
 * What a fit needs to know of a distribution: the mass and the first moment below any threshold. A sample answers from
 * the prefix sums of its sorted values, a density (in the tests) from its integrals.
 */
export interface Moments {
  /** Total mass: the number of values of a sample. */
  readonly mass: number;
  /** First and second moment over everything. */
  readonly sum: number;
  readonly energy: number;
  /** Largest value; where a density has none, one with nothing to speak of beyond it. */
  readonly max: number;
  /** Writes mass and first moment of the values below scale·thresholds[k], for every k. The thresholds ascend. */
  below(thresholds: Float64Array, scale: number, mass: Float64Array, sum: Float64Array): void;
}

/** Arrays that successive samples may share. */
export interface MomentScratch {
  /** One longer than the values. */
  readonly prefix: Float64Array;
  /** SortedSample.indexLength of their number. */
  readonly first: Uint32Array;
}

/** Buckets of the index: more would not stay in a core's first cache. */
const MOST_BUCKETS = 4096;

/** Moments of sorted values. */
export class SortedSample implements Moments {
  readonly mass: number;
  readonly sum: number;
  readonly energy: number;
  readonly min: number;
  readonly max: number;
  private readonly values: Float32Array | Float64Array;
  private readonly prefix: Float64Array;
  /** first[b] values lie below min + b / bucketsPerUnit, so that a threshold is found in about one step. */
  private readonly first: Uint32Array;
  private readonly bucketsPerUnit: number;

  /**
   * @param values ascending, finite, at least one; not copied
   * @param scratch where prefix sums and index go; new arrays where it is absent
   */
  constructor(values: Float32Array | Float64Array, scratch?: MomentScratch) {
    const count = values.length;
    const buckets = SortedSample.indexLength(count) - 2;
    const prefix = scratch?.prefix ?? new Float64Array(count + 1);
    const first = scratch?.first ?? new Uint32Array(buckets + 2);
    const min = values[0]!;
    const max = values[count - 1]!;
    const bucketsPerUnit = max > min ? buckets / (max - min) : 0;
    let sum = 0;
    let energy = 0;
    let bucket = 0;
    prefix[0] = 0;
    for (let i = 0; i < count; i++) {
      const value = values[i]!;
      sum += value;
      energy += value * value;
      prefix[i + 1] = sum;
      const here = Math.floor((value - min) * bucketsPerUnit);
      while (bucket <= here) first[bucket++] = i;
    }
    while (bucket < buckets + 2) first[bucket++] = count;
    this.values = values;
    this.prefix = prefix;
    this.first = first;
    this.bucketsPerUnit = bucketsPerUnit;
    this.mass = count;
    this.sum = sum;
    this.energy = energy;
    this.min = min;
    this.max = max;
  }

  /** Length of the index of so many values. */
  static indexLength(count: number): number {
    return Math.min(2 * count, MOST_BUCKETS) + 2;
  }

  below(thresholds: Float64Array, scale: number, mass: Float64Array, sum: Float64Array): void {
    const { values, prefix, first, min, max, bucketsPerUnit } = this;
    const count = this.mass;
    for (let k = 0; k < thresholds.length; k++) {
      const threshold = scale * thresholds[k]!;
      let low = 0;
      if (threshold > max) low = count;
      else if (threshold > min) {
        const bucket = ((threshold - min) * bucketsPerUnit) | 0;
        low = first[bucket]!;
        let high = first[bucket + 1]!;
        while (low < high) {
          const middle = (low + high) >>> 1;
          if (values[middle]! < threshold) low = middle + 1;
          else high = middle;
        }
      }
      mass[k] = low;
      sum[k] = prefix[low]!;
    }
  }

  /** The i-th value in ascending order. */
  at(i: number): number {
    return this.values[i]!;
  }

  /** Sum of the values from one position in ascending order to before another. */
  sumBetween(begin: number, end: number): number {
    return this.prefix[end]! - this.prefix[begin]!;
  }
}
