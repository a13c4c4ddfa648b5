/** Numbers from a seed, the same on every machine. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** In [0, 1), 24 bits. */
  unit(): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) | 0;
    return (this.#state >>> 8) / 2 ** 24;
  }

  /** A whole number in low … high. */
  whole(low: number, high: number): number {
    return low + Math.floor(this.unit() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.whole(0, items.length - 1)]!;
  }

  /** Mostly about 1 in size, some zeros of both signs, some very large and very small. */
  floats(length: number): Float32Array {
    return Float32Array.from({ length }, () => {
      const kind = this.unit();
      const value = (this.unit() - 0.5) * 4;
      if (kind < 0.04) return this.chance(0.5) ? 0 : -0;
      if (kind < 0.06) return value * 1e15;
      if (kind < 0.08) return value * 1e-20;
      return value;
    });
  }
}
