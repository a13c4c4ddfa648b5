import { expect } from 'vitest';
import type { Random } from '../support/random.ts';

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

/** A symmetric positive definite matrix [n, n]: the second moments of 2n + 3 random vectors, and a little on the diagonal. */
export function randomHessian(random: Random, n: number, damping = 0.01): Float64Array {
  const samples = 2 * n + 3;
  const x = Float64Array.from({ length: samples * n }, () => random.unit() - 0.4);
  const matrix = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = i === j ? damping * samples : 0;
      for (let s = 0; s < samples; s++) sum += x[s * n + i]! * x[s * n + j]!;
      matrix[i * n + j] = sum;
      matrix[j * n + i] = sum;
    }
  }
  return matrix;
}

export function randomDoubles(random: Random, length: number): Float64Array {
  return Float64Array.from({ length }, () => (random.chance(0.05) ? 0 : (random.unit() - 0.5) * 4));
}
