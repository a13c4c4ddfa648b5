import { BnnqError } from '../../errors.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { axisOf, numberOf, sizeBetween } from '../shapes.ts';
import { elementsOf, zeroOf } from './elements.ts';
import { type Binary, isBig } from './elementwise.ts';
import type { OperatorTable } from './operator-table.ts';
import { eachIndex } from './window.ts';

/** A tensor around one axis: [outer, length, inner]. */
function aroundAxis(
  shape: readonly number[],
  axis: number,
): { outer: number; length: number; inner: number } {
  return {
    outer: sizeBetween(shape, 0, axis),
    length: shape[axis]!,
    inner: sizeBetween(shape, axis + 1, shape.length),
  };
}

/** Index of the largest or smallest element along an axis; of equal ones the first, or the last on request. */
const argExtreme =
  (isLarger: boolean): Operator =>
  (call) => {
    const x = call.input(0);
    const axis = axisOf(call.int('axis', 0), x.shape.length);
    const keep = call.int('keepdims', 1) !== 0;
    const takesLast = call.int('select_last_index', 0) !== 0;
    const { outer, length, inner } = aroundAxis(x.shape, axis);
    const y = call.allocate('INT64', keep ? x.shape.with(axis, 1) : x.shape.toSpliced(axis, 1));
    const from = elementsOf(x);
    const to = y.data as BigInt64Array;
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++) {
        const start = o * length * inner + i;
        let best = 0;
        for (let l = 1; l < length; l++) {
          const value = from[start + l * inner]!;
          const champion = from[start + best * inner]!;
          if ((isLarger ? value > champion : value < champion) || (takesLast && value === champion)) best = l;
        }
        to[o * inner + i] = BigInt(best);
      }
    return y;
  };

/** The k largest or smallest elements along an axis and their indices; equal elements by ascending index. */
function topK(call: Call, k: number): readonly Tensor[] {
  const x = call.input(0);
  const axis = axisOf(call.int('axis', -1), x.shape.length);
  if (!(k >= 0 && k <= x.shape[axis]!))
    throw new BnnqError('mismatch', `the ${k} largest of ${x.shape[axis]} elements`);
  const isLargest = call.int('largest', 1) !== 0;
  const { outer, length, inner } = aroundAxis(x.shape, axis);
  const shape = x.shape.with(axis, k);
  const values = call.allocate(x.dtype, shape);
  const indices = call.allocate('INT64', shape);
  const from = elementsOf(x);
  const best = elementsOf(values);
  const where = indices.data as BigInt64Array;
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++) {
      const start = o * length * inner + i;
      const order = Array.from({ length }, (_, l) => l);
      order.sort((p, q) => {
        const a = from[start + p * inner]!;
        const b = from[start + q * inner]!;
        if (a === b) return p - q;
        return a > b === isLargest ? -1 : 1;
      });
      for (let l = 0; l < k; l++) {
        const at = (o * k + l) * inner + i;
        best[at] = from[start + order[l]! * inner]!;
        where[at] = BigInt(order[l]!);
      }
    }
  return [values, indices];
}

/** Indices of the elements that are not zero, [rank, count]. */
const nonZero: Operator = (call) => {
  const x = call.input(0);
  const from = elementsOf(x);
  const zero = zeroOf(x.dtype);
  const found: number[][] = [];
  eachIndex(x.shape, (at, offset) => {
    if (from[offset] !== zero) found.push([...at]);
  });
  const rank = x.shape.length;
  const y = call.allocate('INT64', [rank, found.length]);
  const to = y.data as BigInt64Array;
  found.forEach((at, i) => {
    for (let axis = 0; axis < rank; axis++) to[axis * found.length + i] = BigInt(at[axis]!);
  });
  return y;
};

/** Running sums or products along an axis, every one in the element type. */
const accumulate =
  (start: number, combine: Binary, word = combine): Operator =>
  (call) => {
    const x = call.input(0);
    // Products of 32-bit integers need more bits than a float64 has.
    const step = x.dtype === 'INT32' || x.dtype === 'UINT32' ? word : combine;
    const axis = axisOf(numberOf(call.input(1)), x.shape.length);
    const isExclusive = call.int('exclusive', 0) !== 0;
    const isReverse = call.int('reverse', 0) !== 0;
    const { outer, length, inner } = aroundAxis(x.shape, axis);
    const y = call.allocate(x.dtype, x.shape);
    const from = elementsOf(x);
    const to = elementsOf(y);
    const first = (isBig(x.dtype) ? BigInt(start) : start) as number;
    const held = to.slice(0, 1);
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++) {
        held[0] = first;
        for (let l = 0; l < length; l++) {
          const at = (o * length + (isReverse ? length - 1 - l : l)) * inner + i;
          if (isExclusive) to[at] = held[0]!;
          held[0] = step(held[0]!, from[at]!);
          if (!isExclusive) to[at] = held[0];
        }
      }
    return y;
  };

export const ORDERINGS: OperatorTable = {
  ArgMax: { 1: argExtreme(true) },
  ArgMin: { 1: argExtreme(false) },
  TopK: {
    1: (call) => topK(call, call.int('k', 1)),
    10: (call) => topK(call, numberOf(call.input(1))),
  },
  NonZero: { 9: nonZero },
  CumSum: { 11: accumulate(0, (sum, x) => sum + x) },
  CumProd: { 26: accumulate(1, (product, x) => product * x, Math.imul) },
};
