import { describe, expect, it } from 'vitest';
import { packBits, planeBytes, unpackBits } from '../../src/tensor/bits.ts';

/** Sizes at which bit arithmetic goes wrong. */
const SIZES = [0, 1, 7, 8, 9, 31, 32, 33, 63, 64, 65, 127, 128, 129];

describe('bit-planes', () => {
  it('have the first element in the lowest bit of the first byte: one-hot', () => {
    const wrong: number[][] = [];
    for (const size of SIZES)
      for (let hot = 0; hot < size; hot++)
        for (const bits of [1, 3, 8])
          for (let b = 0; b < bits; b++) {
            const codes = new Uint8Array(size);
            codes[hot] = 1 << b;
            const expected = new Uint8Array(bits * planeBytes(size));
            expected[b * planeBytes(size) + (hot >> 3)] = 1 << (hot & 7);
            if (Buffer.compare(packBits(codes, bits), expected) !== 0) wrong.push([size, hot, bits, b]);
          }
    expect(wrong).toEqual([]);
  });

  it('give the codes back, and any part of them', () => {
    for (const size of SIZES)
      for (let bits = 1; bits <= 8; bits++) {
        const codes = Uint8Array.from({ length: size }, (_, i) => (i * 37 + 11) % 2 ** bits);
        const planes = packBits(codes, bits);
        expect(planes).toHaveLength(bits * Math.ceil(size / 8));
        expect(unpackBits(planes, bits, size)).toEqual(codes);
        for (const start of [0, 1, 7, 9].filter((at) => at <= size))
          expect(unpackBits(planes, bits, size, start, size - start)).toEqual(codes.subarray(start));
      }
  });

  it('leave the spare bits of the last byte zero', () => {
    expect([...packBits(Uint8Array.of(3, 3, 3), 2)]).toEqual([0b111, 0b111]);
  });
});
