import { describe, expect, it } from 'vitest';
import { roundHalfEven, WHOLE } from '../../src/tensor/round.ts';

/** By its definition: the whole number below or above, the nearer one, of two as near the even one. */
function defined(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  const rounded = rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
  return rounded === 0 && x < 0 ? -0 : rounded;
}

describe('rounding to the nearest whole number, ties to even', () => {
  it('is what its definition says, for numbers of all sizes and all that are special', () => {
    const numbers = [0, -0, 0.5, -0.5, 0.49999999999999994, -0.49999999999999994, 5e-324, -5e-324];
    for (const size of [0, 2 ** 20, 2 ** 51, WHOLE, 2 ** 53, 2 ** 60])
      for (let i = -40; i <= 40; i++) numbers.push(size + i / 4, -size + i / 4);
    for (let i = 0; i < 5000; i++) numbers.push(((i * 48_271) % 65_537) / 64 - 500);
    numbers.push(Number.MAX_VALUE, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
    expect(numbers.map(roundHalfEven)).toEqual(numbers.map(defined));
    expect(roundHalfEven(Number.NaN)).toBeNaN();
  });
});
