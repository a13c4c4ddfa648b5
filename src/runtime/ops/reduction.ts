import { BnnqError } from '../../errors.ts';
import { exp } from '../../kernels/math/exp.ts';
import { log } from '../../kernels/math/log.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { axisOf, numbersOf, stridesOf } from '../shapes.ts';
import { bigMax, bigMin, isBig } from './elementwise.ts';
import type { OperatorTable } from './operator-table.ts';
import { eachIndex } from './window.ts';

/** A reduction of numbers: over the elements in row-major order, in float64, rounded once at the end. */
interface Reduction {
  readonly start: number;
  readonly step: (accumulated: number, x: number) => number;
  readonly finish?: (accumulated: number, count: number) => number;
  /** For 64-bit integers. */
  readonly bigStart?: bigint;
  readonly bigStep?: (accumulated: bigint, x: bigint) => bigint;
  readonly bigFinish?: (accumulated: bigint, count: bigint) => bigint;
  /** A largest or smallest element: `bigStart` is no bound of UINT64, and whole numbers have none over nothing. */
  readonly startsAtFirst?: boolean;
  /** Needs the largest element first (ReduceLogSumExp). */
  readonly shiftsByMax?: boolean;
}

/**
 * Offsets of a reduction: `kept` gives the start of every output element, `reduced` the offsets of the elements of one
 * output relative to it, both in row-major order.
 */
export function offsetsOf(
  shape: readonly number[],
  axes: readonly number[],
): { kept: number[]; reduced: number[] } {
  const strides = stridesOf(shape);
  const collect = (chosen: readonly number[]): number[] => {
    const offsets: number[] = [];
    eachIndex(
      chosen.map((axis) => shape[axis]!),
      (at) => {
        let offset = 0;
        for (let i = 0; i < at.length; i++) offset += at[i]! * strides[chosen[i]!]!;
        offsets.push(offset);
      },
    );
    return offsets;
  };
  const all = shape.map((_, i) => i);
  return {
    kept: collect(all.filter((axis) => !axes.includes(axis))),
    reduced: collect(all.filter((axis) => axes.includes(axis))),
  };
}

/** Axes from the attribute, or from input 1: since opset 13 for ReduceSum, since 18 for the others. */
function reductionAxes(call: Call, rank: number): number[] | undefined {
  const input = call.optional(1);
  const given = input === undefined ? call.ints('axes') : numbersOf(input);
  if (given === undefined || given.length === 0)
    return call.int('noop_with_empty_axes', 0) !== 0 ? undefined : Array.from({ length: rank }, (_, i) => i);
  return given.map((axis) => axisOf(axis, rank)).sort((a, b) => a - b);
}

const reduce =
  (reduction: Reduction): Operator =>
  (call) => {
    const x = call.input(0);
    // Without axes and with noop_with_empty_axes every element is reduced by itself.
    const axes = reductionAxes(call, x.shape.length) ?? [];
    const keep = call.int('keepdims', 1) !== 0;
    const shape = x.shape.flatMap((dim, i) => (axes.includes(i) ? (keep ? [1] : []) : [dim]));
    const y = call.allocate(x.dtype, shape);
    if (y.data.length === 0) return y;
    const { kept, reduced } = call.memo(() => offsetsOf(x.shape, axes), x.shape, axes);
    if (isBig(x.dtype)) reduceBig(x, y, reduction, kept, reduced);
    else reduceNumbers(x, y, reduction, kept, reduced);
    return y;
  };

