import { BnnqError } from '../../errors.ts';
import { type DataType, dataTypeOf } from '../../tensor/dtype.ts';
import { type Tensor, zeros } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { HeapTensor } from '../memory.ts';
import {
  axisOf,
  expectAtMost,
  int64s,
  numberOf,
  numbersOf,
  sameShape,
  shapeText,
  stridesOf,
} from '../shapes.ts';
import { copyOfTensor, EmptyOptional, type RuntimeValue, TensorSequence } from '../values.ts';
import { heldType } from '../widen.ts';
import { tensorOf } from './control-flow.ts';
import { allocateAny, copyStrided, elementsOf } from './elements.ts';
import type { OperatorTable } from './operator-table.ts';

const construct: Operator = (call) => {
  const elements = call.inputs.map((_, i) => element(call.input(i)));
  return sequenceOf(elements[0]?.dtype, elements);
};

const empty: Operator = (call) => {
  const number = call.int('dtype', 1);
  const dtype = dataTypeOf(number);
  if (dtype === undefined) throw new BnnqError('unsupported', `a sequence of element type ${number}`);
  return new TensorSequence(heldType(dtype), []);
};

/** In front of the element at the position, which counts from the end where negative; at the end where it is absent. */
const insert: Operator = (call) => {
  const { dtype, elements } = call.sequence(0);
  const at = positionIn(call, 2, elements.length, elements.length + 1);
  return sequenceOf(dtype, elements.toSpliced(at, 0, element(call.input(1))));
};

const erase: Operator = (call) => {
  const { dtype, elements } = call.sequence(0);
  const at = positionIn(call, 1, elements.length - 1, elements.length);
  return new TensorSequence(dtype, elements.toSpliced(at, 1));
};

const at: Operator = (call) => {
  const { elements } = call.sequence(0);
  return tensorFrom(call, elements[positionIn(call, 1, 0, elements.length)]!);
};

const length: Operator = (call) => int64s([call.sequence(0).elements.length], []);

/** Most tensors of a sequence that is made at once. */
const MAX_PARTS = 2 ** 22;

/** Parts of one position each, of a given number of positions each (the last may have fewer), or of given lengths. */
const splitToSequence: Operator = (call) => {
  const x = call.input(0);
  const axis = axisOf(call.int('axis', 0), x.shape.length);
  const split = call.optional(1);
  const total = x.shape[axis]!;
  expectAtMost(MAX_PARTS, split === undefined ? total : partsIn(split, total), 'parts');
  const parts = split === undefined ? new Array<number>(total).fill(1) : partsOf(split, total);
  if (parts.some((part) => part < 0) || parts.reduce((sum, part) => sum + part, 0) !== total)
    throw new BnnqError(
      'mismatch',
      `parts [${parts}] do not add up to the ${total} elements of axis ${axis}`,
    );
  const keepsAxis = split !== undefined || call.int('keepdims', 1) !== 0;
  const strides = stridesOf(x.shape);
  let start = 0;
  const elements = parts.map((part): Tensor => {
    const dims = x.shape.with(axis, part);
    const y = x.dtype === 'STRING' ? allocateAny(call, x.dtype, dims) : zeros(x.dtype, dims);
    copyStrided(elementsOf(x), start * strides[axis]!, strides, dims, elementsOf(y));
    start += part;
    return keepsAxis ? y : { ...y, shape: dims.toSpliced(axis, 1) };
  });
  return new TensorSequence(x.dtype, elements);
};

/** How many parts a split makes. */
function partsIn(split: Tensor, total: number): number {
  return split.shape.length > 0 ? split.data.length : Math.ceil(total / numberOf(split));
}

function partsOf(split: Tensor, total: number): number[] {
  if (split.shape.length > 0) return numbersOf(split);
  const part = numberOf(split);
  if (part < 1) throw new BnnqError('mismatch', `parts of ${part} elements`);
  return Array.from({ length: Math.ceil(total / part) }, (_, i) => Math.min(part, total - i * part));
}

