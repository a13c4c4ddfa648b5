import { BnnqError } from '../../errors.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Operator } from '../call.ts';
import { axisOf, numbersOf, shapeText, sizeBetween, stridesOf } from '../shapes.ts';
import { allocateAny, copyRun, elementsOf } from './elements.ts';
import type { OperatorTable } from './operator-table.ts';
import { eachIndex } from './window.ts';

/** A position along an axis; a negative one counts from the end. */
export function positionOf(index: number, length: number): number {
  const position = index < 0 ? index + length : index;
  if (!(position >= 0 && position < length))
    throw new BnnqError('mismatch', `index ${index} is outside an axis of ${length} elements`);
  return position;
}

/** Slices of `data` along an axis, by index. */
const gather: Operator = (call) => {
  const data = call.input(0);
  const indices = call.input(1);
  const axis = axisOf(call.int('axis', 0), data.shape.length);
  const length = data.shape[axis]!;
  const outer = sizeBetween(data.shape, 0, axis);
  const inner = sizeBetween(data.shape, axis + 1, data.shape.length);
  const shape = [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)];
  const y = allocateAny(call, data.dtype, shape);
  const positions = numbersOf(indices).map((index) => positionOf(index, length));
  const from = elementsOf(data);
  const to = elementsOf(y);
  for (let o = 0, at = 0; o < outer; o++)
    for (const position of positions) {
      copyRun(from, (o * length + position) * inner, to, at, inner);
      at += inner;
    }
  return y;
};

/** y[i, j, …] = data[…, index[i, j, …] along the axis, …]. */
const gatherElements: Operator = (call) => {
  const data = call.input(0);
  const indices = call.input(1);
  const axis = axisOf(call.int('axis', 0), data.shape.length);
  const y = allocateAny(call, data.dtype, indices.shape);
  const from = elementsOf(data);
  const to = elementsOf(y);
  const positions = elementPositions(data.shape, indices, axis);
  for (let i = 0; i < to.length; i++) to[i] = from[positions[i]!]!;
  return y;
};

/** Offset in `shape` of what each element of `indices` names along the axis. */
export function elementPositions(shape: readonly number[], indices: Tensor, axis: number): number[] {
  const strides = stridesOf(shape);
  const length = shape[axis]!;
  const numbers = numbersOf(indices);
  const positions = new Array<number>(numbers.length);
  eachIndex(indices.shape, (at, offset) => {
    let position = positionOf(numbers[offset]!, length) * strides[axis]!;
    for (let i = 0; i < at.length; i++) if (i !== axis) position += at[i]! * strides[i]!;
    positions[offset] = position;
  });
  return positions;
}

/** Slices named by the last axis of the indices, after `batch_dims` common axes. */
const gatherNd: Operator = (call) => {
  const data = call.input(0);
  const indices = call.input(1);
  const batchDims = call.int('batch_dims', 0);
  const depth = indices.shape.at(-1)!;
  const starts = slicePositions(data.shape, indices, batchDims);
  const inner = sizeBetween(data.shape, batchDims + depth, data.shape.length);
  const y = allocateAny(call, data.dtype, [
    ...indices.shape.slice(0, -1),
    ...data.shape.slice(batchDims + depth),
  ]);
  const from = elementsOf(data);
  const to = elementsOf(y);
  starts.forEach((start, i) => {
    copyRun(from, start, to, i * inner, inner);
  });
  return y;
};

/** Offset in `shape` of the slice that each row of the last axis of `indices` names. */
export function slicePositions(shape: readonly number[], indices: Tensor, batchDims = 0): number[] {
  const depth = indices.shape.at(-1)!;
  if (depth + batchDims > shape.length)
    throw new BnnqError('mismatch', `${depth} indices for a tensor of shape ${shapeText(shape)}`);
  const strides = stridesOf(shape);
  const numbers = numbersOf(indices);
  const rows = depth === 0 ? sizeBetween(indices.shape, 0, indices.shape.length - 1) : numbers.length / depth;
  const batches = sizeBetween(indices.shape, 0, batchDims);
  const rowsPerBatch = rows / Math.max(batches, 1);
  const batchSize = sizeBetween(shape, batchDims, shape.length);
  return Array.from({ length: rows }, (_, row) => {
    let position = Math.floor(row / rowsPerBatch) * batchSize;
    for (let d = 0; d < depth; d++) {
      const axis = batchDims + d;
      position += positionOf(numbers[row * depth + d]!, shape[axis]!) * strides[axis]!;
    }
    return position;
  });
}

export const GATHERS: OperatorTable = {
  Gather: { 1: gather },
  GatherElements: { 11: gatherElements },
  GatherND: { 11: gatherNd },
};
