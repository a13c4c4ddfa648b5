import { describe, expect, it } from 'vitest';
import { createReferenceLinearAlgebra } from '../../../src/kernels/linear-algebra/reference.ts';
import { createSimdLinearAlgebra } from '../../../src/kernels/linear-algebra/simd.ts';
import { Random } from '../support/random.ts';
import { expectSameDoubles, SIZES } from './support.ts';

describe('sums of products of rows', () => {
  const reference = createReferenceLinearAlgebra();
  const simd = createSimdLinearAlgebra();

  it('have the bits of the reference, for one array and for two, whatever the sizes', () => {
    const random = new Random(1);
    for (const rows of SIZES) {
      for (const length of [0, 1, 3, 4, 7, 127, 128, 129, 270]) {
        const otherRows = random.pick(SIZES);
        const a = random.floats(rows * length);
        const b = random.floats(otherRows * length);
        const [square, squareFast] = [reference.gram(rows), simd.gram(rows)];
        const [oblong, oblongFast] = [reference.gram(rows, otherRows), simd.gram(rows, otherRows)];
        for (const gram of [square, squareFast]) for (let twice = 0; twice < 2; twice++) gram.add(a, length);
        for (const gram of [oblong, oblongFast]) gram.add(a, length, b);
        expectSameDoubles(squareFast.result(), square.result(), `${rows} rows of ${length}`);
        expectSameDoubles(oblongFast.result(), oblong.result(), `${rows} × ${otherRows} rows of ${length}`);
        for (const gram of [squareFast, oblongFast]) gram.dispose();
      }
    }
  });

  it('are what one works out by hand, both triangles, summed over calls', () => {
    for (const set of [reference, simd]) {
      const square = set.gram(2);
      square.add(Float32Array.of(1, 2, 3, 4), 2);
      square.add(Float32Array.of(10, 1), 1);
      expect([...square.result()]).toEqual([105, 21, 21, 26]);
      const oblong = set.gram(1, 3);
      oblong.add(Float32Array.of(1, 10), 2, Float32Array.of(1, 0, 0, 1, 2, 3));
      expect([...oblong.result()]).toEqual([1, 10, 32]);
      square.dispose();
      oblong.dispose();
    }
  });

  it('are added in float64 once 128 of them are summed', () => {
    // In float32 nothing would be left of the ones behind 2^24.
    const values = new Float32Array(256);
    values[0] = 2 ** 12;
    for (let n = 128; n < 256; n++) values[n] = 1;
    for (const set of [reference, simd]) {
      const gram = set.gram(1);
      gram.add(values, 256);
      expect(gram.result()[0]).toBe(2 ** 24 + 128);
      gram.dispose();
    }
  });

  it('refuse arrays of other sizes, with both numbers', () => {
    for (const set of [reference, simd]) {
      const square = set.gram(3);
      expect(() => square.add(new Float32Array(5), 2)).toThrow(/a has 5 elements, expected 3 × 2 = 6/);
      expect(() => square.add(new Float32Array(6), 2, new Float32Array(6))).toThrow(/expected one array/);
      const oblong = set.gram(3, 1);
      expect(() => oblong.add(new Float32Array(6), 2, new Float32Array(3))).toThrow(/b has 3 elements/);
      expect(() => oblong.add(new Float32Array(6), 2)).toThrow(/expected two arrays/);
    }
  });
});
