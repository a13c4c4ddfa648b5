import { BnnqError } from '../../errors.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { axisOf, int64s, shapeText, sizeBetween } from '../shapes.ts';
import { allocateAny, copyRun, elementsOf } from './elements.ts';
import { expectType } from './elementwise.ts';
import type { OperatorTable } from './operator-table.ts';

/** A tensor as slices along an axis, [outer, length, inner]; without an axis its elements are the slices. */
interface Slices {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
  /** Shape of a tensor of `count` of the slices. */
  readonly shapeOf: (count: number) => number[];
}

function slicesOf(call: Call, x: Tensor): Slices {
  if (!call.hasAttribute('axis'))
    return { outer: 1, length: sizeOf(x.shape), inner: 1, shapeOf: (count) => [count] };
  const axis = axisOf(call.int('axis', 0), x.shape.length);
  return {
    outer: sizeBetween(x.shape, 0, axis),
    length: x.shape[axis] ?? 1,
    inner: sizeBetween(x.shape, axis + 1, x.shape.length),
    shapeOf: (count) => x.shape.with(axis, count),
  };
}

/** The slices with the given numbers, in that order. */
function take(call: Call, x: Tensor, slices: Slices, chosen: readonly number[]): Tensor {
  const { outer, length, inner } = slices;
  const y = allocateAny(call, x.dtype, slices.shapeOf(chosen.length));
  const from = elementsOf(x);
  const to = elementsOf(y);
  let at = 0;
  for (let o = 0; o < outer; o++)
    for (const slice of chosen) {
      copyRun(from, (o * length + slice) * inner, to, at, inner);
      at += inner;
    }
  return y;
}

/** The slices where the condition holds; a shorter condition leaves the rest out. */
const compress: Operator = (call) => {
  const x = call.input(0);
  const condition = call.input(1);
  expectType(condition, 'BOOL');
  const slices = slicesOf(call, x);
  const holds = condition.data as Uint8Array;
  if (condition.shape.length !== 1 || holds.length > slices.length)
    throw new BnnqError(
      'mismatch',
      `a condition of shape ${shapeText(condition.shape)} for ${slices.length} slices`,
    );
  const chosen: number[] = [];
  for (let i = 0; i < holds.length; i++) if (holds[i] !== 0) chosen.push(i);
  return take(call, x, slices, chosen);
};

/** −1, 0 or 1; NaN is larger than any number and equal to itself, as NumPy sorts it. */
function compare(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return 0;
  const isNan = Number.isNaN(a);
  return isNan === Number.isNaN(b) ? 0 : isNan ? 1 : -1;
}

/**
 * The different slices, ascending (compared element by element, row-major) or in the order of their first occurrence;
 * outputs are these, where each occurs first, which of them each slice is, and how often each occurs.
 */
const unique: Operator = (call) => {
  const x = call.input(0);
  const slices = slicesOf(call, x);
  const { outer, length, inner } = slices;
  const from = elementsOf(x);
  const order = (p: number, q: number): number => {
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++) {
        const sign = compare(from[(o * length + p) * inner + i]!, from[(o * length + q) * inner + i]!);
        if (sign !== 0) return sign;
      }
    return 0;
  };
  const sorted = Array.from({ length }, (_, i) => i).sort((p, q) => order(p, q) || p - q);
  // Equal slices are neighbours now, the first of them first.
  const groups: number[][] = [];
  for (const slice of sorted) {
    const last = groups.at(-1);
    if (last !== undefined && order(last[0]!, slice) === 0) last.push(slice);
    else groups.push([slice]);
  }
  if (call.int('sorted', 1) === 0) groups.sort((p, q) => p[0]! - q[0]!);
  const firsts = groups.map((group) => group[0]!);
  const which = new Array<number>(length).fill(0);
  groups.forEach((group, i) => {
    for (const slice of group) which[slice] = i;
  });
  const counts = groups.map((group) => group.length);
  return [take(call, x, slices, firsts), int64s(firsts), int64s(which), int64s(counts)];
};

export const SELECTIONS: OperatorTable = { Compress: { 9: compress }, Unique: { 11: unique } };
