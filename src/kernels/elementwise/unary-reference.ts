import type { UnaryName } from '../contract.ts';
import { clamp } from '../epilogue.ts';
import { erf, gelu } from '../math/erf.ts';
import { exp, expm1, sigmoid, tanh } from '../math/exp.ts';
import { log, softplus } from '../math/log.ts';
import { cos, sin } from '../math/trigonometry.ts';

/** Values of `alpha` and `beta` when a caller leaves them out: those of the ONNX operators. */
export const UNARY_DEFAULTS: Partial<Record<UnaryName, readonly [alpha: number, beta: number]>> = {
  leakyRelu: [0.01, 0],
  clip: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
  hardSigmoid: [0.2, 0.5],
  hardSwish: [1 / 6, 0.5],
  elu: [1, 0],
  selu: [1.6732632423543772, 1.0507009873554805],
};

/** The definition of y[i] = f(x[i]); `alpha` and `beta` are rounded to float32 first. */
export function unaryReference(
  name: UnaryName,
  x: Float32Array,
  y: Float32Array,
  alpha?: number,
  beta?: number,
): void {
  const [defaultAlpha, defaultBeta] = UNARY_DEFAULTS[name] ?? [0, 0];
  const f = unaryFunction(name, Math.fround(alpha ?? defaultAlpha), Math.fround(beta ?? defaultBeta));
  for (let i = 0; i < x.length; i++) y[i] = f(x[i]);
}

/** f of one float32 value; the caller rounds the result to float32. */
function unaryFunction(name: UnaryName, alpha: number, beta: number): (x: number) => number {
  switch (name) {
    case 'relu':
      return (x) => clamp(x, 0, Number.POSITIVE_INFINITY);
    case 'leakyRelu':
      return (x) => (x < 0 ? alpha * x : x);
    case 'clip':
      return (x) => clamp(x, alpha, beta);
    case 'neg':
      return (x) => -x;
    case 'abs':
      return Math.abs;
    case 'sqrt':
      return Math.sqrt;
    case 'reciprocal':
      return (x) => 1 / x;
    case 'floor':
      return Math.floor;
    case 'ceil':
      return Math.ceil;
    case 'round':
      return roundHalfToEven;
    case 'sign':
      return Math.sign;
    case 'exp':
      return exp;
    case 'log':
      return log;
    case 'sigmoid':
      return sigmoid;
    case 'tanh':
      return tanh;
    case 'erf':
      return erf;
    case 'softplus':
      return softplus;
    case 'hardSigmoid':
      return (x) => hardSigmoid(x, alpha, beta);
    case 'hardSwish':
      return (x) => x * hardSigmoid(x, alpha, beta);
    case 'elu':
      return (x) => (x < 0 ? alpha * expm1(x) : x);
    case 'selu':
      return (x) => beta * (x < 0 ? alpha * expm1(x) : x);
    case 'gelu':
      return gelu;
    case 'sin':
      return sin;
    case 'cos':
      return cos;
  }
}

/** max(0, min(1, alpha·x + beta)), each step rounded to float32. */
function hardSigmoid(x: number, alpha: number, beta: number): number {
  return clamp(Math.fround(Math.fround(alpha * x) + beta), 0, 1);
}

/** Adding 2^52 leaves no room for a fraction, so the addition rounds to a whole number, half to even. */
function roundHalfToEven(x: number): number {
  const size = Math.abs(x);
  if (!(size < 2 ** 23)) return x;
  const whole = size + 2 ** 52 - 2 ** 52;
  return x < 0 || Object.is(x, -0) ? -whole : whole;
}
