import { BnnqError } from '../../errors.ts';
import { dataTypeOf } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Operator } from '../call.ts';
import { axisOf, numberOf, numbersOf, shapeText, sizeBetween } from '../shapes.ts';
import { heldType } from '../widen.ts';
import { allocateAny, elementsOf, zeroOf } from './elements.ts';
import { isBig } from './elementwise.ts';
import type { OperatorTable } from './operator-table.ts';

/** Stores a number as an element of any type. */
export function setNumber(tensor: Tensor, at: number, value: number): void {
  if (isBig(tensor.dtype)) (tensor.data as BigInt64Array)[at] = BigInt(value);
  else (tensor.data as Float64Array)[at] = value;
}

/** Fills a tensor of any type with a number. */
function fillNumber(tensor: Tensor, value: number): void {
  if (isBig(tensor.dtype)) (tensor.data as BigInt64Array).fill(BigInt(value));
  else (tensor.data as Float64Array).fill(value);
}

const constantOfShape: Operator = (call) => {
  const shape = numbersOf(call.input(0));
  const value = call.tensor('value');
  const y = call.allocate(value?.dtype ?? 'FLOAT', shape);
  elementsOf(y).fill((value?.data[0] ?? 0) as number);
  return y;
};

/** start, start + delta, … up to, not including, limit. */
const range: Operator = (call) => {
  const start = call.input(0);
  const [first, limit, delta] = [0, 1, 2].map((i) => numberOf(call.input(i))) as [number, number, number];
  const count = Math.max(0, Math.ceil((limit - first) / delta));
  if (!Number.isFinite(count))
    throw new BnnqError('mismatch', `a range from ${first} to ${limit} by ${delta}`);
  const y = call.allocate(start.dtype, [count]);
  for (let i = 0; i < y.shape[0]!; i++) setNumber(y, i, first + i * delta);
  return y;
};

/** `values` [off, on]; a new axis of `depth` elements; indices out of range give a row of off. */
const oneHot: Operator = (call) => {
  const indices = call.input(0);
  const depth = numberOf(call.input(1));
  const values = call.input(2);
  const axis = axisOf(call.int('axis', -1), indices.shape.length + 1);
  const shape = [...indices.shape.slice(0, axis), depth, ...indices.shape.slice(axis)];
  const y = allocateAny(call, values.dtype, shape);
  const to = elementsOf(y);
  const [off, on] = elementsOf(values);
  to.fill(off!);
  const inner = sizeBetween(indices.shape, axis, indices.shape.length);
  numbersOf(indices).forEach((index, i) => {
    const position = index < 0 ? index + depth : index;
    if (!(position >= 0 && position < depth)) return;
    const outer = Math.floor(i / inner);
    to[(outer * depth + position) * inner + (i % inner)] = on!;
  });
  return y;
};

/** Ones on the k-th diagonal of a matrix of the input's shape. */
const eyeLike: Operator = (call) => {
  const x = call.input(0);
  const [rows = 0, columns = 0] = x.shape;
  if (x.shape.length !== 2) throw new BnnqError('mismatch', `a diagonal of shape ${shapeText(x.shape)}`);
  const number = call.int('dtype', 0);
  const dtype = number === 0 ? x.dtype : dataTypeOf(number);
  if (dtype === undefined) throw new BnnqError('unsupported', `element type ${number}`);
  const k = call.int('k', 0);
  const y = call.allocate(heldType(dtype), [rows, columns]);
  fillNumber(y, 0);
  for (let r = Math.max(0, -k); r < rows && r + k < columns; r++) setNumber(y, r * columns + r + k, 1);
  return y;
};

/** The upper or lower triangle of each matrix, zero elsewhere. */
const trilu: Operator = (call) => {
  const x = call.input(0);
  const offset = call.optional(1);
  const k = offset === undefined ? 0 : numberOf(offset);
  const isUpper = call.int('upper', 1) !== 0;
  if (x.shape.length < 2) throw new BnnqError('mismatch', `a triangle of shape ${shapeText(x.shape)}`);
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const y = call.allocate(x.dtype, x.shape);
  const from = elementsOf(x);
  const to = elementsOf(y);
  const zero = zeroOf(x.dtype);
  for (let i = 0; i < to.length; i++) {
    const column = i % columns;
    const row = Math.floor(i / columns) % rows;
    to[i] = (isUpper ? column - row >= k : column - row <= k) ? from[i]! : zero;
  }
  return y;
};

export const GENERATORS: OperatorTable = {
  ConstantOfShape: { 9: constantOfShape },
  Range: { 11: range },
  OneHot: { 9: oneHot },
  EyeLike: { 9: eyeLike },
  Trilu: { 14: trilu },
};
