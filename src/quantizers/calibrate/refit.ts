import { type LevelRule, levelTable, paramCount } from '../../ir/levels.ts';

/**
 * The loss as a function of the levels of one table alone, all codes and other tables as they are: lᵀ·T·l − 2·bᵀ·l + a
 * constant, l by code.
 */
export interface LevelLoss {
  readonly codes: number;
  readonly quadratic: Float64Array;
  readonly linear: Float64Array;
}

/** Zeros; with a count T is [count, codes, codes] and b [count, codes]. */
export function emptyLevelLoss(codes: number, count = 1): LevelLoss {
  return {
    codes,
    quadratic: new Float64Array(count * codes * codes),
    linear: new Float64Array(count * codes),
  };
}

/** One of several. */
export function levelLossAt({ codes, quadratic, linear }: LevelLoss, index: number): LevelLoss {
  const square = codes * codes;
  return {
    codes,
    quadratic: quadratic.subarray(index * square, (index + 1) * square),
    linear: linear.subarray(index * codes, (index + 1) * codes),
  };
}

/** The loss at the levels, up to the constant. */
export function levelLoss({ codes, quadratic, linear }: LevelLoss, levels: ArrayLike<number>): number {
  let sum = 0;
  for (let c = 0; c < codes; c++) {
    let row = 0;
    for (let d = 0; d < codes; d++) row += quadratic[c * codes + d]! * levels[d]!;
    sum += levels[c]! * (row - 2 * linear[c]!);
  }
  return sum;
}

/** Steps of Gauss and Newton for the rules that are not linear in their parameters. */
const NEWTON_STEPS = 4;
const NONLINEAR: readonly LevelRule[] = ['geometric', 'geometric-zero', 'affine'];
/** A parameter that hardly any code depends on is held in place by this part of the mean curvature. */
const RIDGE = 1e-6;

/**
 * Parameters with the smallest loss for the codes as they are: least squares, exact where the levels are linear in the
 * parameters. The old ones are given back where nothing better is found, so that the loss never rises.
 * @param fixed parameters that stay as they are
 */
export function refitParams(
  rule: LevelRule,
  bits: number,
  params: Float32Array,
  loss: LevelLoss,
  fixed: readonly number[] = [],
): Float32Array {
  let best = params;
  let least = levelLoss(loss, levelTable(rule, bits, params));
  const steps = NONLINEAR.includes(rule) ? NEWTON_STEPS : 1;
  for (let step = 0; step < steps; step++) {
    const move = newtonStep(rule, bits, best, loss, fixed);
    if (move === undefined) break;
    let improved = false;
    for (let length = 1; length > 0.1; length /= 2) {
      const tried = Float32Array.from(best, (value, p) => value + length * move[p]!);
      if (!isValid(rule, tried)) continue;
      const value = levelLoss(loss, levelTable(rule, bits, tried));
      if (!(value < least)) continue;
      improved = value < least - 1e-9 * Math.abs(least);
      best = tried;
      least = value;
      break;
    }
    if (!improved) break;
  }
  return best;
}

function isValid(rule: LevelRule, params: Float32Array): boolean {
  if (rule === 'table') return params.every(Number.isFinite);
  if (rule === 'affine') return Number.isFinite(params[1]) && params[0]! > 0;
  if (rule === 'geometric' || rule === 'geometric-zero')
    return params[0]! > 0 && params[1]! > 0 && params[1]! < 1;
  return params.every((value) => value > 0 && Number.isFinite(value));
}

/** −(JᵀTJ)⁻¹·Jᵀ(T·l − b), J the derivatives of the levels by the parameters. */
function newtonStep(
  rule: LevelRule,
  bits: number,
  params: Float32Array,
  { codes, quadratic, linear }: LevelLoss,
  fixed: readonly number[],
): Float64Array | undefined {
  const width = paramCount(rule, bits);
  const levels = levelTable(rule, bits, params);
  const slopes = derivatives(rule, bits, params); // [width, codes]
  for (const p of fixed) slopes.fill(0, p * codes, (p + 1) * codes);
  const normal = new Float64Array(width * width);
  const right = new Float64Array(width);
  const product = new Float64Array(codes);
  for (let p = 0; p < width; p++) {
    const slope = slopes.subarray(p * codes, (p + 1) * codes);
    for (let c = 0; c < codes; c++) {
      let sum = 0;
      for (let d = 0; d < codes; d++) sum += quadratic[c * codes + d]! * slope[d]!;
      product[c] = sum;
    }
    for (let other = 0; other < width; other++) {
      let sum = 0;
      for (let c = 0; c < codes; c++) sum += product[c]! * slopes[other * codes + c]!;
      normal[p * width + other] = sum;
    }
    let gradient = 0;
    for (let c = 0; c < codes; c++) gradient += product[c]! * levels[c]! - slope[c]! * linear[c]!;
    right[p] = -gradient;
  }
  return solveSmall(normal, right, width);
}

/** Derivatives of the levels by each parameter, [parameters, codes]. */
export function derivatives(rule: LevelRule, bits: number, params: Float32Array): Float64Array {
  const codes = 2 ** bits;
  const width = paramCount(rule, bits);
  const half = codes / 2;
  const slopes = new Float64Array(width * codes);
  for (let code = 0; code < codes; code++) {
    const sign = code < half ? 1 : -1;
    const index = code % half;
    const set = (p: number, value: number): void => {
      slopes[p * codes + code] = value;
    };
    switch (rule) {
      case 'linear':
        set(0, sign * (index + 0.5));
        break;
      case 'linear-zero':
        set(0, sign * index);
        break;
      case 'ternary':
        set(0, sign * index);
        break;
      case 'magnitudes':
        set(index, sign);
        break;
      case 'bases':
        for (let p = 0; p < bits; p++) set(p, (code >> p) & 1 ? -1 : 1);
        break;
      case 'table':
        set(code, 1);
        break;
      case 'affine':
        set(0, code - params[1]!);
        set(1, -params[0]!);
        break;
      case 'geometric':
      case 'geometric-zero': {
        if (rule === 'geometric-zero' && index === 0) break;
        const exponent = half - 1 - index;
        let power = 1; // q^(exponent − 1)
        for (let e = 1; e < exponent; e++) power *= params[1]!;
        set(0, sign * (exponent === 0 ? 1 : power * params[1]!));
        set(1, exponent === 0 ? 0 : sign * params[0]! * exponent * power);
        break;
      }
    }
  }
  return slopes;
}

/** Solves a small symmetric system by elimination with pivots; undefined where it has no unique solution. */
function solveSmall(matrix: Float64Array, right: Float64Array, n: number): Float64Array | undefined {
  const a = matrix.slice();
  const x = right.slice();
  let trace = 0;
  for (let i = 0; i < n; i++) trace += a[i * n + i]!;
  if (!(trace > 0)) return undefined;
  for (let i = 0; i < n; i++) a[i * n + i]! += (RIDGE * trace) / n;
  for (let i = 0; i < n; i++) {
    const pivot = a[i * n + i]!;
    if (!(pivot > 0)) return undefined;
    for (let r = i + 1; r < n; r++) {
      const factor = a[r * n + i]! / pivot;
      if (factor === 0) continue;
      for (let c = i; c < n; c++) a[r * n + c]! -= factor * a[i * n + c]!;
      x[r]! -= factor * x[i]!;
    }
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let c = i + 1; c < n; c++) x[i]! -= a[i * n + c]! * x[c]!;
    x[i]! /= a[i * n + i]!;
  }
  return x.every(Number.isFinite) ? x : undefined;
}
