/* Element-wise functions of one array; the definitions are in unary-reference.ts, the codes in unary-simd.ts. */
import { erf, gelu } from '../math/erf.ts';
import { exp, expm1, sigmoid, tanh } from '../math/exp.ts';
import { log, softplus } from '../math/log.ts';
import { cos, sin } from '../math/trigonometry.ts';
import { tailPlace } from '../wasm/thread-memory.as.ts';

/** y[i] = f(x[i]) for the functions that are a few vector instructions. */
export function unaryVector(code: i32, x: usize, y: usize, count: i32, alpha: f32, beta: f32): void {
  const a = f32x4.splat(alpha);
  const b = f32x4.splat(beta);
  const vectors = ((<usize>count) << 2) & ~15;
  if (code == 0) {
    // A loop of its own: the switch costs twice as much as the clamp.
    for (let i: usize = 0; i < vectors; i += 16) v128.store(y + i, vector(0, v128.load(x + i), a, b));
  } else {
    for (let i: usize = 0; i < vectors; i += 16) v128.store(y + i, vector(code, v128.load(x + i), a, b));
  }
  const left = ((<usize>count) << 2) - vectors;
  if (left == 0) return;
  const tail = tailPlace();
  for (let i: usize = 0; i < left; i += 4) store<u32>(tail + i, load<u32>(x + vectors + i));
  v128.store(tail, vector(code, v128.load(tail), a, b));
  for (let i: usize = 0; i < left; i += 4) store<u32>(y + vectors + i, load<u32>(tail + i));
}

// @ts-ignore: decorator
@inline
function vector(code: i32, x: v128, a: v128, b: v128): v128 {
  switch (code) {
    case 0: return f32x4.pmin(f32x4.pmax(x, a), b);
    case 1: return v128.bitselect(f32x4.mul(x, a), x, f32x4.lt(x, f32x4.splat(0)));
    case 2: return f32x4.neg(x);
    case 3: return f32x4.abs(x);
    case 4: return f32x4.sqrt(x);
    case 5: return f32x4.div(f32x4.splat(1), x);
    case 6: return f32x4.floor(x);
    case 7: return f32x4.ceil(x);
    case 8: return f32x4.nearest(x);
    case 9: {
      const zero = f32x4.splat(0);
      const negative = v128.bitselect(f32x4.splat(-1), x, f32x4.lt(x, zero));
      return v128.bitselect(f32x4.splat(1), negative, f32x4.gt(x, zero));
    }
    case 10: return hardSigmoid(x, a, b);
    default: return f32x4.mul(x, hardSigmoid(x, a, b));
  }
}

// @ts-ignore: decorator
@inline
function hardSigmoid(x: v128, a: v128, b: v128): v128 {
  return f32x4.pmin(f32x4.pmax(f32x4.add(f32x4.mul(x, a), b), f32x4.splat(0)), f32x4.splat(1));
}

/** y[i] = f(x[i]) for the elementary functions, in float64. */
export function unaryScalar(code: i32, x: usize, y: usize, count: i32, alpha: f32, beta: f32): void {
  for (let i: usize = 0, end = (<usize>count) << 2; i < end; i += 4) {
    store<f32>(y + i, <f32>scalar(code, <f64>load<f32>(x + i), <f64>alpha, <f64>beta));
  }
}

function scalar(code: i32, x: f64, alpha: f64, beta: f64): f64 {
  switch (code) {
    case 0: return exp(x);
    case 1: return log(x);
    case 2: return sigmoid(x);
    case 3: return tanh(x);
    case 4: return erf(x);
    case 5: return softplus(x);
    case 6: return x < 0 ? alpha * expm1(x) : x;
    case 7: return beta * (x < 0 ? alpha * expm1(x) : x);
    case 8: return gelu(x);
    case 9: return sin(x);
    default: return cos(x);
  }
}
