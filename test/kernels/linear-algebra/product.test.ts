import { describe, expect, it } from 'vitest';
import { createReferenceLinearAlgebra } from '../../../src/kernels/linear-algebra/reference.ts';
import { createSimdLinearAlgebra } from '../../../src/kernels/linear-algebra/simd.ts';
import { Random } from '../support/random.ts';
import { expectSameDoubles, randomDoubles, SIZES } from './support.ts';

const SETS = [createReferenceLinearAlgebra(), createSimdLinearAlgebra()];

describe('subtracting a product of matrices', () => {
  it('has the bits of the reference, whatever the sizes', () => {
    const random = new Random(20);
    for (const n of SIZES) {
      for (const p of SIZES) {
        const m = random.pick([...SIZES, 259]);
        const [a, b] = [randomDoubles(random, m * n), randomDoubles(random, n * p)];
        const c = randomDoubles(random, m * p);
        const results = SETS.map((set) => {
          const result = c.slice();
          set.subtractProduct(result, a, b, m, n, p);
          return result;
        });
        expectSameDoubles(results[1]!, results[0]!, `${m} × ${n} × ${p}`);
      }
    }
  });

  it('is what one works out by hand', () => {
    for (const set of SETS) {
      const c = Float64Array.of(100, 0, 0, 100);
      const [a, b] = [Float64Array.of(1, 2, 3, 4, 5, 6), Float64Array.of(1, 0, 0, 1, 10, 10)];
      set.subtractProduct(c, a, b, 2, 3, 2);
      expect([...c]).toEqual([100 - 31, -32, -64, 100 - 65]);
    }
  });

  it('takes the products in ascending order, each rounded', () => {
    // 2^53 + 1 is no float64: one after the other the ones are lost, together they are not.
    const n = 2 ** 7;
    const [a, b] = [new Float64Array(n).fill(1), new Float64Array(n).fill(-1)];
    for (const set of SETS) {
      const c = Float64Array.of(2 ** 53);
      set.subtractProduct(c, a, b, 1, n, 1);
      expect(c[0]).toBe(2 ** 53);
    }
  });

  it('refuses arrays of other sizes, with both numbers', () => {
    const [six, four] = [new Float64Array(6), new Float64Array(4)];
    for (const set of SETS) {
      expect(() => set.subtractProduct(six, six, six, 2, 3, 2)).toThrow(
        /c has 6 elements, expected 2 × 2 = 4/,
      );
      expect(() => set.subtractProduct(four, four, six, 2, 3, 2)).toThrow(/a has 4 elements/);
      expect(() => set.subtractProduct(four, six, four, 2, 3, 2)).toThrow(/b has 4 elements/);
    }
  });
});
