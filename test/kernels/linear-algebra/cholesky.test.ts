import { describe, expect, it } from 'vitest';
import { createReferenceLinearAlgebra } from '../../../src/kernels/linear-algebra/reference.ts';
import { createSimdLinearAlgebra } from '../../../src/kernels/linear-algebra/simd.ts';
import { Random } from '../support/random.ts';
import { expectSameDoubles, randomDoubles, randomHessian, SIZES } from './support.ts';

const reference = createReferenceLinearAlgebra();
const simd = createSimdLinearAlgebra();
const SETS = [reference, simd];

/** Largest |a · bᵀ − expected| for row-major a [m, n], b [p, n]. */
function distance(a: Float64Array, b: Float64Array, n: number, expected: Float64Array): number {
  const [m, p] = [a.length / n, b.length / n];
  let largest = 0;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < p; j++) {
      let sum = 0;
      for (let k = 0; k < n; k++) sum += a[i * n + k]! * b[j * n + k]!;
      largest = Math.max(largest, Math.abs(sum - expected[i * p + j]!));
    }
  }
  return largest;
}

function transposed(matrix: Float64Array, n: number): Float64Array {
  return matrix.map((_, i) => matrix[(i % n) * n + Math.floor(i / n)]!);
}

function identity(n: number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
}

describe('the Cholesky factorization', () => {
  it('has the bits of the reference in everything that is built on it', () => {
    const random = new Random(2);
    for (const n of [...SIZES, 130, 200]) {
      const hessian = randomHessian(random, n);
      const m = random.pick(SIZES);
      const rows = randomDoubles(random, m * n);
      const results = SETS.map((set) => {
        const factor = hessian.slice();
        const upper = new Float64Array(n * n);
        const solution = rows.slice();
        expect(set.cholesky(factor, n)).toBe(-1);
        expect(set.upperCholeskyOfInverse(hessian, n, upper)).toBe(-1);
        set.solveCholesky(factor, n, solution, m);
        return { factor, upper, solution };
      });
      expectSameDoubles(results[1]!.factor, results[0]!.factor, `factor of ${n}`);
      expectSameDoubles(results[1]!.upper, results[0]!.upper, `factor of the inverse of ${n}`);
      expectSameDoubles(results[1]!.solution, results[0]!.solution, `${m} solutions of ${n}`);
    }
  });

  it('is exact for a matrix made of whole numbers', () => {
    for (const set of SETS) {
      const matrix = Float64Array.of(4, 12, -16, 12, 37, -43, -16, -43, 98);
      expect(set.cholesky(matrix, 3)).toBe(-1);
      expect([...matrix]).toEqual([2, 0, 0, 6, 1, 0, -8, 5, 3]);
      const rows = Float64Array.of(4, 12, -16, -20, -43, 192);
      set.solveCholesky(matrix, 3, rows, 2);
      expect([...rows]).toEqual([1, 0, 0, 1, 2, 3]);
    }
  });

  it('multiplies to the matrix, and solves what it is given', () => {
    const random = new Random(3);
    for (const n of [1, 5, 64, 100]) {
      const hessian = randomHessian(random, n);
      const factor = hessian.slice();
      simd.cholesky(factor, n);
      expect(distance(factor, factor, n, hessian)).toBeLessThan(1e-12 * n);
      const rows = randomDoubles(random, 7 * n);
      const solution = rows.slice();
      simd.solveCholesky(factor, n, solution, 7);
      expect(distance(solution, hessian, n, rows)).toBeLessThan(1e-11 * n);
    }
  });

  it('gives GPTQ the upper factor of the inverse: U · H · Uᵀ is the identity', () => {
    // H⁻¹ = UᵀU is the same as (U H) Uᵀ = I.
    const random = new Random(4);
    for (const n of [1, 2, 33, 97]) {
      const hessian = randomHessian(random, n);
      const upper = new Float64Array(n * n);
      simd.upperCholeskyOfInverse(hessian, n, upper);
      const product = new Float64Array(n * n);
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) {
          if (j < i) expect(upper[i * n + j]).toBe(0);
          for (let k = 0; k < n; k++) product[i * n + j]! += upper[i * n + k]! * hessian[k * n + j]!;
        }
      }
      expect(distance(product, upper, n, identity(n))).toBeLessThan(1e-10);
      // And not that of another order: UᵀU, not UUᵀ, is the inverse.
      const square = new Float64Array(n * n);
      const columns = transposed(upper, n);
      for (let i = 0; i < n; i++)
        for (let j = 0; j < n; j++)
          for (let k = 0; k < n; k++) square[i * n + j]! += columns[i * n + k]! * columns[j * n + k]!;
      expect(distance(square, hessian, n, identity(n))).toBeLessThan(1e-10);
    }
  });

  it('names the first pivot that is not positive, and one that is not finite', () => {
    const random = new Random(5);
    for (const set of SETS) {
      for (const n of [1, 8, 65, 129]) {
        for (const at of new Set([0, n >> 1, n - 1])) {
          for (const value of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
            const matrix = randomHessian(random, n);
            matrix[at * n + at] = value;
            const before = matrix.slice();
            expect(set.upperCholeskyOfInverse(matrix, n, new Float64Array(n * n))).toBe(at);
            expectSameDoubles(matrix, before, 'the matrix that was given');
            expect(set.cholesky(matrix, n)).toBe(at);
          }
        }
      }
    }
  });

  it('refuses arrays of other sizes, with both numbers', () => {
    for (const set of SETS) {
      const [three, four] = [new Float64Array(3), new Float64Array(4)];
      expect(() => set.cholesky(three, 2)).toThrow(/matrix has 3 elements, expected 2 × 2 = 4/);
      expect(() => set.solveCholesky(four, 2, three, 2)).toThrow(/rows has 3 elements/);
      expect(() => set.upperCholeskyOfInverse(four, 2, three)).toThrow(/upper has 3 elements/);
    }
  });
});
