import { exp, expm1 } from './exp.ts';
import { log, log1p } from './log.ts';

/* Hyperbolic functions and their inverses, in float64, accurate to about 1e-14: built on exp and log so that nothing cancels. */

/** From here on e^−x does not count beside e^x, which is taken as a square, for it may be infinite alone. */
const LARGE = 40;
/** From here on x² + 1 is x² in float64. */
const HUGE = 2 ** 28;

export function sinh(x: number): number {
  const size = Math.abs(x);
  if (size > LARGE) {
    const root = exp(size * 0.5);
    return (x < 0 ? -0.5 : 0.5) * root * root;
  }
  const t = expm1(size);
  const y = (t + t / (t + 1)) * 0.5;
  return x < 0 || Object.is(x, -0) ? -y : y;
}

export function cosh(x: number): number {
  const size = Math.abs(x);
  if (size > LARGE) {
    const root = exp(size * 0.5);
    return 0.5 * root * root;
  }
  const e = exp(size);
  return (e + 1 / e) * 0.5;
}

/** ln(|x| + √(x² + 1)) with the sign of x, written so that small x keep their digits. */
export function asinh(x: number): number {
  const size = Math.abs(x);
  const y =
    size > HUGE ? log(size) + Math.LN2 : log1p(size + (size * size) / (1 + Math.sqrt(size * size + 1)));
  return x < 0 || Object.is(x, -0) ? -y : y;
}

/** ln(x + √(x² − 1)) for x ≥ 1, NaN below. */
export function acosh(x: number): number {
  if (x < 1) return Number.NaN;
  if (x > HUGE) return log(x) + Math.LN2;
  const t = x - 1;
  return log1p(t + Math.sqrt(t * (x + 1)));
}

/** ½·ln((1 + x)/(1 − x)) for |x| ≤ 1, NaN beyond. */
export function atanh(x: number): number {
  const size = Math.abs(x);
  if (size > 1) return Number.NaN;
  const y = log1p((2 * size) / (1 - size)) * 0.5;
  return x < 0 || Object.is(x, -0) ? -y : y;
}
