import { describe, expect, it } from 'vitest';
import type { DataType } from '../../src/tensor/dtype.ts';
import { narrowFloatValues, numberToNarrowFloat, numberToPowerCode } from '../../src/tensor/narrow-float.ts';

const TYPES: readonly DataType[] = [
  'FLOAT8E4M3FN',
  'FLOAT8E4M3FNUZ',
  'FLOAT8E5M2',
  'FLOAT8E5M2FNUZ',
  'FLOAT4E2M1',
];

/** Finite values of the type that are not negative, ascending, with their codes. */
function ladder(dtype: DataType): { code: number; value: number }[] {
  return [...narrowFloatValues(dtype)]
    .map((value, code) => ({ code, value }))
    .filter(({ value }) => Number.isFinite(value) && !(value < 0) && !Object.is(value, -0))
    .sort((a, b) => a.value - b.value);
}

describe('narrow floats', () => {
  it('have the extreme values that their definitions give', () => {
    const largest = TYPES.map((dtype) => ladder(dtype).at(-1)!.value);
    expect(largest).toEqual([448, 240, 57344, 57344, 6]);
    const smallest = TYPES.map((dtype) => ladder(dtype)[1]!.value);
    expect(smallest).toEqual([2 ** -9, 2 ** -10, 2 ** -16, 2 ** -17, 0.5]);
    expect([...narrowFloatValues('FLOAT4E2M1')].slice(0, 9)).toEqual([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0]);
  });

  it('hold NaN and infinity where their definitions have them, and nowhere else', () => {
    const codes = (dtype: DataType, holds: (value: number) => boolean): number[] =>
      [...narrowFloatValues(dtype)].flatMap((value, code) => (holds(value) ? [code] : []));
    const isInfinite = (value: number): boolean => Math.abs(value) === Number.POSITIVE_INFINITY;
    expect(TYPES.map((dtype) => codes(dtype, Number.isNaN))).toEqual([
      [0x7f, 0xff],
      [0x80],
      [0x7d, 0x7e, 0x7f, 0xfd, 0xfe, 0xff],
      [0x80],
      [],
    ]);
    expect(TYPES.map((dtype) => codes(dtype, isInfinite))).toEqual([[], [], [0x7c, 0xfc], [], []]);
  });

  it('give back every finite value as the code that it came from', () => {
    for (const dtype of TYPES)
      narrowFloatValues(dtype).forEach((value, code) => {
        if (Number.isFinite(value)) expect(numberToNarrowFloat(value, dtype, true), dtype).toBe(code);
      });
  });

  it('take the nearest value, and the one of an even code half-way between two', () => {
    for (const dtype of TYPES) {
      const steps = ladder(dtype);
      for (let i = 0; i + 1 < steps.length; i++) {
        const [low, high] = [steps[i]!, steps[i + 1]!];
        const middle = (low.value + high.value) / 2;
        const even = low.code % 2 === 0 ? low.code : high.code;
        const hair = (high.value - low.value) / 1024;
        expect(numberToNarrowFloat(middle, dtype, true), `${dtype} ${middle}`).toBe(even);
        expect(numberToNarrowFloat(middle - hair, dtype, true)).toBe(low.code);
        expect(numberToNarrowFloat(middle + hair, dtype, true)).toBe(high.code);
      }
    }
  });

  // The table of Cast in ONNX's operator documentation; FLOAT4E2M1 from its published tests.
  const SPECIAL = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e6, -1e6, -0, -1e-9];
  const codesOf = (saturate: boolean): number[][] =>
    TYPES.map((dtype) => SPECIAL.map((value) => numberToNarrowFloat(value, dtype, saturate)));

  it('treat what they cannot hold as the table of Cast says, saturating', () => {
    expect(codesOf(true)).toEqual([
      [0x7f, 0x7e, 0xfe, 0x7e, 0xfe, 0x80, 0x80],
      [0x80, 0x7f, 0xff, 0x7f, 0xff, 0, 0],
      [0x7e, 0x7b, 0xfb, 0x7b, 0xfb, 0x80, 0x80],
      [0x80, 0x7f, 0xff, 0x7f, 0xff, 0, 0],
      [8, 7, 15, 7, 15, 8, 8],
    ]);
  });

  it('treat what they cannot hold as the table of Cast says, not saturating', () => {
    expect(codesOf(false)).toEqual([
      [0x7f, 0x7f, 0xff, 0x7f, 0xff, 0x80, 0x80],
      [0x80, 0x80, 0x80, 0x80, 0x80, 0, 0],
      [0x7e, 0x7c, 0xfc, 0x7c, 0xfc, 0x80, 0x80],
      [0x80, 0x80, 0x80, 0x80, 0x80, 0, 0],
      [8, 7, 15, 7, 15, 8, 8],
    ]);
  });

  it('round to the largest value just below half a step above it', () => {
    expect(numberToNarrowFloat(463.99, 'FLOAT8E4M3FN', false)).toBe(0x7e);
    expect(numberToNarrowFloat(464, 'FLOAT8E4M3FN', false)).toBe(0x7e);
    expect(numberToNarrowFloat(464.01, 'FLOAT8E4M3FN', false)).toBe(0x7f);
    expect(numberToNarrowFloat(61439, 'FLOAT8E5M2', false)).toBe(0x7b);
    expect(numberToNarrowFloat(61440, 'FLOAT8E5M2', false)).toBe(0x7c);
  });
});

describe('FLOAT8E8M0', () => {
  it('holds the powers of two from 2^-127 to 2^127 and NaN', () => {
    const values = narrowFloatValues('FLOAT8E8M0');
    expect([values[0], values[127], values[254], values[255]]).toEqual([2 ** -127, 1, 2 ** 127, Number.NaN]);
    for (let code = 0; code < 255; code++)
      for (const rounding of ['up', 'down', 'nearest'] as const)
        expect(numberToPowerCode(values[code]!, rounding, true)).toBe(code);
  });

  it('rounds up, down, or to the nearest power with ties up', () => {
    const code = (value: number): number[] =>
      (['up', 'down', 'nearest'] as const).map((rounding) => numberToPowerCode(value, rounding, true) - 127);
    expect(code(1.1)).toEqual([1, 0, 0]);
    expect(code(1.5)).toEqual([1, 0, 1]);
    expect(code(3.9)).toEqual([2, 1, 2]);
    expect(code(0.124)).toEqual([-3, -4, -3]);
  });

  it('saturates or becomes NaN for zero, infinity and what is out of range; NaN and negative numbers are NaN', () => {
    const values = [0, 1e-300, 1e300, Number.POSITIVE_INFINITY, Number.NaN, -1];
    expect(values.map((value) => numberToPowerCode(value, 'up', true))).toEqual([0, 0, 254, 254, 255, 255]);
    expect(values.map((value) => numberToPowerCode(value, 'nearest', false))).toEqual([
      255, 255, 255, 255, 255, 255,
    ]);
  });
});
