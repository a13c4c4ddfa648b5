/** A generator of 32-bit numbers (Marsaglia 2003, xorshift), so that the same seed chooses the same positions. */
export class Positions {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  }

  /** `take` of `count` positions, one at random in each of as many equal stretches; all where there are no more. */
  *choose(take: number, count: number): Generator<number> {
    if (take >= count) {
      for (let position = 0; position < count; position++) yield position;
      return;
    }
    for (let stretch = 0; stretch < take; stretch++)
      yield Math.floor(((stretch + this.#next()) * count) / take);
  }

  /** From 0 to below 1. */
  #next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state / 2 ** 32;
  }
}
