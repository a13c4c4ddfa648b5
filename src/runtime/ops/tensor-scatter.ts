import { BnnqError } from '../../errors.ts';
import type { Operator } from '../call.ts';
import { axisOf, numbersOf, sameShape, shapeText, sizeBetween } from '../shapes.ts';
import { allocateAny, copyRun, elementsOf } from './elements.ts';
import type { OperatorTable } from './operator-table.ts';

/** A cache with an update written along the sequence axis, from `write_indices[n]` on in sample n; `circular` wraps around. */
const tensorScatter: Operator = (call) => {
  const cache = call.input(0);
  const update = call.input(1);
  const { shape } = cache;
  const axis = axisOf(call.int('axis', -2), shape.length);
  const mode = call.text('mode', 'linear');
  if (mode !== 'linear' && mode !== 'circular') throw new BnnqError('unsupported', `mode "${mode}"`);
  const [length, count] = [shape[axis]!, update.shape[axis] ?? 0];
  const starts = call.optional(2) === undefined ? shape.slice(0, 1).map(() => 0) : numbersOf(call.input(2));
  if (
    axis === 0 ||
    count > length ||
    !sameShape(update.shape, shape.with(axis, count)) ||
    update.dtype !== cache.dtype
  )
    throw new BnnqError(
      'mismatch',
      `an update ${update.dtype}${shapeText(update.shape)} of a cache ${cache.dtype}${shapeText(shape)} along axis ${axis}`,
    );
  const isOutside = (start: number): boolean =>
    !(start >= 0) || (mode === 'linear' && start + count > length);
  if ((starts.length !== 1 && starts.length !== shape[0]) || starts.some(isOutside))
    throw new BnnqError('mismatch', `write indices [${starts}] of ${count} steps in a cache of ${length}`);
  const inner = sizeBetween(shape, axis + 1, shape.length);
  const outer = sizeBetween(shape, 0, axis);
  const perSample = sizeBetween(shape, 1, axis);
  const y = allocateAny(call, cache.dtype, shape);
  const [from, to] = [elementsOf(update), elementsOf(y)];
  copyRun(elementsOf(cache), 0, to, 0, to.length);
  for (let o = 0; o < outer; o++) {
    const start = starts[Math.floor(o / perSample)] ?? starts[0]!;
    for (let t = 0; t < count; t++)
      copyRun(from, (o * count + t) * inner, to, (o * length + ((start + t) % length)) * inner, inner);
  }
  return y;
};

export const CACHE_UPDATES: OperatorTable = { TensorScatter: { 24: tensorScatter } };
