/**
 * Scaling by powers of two, exact, with nothing but multiplications and comparisons, so that one source serves
 * TypeScript and AssemblyScript (where `number` is f64) and gives the same bits in both.
 */

/** x · 2^exponent for an integer exponent in −1100 … 1100. Rounds once, and only when the result is subnormal. */
export function scaleByPowerOfTwo(x: number, exponent: number): number {
  let y = x;
  let left = exponent;
  while (left >= 64) {
    y *= 1.8446744073709552e19;
    left -= 64;
  }
  while (left <= -64) {
    y *= 5.421010862427522e-20; // 2^-64
    left += 64;
  }
  return y * powerOfTwo(left);
}

/** 2^exponent for an integer exponent in −64 … 64. */
function powerOfTwo(exponent: number): number {
  const up = exponent >= 0;
  let left: number = up ? exponent : -exponent;
  let y: number = 1;
  if (left >= 64) {
    y *= 1.8446744073709552e19;
    left -= 64;
  }
  if (left >= 32) {
    y *= 4294967296;
    left -= 32;
  }
  if (left >= 16) {
    y *= 65536;
    left -= 16;
  }
  if (left >= 8) {
    y *= 256;
    left -= 8;
  }
  if (left >= 4) {
    y *= 16;
    left -= 4;
  }
  if (left >= 2) {
    y *= 4;
    left -= 2;
  }
  if (left >= 1) y *= 2;
  return up ? y : 1 / y;
}

/** The integer e with 2^e ≤ x < 2^(e+1), for finite x > 0. */
export function exponentOf(x: number): number {
  let m = x;
  let e: number = 0;
  while (m >= 1.8446744073709552e19) {
    m *= 5.421010862427522e-20;
    e += 64;
  }
  while (m < 1) {
    m *= 1.8446744073709552e19;
    e -= 64;
  }
  // 1 <= m < 2^64
  if (m >= 4294967296) {
    m *= 2.3283064365386963e-10; // 2^-32
    e += 32;
  }
  if (m >= 65536) {
    m *= 0.0000152587890625; // 2^-16
    e += 16;
  }
  if (m >= 256) {
    m *= 0.00390625;
    e += 8;
  }
  if (m >= 16) {
    m *= 0.0625;
    e += 4;
  }
  if (m >= 4) {
    m *= 0.25;
    e += 2;
  }
  if (m >= 2) e += 1;
  return e;
}
