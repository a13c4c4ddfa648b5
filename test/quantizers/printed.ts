import { expect } from 'vitest';

/**
 * Expects a number to be what is printed, to the last printed digit: `.03744`, `6.442e-4`, `2.104`.
 * @param units of the last digit by which it may differ: a half is what printing rounds off
 */
export function expectPrinted(value: number, printed: string, units = 0.5001): void {
  const [mantissa, exponent] = printed.split('e') as [string, string?];
  const decimals = mantissa.includes('.') ? mantissa.length - mantissa.indexOf('.') - 1 : 0;
  const unit = 10 ** (Number(exponent ?? 0) - decimals);
  expect(Math.abs(value - Number(printed)), `${value} against ${printed}`).toBeLessThanOrEqual(units * unit);
}
