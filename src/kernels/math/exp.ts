import { scaleByPowerOfTwo } from './power-of-two.ts';

/*
 * exp and what follows from it, in float64 with + − × ÷ and floor alone, accurate to about 1e-14, so that one rounding
 * to float32 is right to less than one unit in the last place. One source for TypeScript and AssemblyScript.
 *
 * e^x = 2^k · e^r with k = ⌊x/ln 2 + ½⌋ and |r| ≤ ln 2 / 2; ln 2 is split in two so that k times the first part is exact.
 * e^r is its Taylor series to r^12/12!, whose remainder is below 0.3466^13/13! = 2e-16.
 */

const LN2_HIGH: number = 0.6931471804855391; // 33 bits
const LN2_LOW: number = 7.440617110012397e-11;

/** e^r − 1 for |r| ≤ 0.35, relatively accurate down to r = 0. */
function taylor(r: number): number {
  let p: number = 2.08767569878681e-9; // 1/12!
  p = p * r + 2.505210838544172e-8;
  p = p * r + 2.755731922398589e-7;
  p = p * r + 0.0000027557319223985893;
  p = p * r + 0.0000248015873015873;
  p = p * r + 0.0001984126984126984;
  p = p * r + 0.001388888888888889;
  p = p * r + 0.008333333333333333;
  p = p * r + 0.041666666666666664;
  p = p * r + 0.16666666666666666;
  p = p * r + 0.5;
  return p * r * r + r;
}

/** e^x; 0 below −708 and Infinity above 709, far outside what float32 can hold. */
export function exp(x: number): number {
  if (!(x >= -708)) return x < -708 ? 0 : x; // the last is NaN
  if (x > 709) return Infinity;
  const k: number = Math.floor(x * Math.LOG2E + 0.5);
  const r: number = x - k * LN2_HIGH - k * LN2_LOW;
  return scaleByPowerOfTwo(1 + taylor(r), k);
}

/** e^x − 1, relatively accurate near 0. */
export function expm1(x: number): number {
  if (x > -0.35 && x < 0.35) return taylor(x);
  return exp(x) - 1;
}

/** 1 / (1 + e^−x). */
export function sigmoid(x: number): number {
  return 1 / (1 + exp(-x));
}

/** tanh x = t / (t + 2) with t = e^2x − 1. */
export function tanh(x: number): number {
  if (x > 20) return 1;
  if (x < -20) return -1;
  const t = expm1(2 * x);
  return t / (t + 2);
}
