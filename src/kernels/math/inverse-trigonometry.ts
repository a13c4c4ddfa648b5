/*
 * atan, asin and acos in float64 with + − × ÷ and the square root, accurate to about 1e-15.
 *
 * atan r for |r| ≤ tan(π/8) is its Taylor series r − r³/3 + r⁵/5 − …, taken to r^43; the remainder is below
 * 0.41422^45/45 = 2e-19. Up to 1/tan(π/8): atan x = π/4 + atan((x − 1)/(x + 1)); beyond: atan x = π/2 − atan(1/x).
 */

const TAN_PI_8 = 0.4142135623730951;
const HALF_PI = 1.5707963267948966;
const QUARTER_PI = 0.7853981633974483;

function taylor(r: number): number {
  const t = r * r;
  let p = -1 / 43;
  for (let k = 41; k >= 3; k -= 2) p = p * t + ((k & 2) === 0 ? 1 : -1) / k;
  return p * t * r + r;
}

export function atan(x: number): number {
  const size = Math.abs(x);
  if (size <= TAN_PI_8) return x === 0 ? x : taylor(x); // −0 stays −0
  const isNear = size * TAN_PI_8 <= 1;
  const y = isNear ? QUARTER_PI + taylor((size - 1) / (size + 1)) : HALF_PI - taylor(1 / size);
  return x < 0 ? -y : y;
}

/** atan(x / √(1 − x²)), the root written so that it keeps its digits near 1; NaN outside of −1 … 1. */
export function asin(x: number): number {
  return atan(x / Math.sqrt((1 - x) * (1 + x)));
}

/** 2·atan √((1 − x)/(1 + x)); NaN outside of −1 … 1. */
export function acos(x: number): number {
  return 2 * atan(Math.sqrt((1 - x) / (1 + x)));
}
