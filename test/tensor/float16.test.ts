import { describe, expect, it } from 'vitest';
import {
  bfloat16ToNumber,
  float16ToNumber,
  numberToBfloat16,
  numberToFloat16,
} from '../../src/tensor/float16.ts';

describe('binary16', () => {
  it('has the values of IEEE 754', () => {
    expect(float16ToNumber(0x3c00)).toBe(1);
    expect(float16ToNumber(0xc000)).toBe(-2);
    expect(float16ToNumber(0x7bff)).toBe(65504);
    expect(float16ToNumber(0x0400)).toBe(2 ** -14);
    expect(float16ToNumber(0x0001)).toBe(2 ** -24);
    expect(float16ToNumber(0x8000)).toBe(-0);
    expect(float16ToNumber(0x7c00)).toBe(Number.POSITIVE_INFINITY);
    expect(float16ToNumber(0xfe00)).toBeNaN();
  });

  it('comes back from its value, for every pattern', () => {
    const wrong: number[] = [];
    for (let bits = 0; bits < 65536; bits++) {
      const value = float16ToNumber(bits);
      const back = numberToFloat16(value);
      if (Number.isNaN(value) ? !Number.isNaN(float16ToNumber(back)) : back !== bits) wrong.push(bits);
    }
    expect(wrong).toEqual([]);
  });

  it('is rounded to nearest, ties to even, between every two neighbours', () => {
    const wrong: number[] = [];
    for (let bits = 0; bits < 0x7bff; bits++) {
      const middle = (float16ToNumber(bits) + float16ToNumber(bits + 1)) / 2;
      const step = middle * 2 ** -30;
      const even = bits % 2 === 0 ? bits : bits + 1;
      const rounded = [middle, middle - step, middle + step, -middle].map(numberToFloat16);
      if (rounded.join() !== [even, bits, bits + 1, 0x8000 + even].join()) wrong.push(bits);
    }
    expect(wrong).toEqual([]);
  });

  it('overflows to infinity from 65520 on, and underflows to zero of the same sign', () => {
    expect(numberToFloat16(65519.99)).toBe(0x7bff);
    expect(numberToFloat16(65520)).toBe(0x7c00);
    expect(numberToFloat16(-1e300)).toBe(0xfc00);
    expect(numberToFloat16(2 ** -25)).toBe(0);
    expect(numberToFloat16(-(2 ** -26))).toBe(0x8000);
  });
});

describe('bfloat16', () => {
  it('comes back from its value, for every pattern', () => {
    const wrong: number[] = [];
    for (let bits = 0; bits < 65536; bits++) {
      const value = bfloat16ToNumber(bits);
      const back = numberToBfloat16(value);
      if (Number.isNaN(value) ? !Number.isNaN(bfloat16ToNumber(back)) : back !== bits) wrong.push(bits);
    }
    expect(wrong).toEqual([]);
  });

  it('is rounded to nearest, ties to even', () => {
    for (const bits of [0x3f80, 0x3f81, 0x0001, 0x7f7e, 0x4049]) {
      const middle = (bfloat16ToNumber(bits) + bfloat16ToNumber(bits + 1)) / 2;
      expect(numberToBfloat16(middle)).toBe(bits % 2 === 0 ? bits : bits + 1);
    }
  });
});
