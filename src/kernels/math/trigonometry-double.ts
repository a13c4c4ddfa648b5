import { cos, sin } from './trigonometry.ts';

/*
 * sin and cos of a float64 argument. Up to 2^17 those of trigonometry.ts hold; beyond, they want a float32: x is the sum
 * of three of them exactly (24 bits each), and sin(a + b) = sin a cos b + cos a sin b. Beyond 2^128 there is no such sum.
 */

const REDUCED = 131072;

export function sinDouble(x: number): number {
  const size = Math.abs(x);
  if (!(size >= REDUCED)) return sin(x);
  const [s] = sinCos(size);
  return x < 0 ? -s : s;
}

export function cosDouble(x: number): number {
  const size = Math.abs(x);
  return size >= REDUCED ? sinCos(size)[1] : cos(x);
}

function sinCos(x: number): readonly [sin: number, cos: number] {
  const high = Math.fround(x);
  const middle = Math.fround(x - high);
  const low = x - high - middle;
  return turned(turned([sin(high), cos(high)], middle), low);
}

/** Sine and cosine of the angle, by a further angle on. */
function turned([s, c]: readonly [number, number], by: number): readonly [number, number] {
  const [sinBy, cosBy] = [sin(by), cos(by)];
  return [s * cosBy + c * sinBy, c * cosBy - s * sinBy];
}
