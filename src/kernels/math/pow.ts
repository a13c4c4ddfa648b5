import { exp } from './exp.ts';
import { log } from './log.ts';

/**
 * x^y as IEEE 754 `pow`, except that 1^NaN and (−1)^±∞ are NaN as in ECMAScript. Whole exponents up to 64 are repeated
 * squaring, so that a square is x·x rounded once. One source for TypeScript and AssemblyScript.
 */
export function pow(x: number, y: number): number {
  if (y === 0) return 1;
  if (!(x >= -Infinity && y >= -Infinity)) return NaN;
  const whole = Math.floor(y) === y;
  const size: number = x < 0 ? -x : x;
  if (y === Infinity || y === -Infinity) {
    if (size === 1) return NaN;
    return size > 1 === y > 0 ? Infinity : 0;
  }
  const odd = whole && Math.floor(y * 0.5) * 2 !== y;
  if (x < 0 && !whole && x !== -Infinity) return NaN;
  const negative = odd && (x < 0 || 1 / x < 0);
  const p = powerOfSize(size, y, whole);
  return negative ? -p : p;
}

/** size^y for size ≥ 0 and finite y ≠ 0. */
function powerOfSize(size: number, y: number, whole: boolean): number {
  if (size === 0) return y > 0 ? 0 : Infinity;
  if (size === Infinity) return y > 0 ? Infinity : 0;
  if (whole && y >= -64 && y <= 64) {
    let left: number = y < 0 ? -y : y;
    let factor = size;
    let product: number = 1;
    while (left > 0) {
      const half = Math.floor(left * 0.5);
      if (half * 2 !== left) product *= factor;
      factor *= factor;
      left = half;
    }
    return y < 0 ? 1 / product : product;
  }
  if (y === 0.5) return Math.sqrt(size);
  return exp(y * log(size));
}
