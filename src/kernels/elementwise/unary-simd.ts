import type { UnaryName } from '../contract.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { UNARY_DEFAULTS } from './unary-reference.ts';

/** Codes of `unaryVector` (unary.as.ts); `relu` is a clip. */
const VECTOR_CODES: Partial<Record<UnaryName, number>> = {
  relu: 0,
  clip: 0,
  leakyRelu: 1,
  neg: 2,
  abs: 3,
  sqrt: 4,
  reciprocal: 5,
  floor: 6,
  ceil: 7,
  round: 8,
  sign: 9,
  hardSigmoid: 10,
  hardSwish: 11,
};

/** Codes of `unaryScalar` (unary.as.ts). */
const SCALAR_CODES: Partial<Record<UnaryName, number>> = {
  exp: 0,
  log: 1,
  sigmoid: 2,
  tanh: 3,
  erf: 4,
  softplus: 5,
  elu: 6,
  selu: 7,
  gelu: 8,
  sin: 9,
  cos: 10,
};

/** Nanoseconds an element, about; an elementary function is a float64 polynomial. */
const VECTOR_NS = 0.4;
const SCALAR_NS = 15;
/** Parts begin at whole cache lines of floats. */
const LINE = 16;

/** y[i] = f(x[i]), as `unaryReference`. */
export function unarySimd(
  workspace: Workspace,
  name: UnaryName,
  x: Float32Array,
  y: Float32Array,
  alpha?: number,
  beta?: number,
): void {
  const [defaultAlpha, defaultBeta] =
    name === 'relu' ? [0, Number.POSITIVE_INFINITY] : (UNARY_DEFAULTS[name] ?? [0, 0]);
  const a = name === 'relu' ? 0 : (alpha ?? defaultAlpha);
  const b = name === 'relu' ? Number.POSITIVE_INFINITY : (beta ?? defaultBeta);
  const vectorCode = VECTOR_CODES[name];
  const call = vectorCode === undefined ? 'unaryScalar' : 'unaryVector';
  const code = vectorCode ?? SCALAR_CODES[name]!;
  const nanoseconds = x.length * (vectorCode === undefined ? SCALAR_NS : VECTOR_NS);
  workspace.call(y, [x], 0, (yAt, _scratch, [xAt]) => {
    workspace.run(
      workspace
        .ranges(x.length, { nanoseconds, step: LINE })
        .map(({ from, to }) => [[call, code, xAt! + from * 4, yAt + from * 4, to - from, a, b]]),
    );
  });
}
