import { SortedSample } from './fit/moments.ts';

/**
 * The weights that share one level table, with what fits ask of them. Sorted copies are made when first asked for, in
 * scratch memory that the next table reuses: 4 bytes a weight sorted and 8 for the prefix sums, of the largest table.
 */
export class TableValues {
  /** In row order. */
  values: Float32Array = new Float32Array(0);
  private sortedScratch = new Float32Array(0);
  private readonly momentScratch = { prefix: new Float64Array(0), first: new Uint32Array(0) };
  private sample: SortedSample | undefined;
  private ofMagnitudes = false;

  /** Takes up other values; what was given out before is no longer valid. */
  load(values: Float32Array): void {
    this.values = values;
    this.sample = undefined;
  }

  /** Moments of |w|. */
  magnitudes(): SortedSample {
    return this.sampleOf(true);
  }

  /** Moments of w. */
  signed(): SortedSample {
    return this.sampleOf(false);
  }

  /** Largest |w|. */
  max(): number {
    let max = 0;
    for (const value of this.values) max = Math.max(max, Math.abs(value));
    return max;
  }

  private sampleOf(magnitudes: boolean): SortedSample {
    if (this.sample !== undefined && this.ofMagnitudes === magnitudes) return this.sample;
    const { values, momentScratch } = this;
    const count = values.length;
    if (this.sortedScratch.length < count) {
      this.sortedScratch = new Float32Array(count);
      momentScratch.prefix = new Float64Array(count + 1);
      momentScratch.first = new Uint32Array(SortedSample.indexLength(count));
    }
    const sorted = this.sortedScratch.subarray(0, count);
    if (magnitudes) for (let i = 0; i < count; i++) sorted[i] = Math.abs(values[i]!);
    else sorted.set(values);
    sorted.sort();
    this.sample = new SortedSample(sorted, momentScratch);
    this.ofMagnitudes = magnitudes;
    return this.sample;
  }
}