function reduceNumbers(
  x: Tensor,
  y: Tensor,
  { start, step, finish, shiftsByMax, startsAtFirst }: Reduction,
  kept: readonly number[],
  reduced: readonly number[],
): void {
  const from = x.data as Float32Array;
  const to = y.data as Float32Array;
  const count = reduced.length;
  const isFloat = x.dtype === 'FLOAT' || x.dtype === 'DOUBLE';
  if (startsAtFirst && count === 0 && !isFloat && to.length > 0)
    throw new BnnqError('unsupported', `the extreme of no elements of type ${x.dtype}`);
  for (let i = 0; i < to.length; i++) {
    const base = kept[i]!;
    let max = 0;
    if (shiftsByMax) {
      max = Number.NEGATIVE_INFINITY;
      for (let j = 0; j < count; j++) max = Math.max(max, from[base + reduced[j]!]!);
      if (!Number.isFinite(max)) max = 0;
    }
    let accumulated = start;
    for (let j = 0; j < count; j++) accumulated = step(accumulated, from[base + reduced[j]!]! - max);
    to[i] = (finish === undefined ? accumulated : finish(accumulated, count)) + max;
  }
}

function reduceBig(
  x: Tensor,
  y: Tensor,
  { bigStart, bigStep, bigFinish, startsAtFirst }: Reduction,
  kept: readonly number[],
  reduced: readonly number[],
): void {
  if (bigStep === undefined || bigStart === undefined)
    throw new BnnqError('unsupported', `this reduction of elements of type ${x.dtype}`);
  const from = x.data as BigInt64Array;
  const to = y.data as BigInt64Array;
  if (startsAtFirst && reduced.length === 0 && to.length > 0)
    throw new BnnqError('unsupported', `the extreme of no elements of type ${x.dtype}`);
  for (let i = 0; i < to.length; i++) {
    let accumulated = startsAtFirst && reduced.length > 0 ? from[kept[i]! + reduced[0]!]! : bigStart;
    for (const offset of reduced) accumulated = bigStep(accumulated, from[kept[i]! + offset]!);
    to[i] = bigFinish === undefined ? accumulated : bigFinish(accumulated, BigInt(reduced.length));
  }
}

const bigAbs = (x: bigint): bigint => (x < 0n ? -x : x);
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

const SUM: Reduction = { start: 0, step: (a, x) => a + x, bigStart: 0n, bigStep: (a, x) => a + x };
const MEAN: Reduction = { ...SUM, finish: (a, n) => a / n, bigFinish: (a, n) => (n === 0n ? 0n : a / n) };
const MAX: Reduction = {
  start: Number.NEGATIVE_INFINITY,
  step: Math.max,
  startsAtFirst: true,
  bigStart: INT64_MIN,
  bigStep: bigMax,
};
const MIN: Reduction = {
  start: Number.POSITIVE_INFINITY,
  step: Math.min,
  startsAtFirst: true,
  bigStart: INT64_MAX,
  bigStep: bigMin,
};
const PRODUCT: Reduction = { start: 1, step: (a, x) => a * x, bigStart: 1n, bigStep: (a, x) => a * x };
const L1: Reduction = {
  start: 0,
  step: (a, x) => a + Math.abs(x),
  bigStart: 0n,
  bigStep: (a, x) => a + bigAbs(x),
};
const SQUARES: Reduction = {
  start: 0,
  step: (a, x) => a + x * x,
  bigStart: 0n,
  bigStep: (a, x) => a + x * x,
};

export const REDUCTIONS: OperatorTable = {
  ReduceSum: { 1: reduce(SUM) },
  ReduceMean: { 1: reduce(MEAN) },
  ReduceMax: { 1: reduce(MAX) },
  ReduceMin: { 1: reduce(MIN) },
  ReduceProd: { 1: reduce(PRODUCT) },
  ReduceL1: { 1: reduce(L1) },
  ReduceL2: { 1: reduce({ ...SQUARES, finish: Math.sqrt }) },
  ReduceSumSquare: { 1: reduce(SQUARES) },
  ReduceLogSum: { 1: reduce({ ...SUM, finish: log }) },
  ReduceLogSumExp: { 1: reduce({ start: 0, step: (a, x) => a + exp(x), finish: log, shiftsByMax: true }) },
};
