import { describe, expect, it } from 'vitest';
import type { CodedRows } from '../../../src/kernels/linear-algebra/contract.ts';
import { createReferenceLinearAlgebra } from '../../../src/kernels/linear-algebra/reference.ts';
import { createSimdLinearAlgebra } from '../../../src/kernels/linear-algebra/simd.ts';
import { Random } from '../support/random.ts';
import { expectSameDoubles, randomDoubles, randomHessian, SIZES } from './support.ts';

const SETS = [createReferenceLinearAlgebra(), createSimdLinearAlgebra()];

function randomCodes(random: Random, rows: number, columns: number, size: number): CodedRows {
  const codes = Uint8Array.from({ length: rows * columns }, () => random.whole(0, size - 1));
  return { rows, columns, codes, size };
}

describe('sums of a symmetric matrix over pairs of codes', () => {
  it('have the bits of the reference, for all columns and for some, added to what is there', () => {
    const random = new Random(21);
    for (const columns of SIZES) {
      for (const size of [1, 2, 3, 8, 16, 32, 256]) {
        const [from, behind] = [random.pick([0, 3]), random.pick([0, 5])];
        const n = from + columns + behind;
        const hessian = randomHessian(random, n);
        const rows = randomCodes(random, random.pick([0, 1, 2, 9, 65]), columns, size);
        for (const lists of [rows.rows, 1]) {
          const start = randomDoubles(random, lists * size * size);
          const sums = SETS.map((set) => {
            const sum = start.slice();
            set.addLevelSums(rows, hessian, n, from, sum);
            return sum;
          });
          expectSameDoubles(
            sums[1]!,
            sums[0]!,
            `${rows.rows} rows of ${columns} from ${from}, ${size} codes`,
          );
        }
      }
    }
  });

  it('are those of direct summation', () => {
    const random = new Random(22);
    const [n, from, size] = [60, 7, 5];
    const hessian = randomHessian(random, n);
    const coded = randomCodes(random, 70, 50, size);
    const expected = new Float64Array(70 * size * size);
    for (let r = 0; r < 70; r++)
      for (let i = 0; i < 50; i++)
        for (let j = 0; j < 50; j++) {
          const at = (r * size + coded.codes[r * 50 + i]!) * size + coded.codes[r * 50 + j]!;
          expected[at]! += hessian[(from + i) * n + from + j]!;
        }
    for (const set of SETS) {
      const sums = new Float64Array(expected.length);
      set.addLevelSums(coded, hessian, n, from, sums);
      sums.forEach((sum, i) => {
        expect(Math.abs(sum - expected[i]!)).toBeLessThan(1e-11 * (1 + Math.abs(expected[i]!)));
      });
      const shared = new Float64Array(size * size);
      set.addLevelSums(coded, hessian, n, from, shared);
      shared.forEach((sum, i) => {
        let all = 0;
        for (let r = 0; r < 70; r++) all += expected[r * size * size + i]!;
        expect(Math.abs(sum - all)).toBeLessThan(1e-9 * (1 + Math.abs(all)));
      });
    }
  });

  it('read the lower triangle alone, and are symmetric', () => {
    const random = new Random(23);
    const n = 40;
    const hessian = randomHessian(random, n);
    const lower = hessian.map((value, i) => (i % n > Math.floor(i / n) ? Number.NaN : value));
    const coded = randomCodes(random, 2, n, 4);
    for (const set of SETS) {
      const [whole, half] = [new Float64Array(32), new Float64Array(32)];
      set.addLevelSums(coded, hessian, n, 0, whole);
      set.addLevelSums(coded, lower, n, 0, half);
      expectSameDoubles(half, whole, 'the sums from the lower triangle');
      for (let r = 0; r < 2; r++)
        for (let c = 0; c < 4; c++)
          for (let d = 0; d < 4; d++) expect(half[r * 16 + c * 4 + d]).toBe(half[r * 16 + d * 4 + c]);
    }
  });

  it('are what one works out by hand', () => {
    const hessian = Float64Array.of(1, 10, 100, 10, 2, 1000, 100, 1000, 4);
    const coded = { rows: 2, columns: 3, codes: Uint8Array.of(0, 1, 0, 1, 1, 1), size: 2 };
    for (const set of SETS) {
      const sums = new Float64Array(8);
      set.addLevelSums(coded, hessian, 3, 0, sums);
      expect([...sums]).toEqual([1 + 4 + 200, 1010, 1010, 2, 0, 0, 0, 2227]);
    }
  });

  it('refuse what does not fit, with what was expected', () => {
    const good: CodedRows = { rows: 3, columns: 2, codes: new Uint8Array(6), size: 2 };
    const hessian = new Float64Array(9);
    for (const set of SETS) {
      const add =
        (change: Partial<CodedRows>, from = 0, sums = 12) =>
        () =>
          set.addLevelSums({ ...good, ...change }, hessian, 3, from, new Float64Array(sums));
      expect(add({})).not.toThrow();
      expect(add({ columns: 3 })).toThrow(/codes has 6 elements, expected 3 × 3 = 9/);
      expect(add({}, 2)).toThrow(/expected columns among the 3 of the hessian, got 2 from 2 on/);
      expect(add({}, -1)).toThrow(/got 2 from -1 on/);
      expect(add({ size: 257 })).toThrow(/expected 1 to 256 codes, got 257/);
      expect(add({ codes: Uint8Array.of(0, 1, 0, 0, 2, 0) })).toThrow(/expected codes below 2, got 2 at 4/);
      expect(add({}, 0, 8)).toThrow(/sums has 8 elements, expected 3 × 4 = 12/);
      expect(() => set.addLevelSums(good, new Float64Array(8), 3, 0, new Float64Array(4))).toThrow(
        /hessian has 8 elements/,
      );
    }
  });
});
