/** From here on every float64 is a whole number: x + WHOLE − WHOLE rounds an x ≥ 0, ties to even. */
export const WHOLE: number = 2 ** 52;

/**
 * The nearest whole number, ties to even; −0 for what a number below 0 rounds to. Adding 2^52 leaves no bits for a
 * fraction, and the sum is rounded to the nearest, ties to even.
 */
export function roundHalfEven(x: number): number {
  if (x > 0 && x < WHOLE) return x + WHOLE - WHOLE;
  if (x < 0 && x > -WHOLE) return -(WHOLE - x - WHOLE);
  return x;
}
