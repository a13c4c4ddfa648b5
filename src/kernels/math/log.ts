import { exp } from './exp.ts';
import { exponentOf, scaleByPowerOfTwo } from './power-of-two.ts';

/*
 * x = 2^e · m with m in [√½, √2). With s = (m − 1)/(m + 1), |s| ≤ 0.1716,
 * ln m = 2·artanh s = 2·(s + s³/3 + s⁵/5 + …), taken to s^21; the remainder is below 1e-18.
 * One source for TypeScript and AssemblyScript.
 */

const LN2_HIGH: number = 0.6931471804855391; // 33 bits, so that e times it is exact
const LN2_LOW: number = 7.440617110012397e-11;

/** 2·artanh s for |s| ≤ 0.1716. */
function twiceArtanh(s: number): number {
  const t = s * s;
  let p: number = 0.047619047619047616; // 1/21
  p = p * t + 0.05263157894736842;
  p = p * t + 0.058823529411764705;
  p = p * t + 0.06666666666666667;
  p = p * t + 0.07692307692307693;
  p = p * t + 0.09090909090909091;
  p = p * t + 0.1111111111111111;
  p = p * t + 0.14285714285714285;
  p = p * t + 0.2;
  p = p * t + 0.3333333333333333;
  return 2 * (p * t * s + s);
}

/** Natural logarithm; −Infinity at 0, NaN below. */
export function log(x: number): number {
  if (!(x > 0)) return x === 0 ? -Infinity : NaN;
  if (x === Infinity) return x;
  let e = exponentOf(x);
  let m = scaleByPowerOfTwo(x, -e);
  if (m > Math.SQRT2) {
    m *= 0.5;
    e += 1;
  }
  const tail = twiceArtanh((m - 1) / (m + 1));
  return e * LN2_HIGH + (e * LN2_LOW + tail);
}

/** ln(1 + x) for x ≥ 0, relatively accurate near 0. */
export function log1p(x: number): number {
  if (x < 0.4) return twiceArtanh(x / (x + 2));
  return log(1 + x);
}

/** ln(1 + e^x) = max(x, 0) + ln(1 + e^−|x|). */
export function softplus(x: number): number {
  if (x > 0) return x + log1p(exp(-x));
  return log1p(exp(x));
}
