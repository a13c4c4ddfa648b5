/*
 * Scaling by powers of two, exact, through the bits of a float64. The elementary functions are one source for
 * TypeScript and AssemblyScript (where `number` is f64); this file is TypeScript's half of what they stand on, and
 * power-of-two.as.ts the other, which the build puts in its place.
 */

const value = new Float64Array(1);
const bits = new Uint32Array(value.buffer);
/** Whether the sign and exponent come first in memory. */
const high = isBigEndian() ? 0 : 1;

function isBigEndian(): boolean {
  value[0] = 1;
  return bits[0] !== 0;
}

/** x · 2^exponent for a whole exponent in −1022 … 1023; rounds only when the result leaves the normal range. */
export function scaleByPowerOfTwo(x: number, exponent: number): number {
  bits[high] = (exponent + 1023) << 20;
  bits[1 - high] = 0;
  return x * value[0];
}

/** The integer e with 2^e ≤ x < 2^(e+1), for finite x ≥ 2^−1022. */
export function exponentOf(x: number): number {
  value[0] = x;
  return (bits[high] >>> 20) - 1023;
}