/** Joined along an axis, or along a new one. */
const concatFromSequence: Operator = (call) => {
  const { elements } = call.sequence(0);
  const first = elements[0];
  if (first === undefined) throw new BnnqError('mismatch', 'cannot join the tensors of an empty sequence');
  const isNew = call.int('new_axis', 0) !== 0;
  const axis = axisOf(call.int('axis', 0), first.shape.length + (isNew ? 1 : 0));
  const shapes = elements.map(({ shape }) => (isNew ? shape.toSpliced(axis, 0, 1) : shape));
  const others = (shape: readonly number[]): number[] => shape.toSpliced(axis, 1);
  if (shapes.some((shape) => !sameShape(others(shape), others(shapes[0]!))))
    throw new BnnqError('mismatch', `cannot join ${shapes.map(shapeText).join(', ')} along axis ${axis}`);
  const dims = shapes[0]!.with(
    axis,
    shapes.reduce((sum, shape) => sum + shape[axis]!, 0),
  );
  const y = allocateAny(call, first.dtype, dims);
  const to = elementsOf(y);
  const rows = dims.slice(0, axis).reduce((size, dim) => size * dim, 1);
  const rowLength = to.length / Math.max(rows, 1);
  let start = 0;
  elements.forEach((tensor) => {
    const from = elementsOf(tensor);
    const count = from.length / Math.max(rows, 1);
    for (let row = 0; row < rows; row++)
      for (let i = 0; i < count; i++) to[row * rowLength + start + i] = from[row * count + i]!;
    start += count;
  });
  return y;
};

/** The body for every element of the first sequence; of the other operands sequences give their element, tensors are given whole. */
const sequenceMap: Operator = (call) => {
  const body = call.body('body');
  const count = call.sequence(0).elements.length;
  const made: Tensor[][] = body.outputs.map(() => []);
  for (let i = 0; i < count; i++) {
    const operands = call.inputs.map((value, k): RuntimeValue => {
      if (!(value instanceof TensorSequence)) return call.retain(call.input(k));
      const tensor = value.elements[i];
      if (tensor === undefined || value.elements.length !== count)
        throw new BnnqError('mismatch', `sequences of ${count} and of ${value.elements.length} tensors`);
      return tensorFrom(call, tensor);
    });
    body.run(operands).forEach((value, k) => {
      made[k]!.push(element(tensorOf(value)));
      call.release(value);
    });
  }
  return made.map((elements, k) => sequenceOf(elements[0]?.dtype ?? body.outputs[k]!.dtype, elements));
};

/** The value, or nothing of the type that the attribute says. */
const optional: Operator = (call) => {
  const value = call.inputs[0];
  return value === undefined ? new EmptyOptional() : call.retain(value);
};

const optionalHasElement: Operator = (call) => {
  const value = call.inputs[0];
  const has = value !== undefined && !(value instanceof EmptyOptional);
  return { dtype: 'BOOL', shape: [], data: Uint8Array.of(has ? 1 : 0) };
};

const optionalGetElement: Operator = (call) => {
  const value = call.inputs[0];
  if (value === undefined || value instanceof EmptyOptional)
    throw new BnnqError('mismatch', 'the optional holds nothing');
  return call.retain(value);
};

/** A position of a sequence from an operand; negative ones count from the end. */
function positionIn(call: Call, index: number, fallback: number, end: number): number {
  const { elements } = call.sequence(0);
  const given = call.optional(index);
  const position = given === undefined ? fallback : numberOf(given);
  const found = position < 0 ? position + elements.length : position;
  if (found < 0 || found >= end)
    throw new BnnqError(
      'mismatch',
      `position ${position} is outside a sequence of ${elements.length} tensors`,
    );
  return found;
}

/** A tensor as sequences hold it: its memory is nobody else's, and is not taken from the heap. */
function element(tensor: Tensor): Tensor {
  return tensor instanceof HeapTensor ? copyOfTensor(tensor) : tensor;
}

/** An element of a sequence as operators take it. */
function tensorFrom(call: Call, tensor: Tensor): Tensor {
  const { data } = tensor;
  if (Array.isArray(data)) return tensor;
  const y = call.allocate(tensor.dtype, tensor.shape);
  (y.data as Uint8Array).set(data as Uint8Array);
  return y;
}

function sequenceOf(dtype: DataType | undefined, elements: readonly Tensor[]): TensorSequence {
  const stranger = elements.find((tensor) => dtype !== undefined && tensor.dtype !== dtype);
  if (stranger !== undefined)
    throw new BnnqError('mismatch', `a tensor of type ${stranger.dtype} in a sequence of ${dtype}`);
  return new TensorSequence(dtype ?? elements[0]?.dtype, elements);
}

/** Operators of sequences and optionals. An optional that holds something is that thing. */
export const SEQUENCES: OperatorTable = {
  SequenceConstruct: { 11: construct },
  SequenceEmpty: { 11: empty },
  SequenceInsert: { 11: insert },
  SequenceErase: { 11: erase },
  SequenceAt: { 11: at },
  SequenceLength: { 11: length },
  SplitToSequence: { 11: splitToSequence },
  ConcatFromSequence: { 11: concatFromSequence },
  SequenceMap: { 17: sequenceMap },
  Optional: { 15: optional },
  OptionalHasElement: { 15: optionalHasElement },
  OptionalGetElement: { 15: optionalGetElement },
};
