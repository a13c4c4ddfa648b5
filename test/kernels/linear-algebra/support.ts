import { expect } from 'vitest';

/** Sizes around the sides of tiles and blocks. */
export const SIZES = [0, 1, 2, 7, 8, 9, 31, 32, 33, 64, 65, 129] as const;

/** Fails on the first float64 whose 64 bits differ. */
export function expectSameDoubles(actual: Float64Array, expected: Float64Array, what: string): void {
  expect(actual.length, what).toBe(expected.length);
  const a = new BigUint64Array(actual.buffer, actual.byteOffset, actual.length);
  const b = new BigUint64Array(expected.buffer, expected.byteOffset, expected.length);
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i])
      expect.fail(`${what}: element ${i} of ${a.length} is ${actual[i]}, expected ${expected[i]}`);
  }
}
