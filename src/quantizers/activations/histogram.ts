/** Bins over [−reach, reach). At most half a side is empty, so that the wider side of the values has 2048 bins or more. */
const BINS = 8192;

/**
 * Counts of float32 values in bins of equal width, of values that come in any portions: `reach` is a power of two and
 * doubles, bins being joined in pairs, when a value lies outside. So what is counted does not depend on the portions.
 * Zeros, of which there are many after a ReLU, are counted apart, and so are NaN and infinities.
 */
export class Histogram {
  readonly counts: Float64Array = new Float64Array(BINS);
  min: number = Number.POSITIVE_INFINITY;
  max: number = Number.NEGATIVE_INFINITY;
  /** All finite values, and the zeros among them. */
  count = 0;
  zeros = 0;
  /** NaN and infinities. */
  notFinite = 0;
  #reach = 0;

  /** Width of a bin; 0 as long as there were only zeros. */
  get width(): number {
    return (2 * this.#reach) / BINS;
  }

  /** Lower end of the first bin. */
  get start(): number {
    return -this.#reach;
  }

  add(values: Float32Array): void {
    let { min, max } = this;
    let notFinite = 0;
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (!(value - value === 0)) notFinite++;
      else {
        if (value < min) min = value;
        if (value > max) max = value;
      }
    }
    this.min = min;
    this.max = max;
    this.notFinite += notFinite;
    this.count += values.length - notFinite;
    if (min <= max) this.#cover(Math.max(-min, max));
    const { counts } = this;
    const perWidth = this.#reach === 0 ? 0 : BINS / (2 * this.#reach);
    let zeros = 0;
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (value === 0) zeros++;
      else if (value - value === 0) counts[(value * perWidth + BINS / 2) | 0]!++;
    }
    this.zeros += zeros;
  }

  /** Doubles the reach until it is above `size`. */
  #cover(size: number): void {
    if (size === 0) return;
    if (this.#reach === 0) {
      this.#reach = 1;
      while (this.#reach > size) this.#reach /= 2;
      while (this.#reach <= size) this.#reach *= 2;
    }
    for (; this.#reach <= size; this.#reach *= 2) {
      const { counts } = this;
      const joined = new Float64Array(BINS);
      for (let i = 0; i < BINS; i++) joined[BINS / 4 + (i >> 1)]! += counts[i]!;
      counts.set(joined);
    }
  }
}
