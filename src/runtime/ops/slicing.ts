import { BnnqError } from '../../errors.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { axisOf, numbersOf, stridesOf } from '../shapes.ts';
import { allocateAny, copyStrided, elementsOf } from './elements.ts';
import type { OperatorTable } from './operator-table.ts';

const split: Operator = (call) => {
  const x = call.input(0);
  const axis = axisOf(call.int('axis', 0), x.shape.length);
  const length = x.shape[axis]!;
  const input = call.optional(1);
  const lengths = input === undefined ? call.ints('split') : numbersOf(input);
  if (lengths === undefined && call.opset < 18 && length % call.node.outputs.length !== 0)
    throw new BnnqError('mismatch', `${length} elements in ${call.node.outputs.length} equal parts`);
  const parts = lengths ?? evenParts(length, call.int('num_outputs', call.node.outputs.length));
  if (parts.reduce((sum, part) => sum + part, 0) !== length)
    throw new BnnqError(
      'mismatch',
      `parts [${parts}] do not add up to the ${length} elements of axis ${axis}`,
    );
  const strides = stridesOf(x.shape);
  const outputs = parts.map((part) => allocateAny(call, x.dtype, x.shape.with(axis, part)));
  let start = 0;
  for (const y of outputs) {
    copyStrided(elementsOf(x), start * strides[axis]!, strides, y.shape, elementsOf(y));
    start += y.shape[axis]!;
  }
  return outputs;
};

/** Equal parts; where they do not come out even, the last one is smaller (opset 18). */
function evenParts(length: number, count: number): number[] {
  const part = Math.ceil(length / count);
  return Array.from({ length: count }, (_, i) => Math.max(0, Math.min(part, length - i * part)));
}

/** Start, step and number of elements taken along an axis. */
interface Range {
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

/** As NumPy cuts a slice: negative positions count from the end, positions beyond it are cut to it. */
function rangeOf(start: number, end: number, step: number, length: number): Range {
  if (step === 0) throw new BnnqError('mismatch', 'a slice cannot have step 0');
  const low = step > 0 ? 0 : -1;
  const high = step > 0 ? length : length - 1;
  const cut = (at: number): number => Math.min(Math.max(at < 0 ? at + length : at, low), high);
  const from = cut(start);
  return { start: from, step, count: Math.max(0, Math.ceil((cut(end) - from) / step)) };
}

function slice(
  call: Call,
  starts: readonly number[],
  ends: readonly number[],
  axes: readonly number[] | undefined,
  steps: readonly number[] | undefined,
): Tensor {
  const x = call.input(0);
  const strides = stridesOf(x.shape);
  const dims = [...x.shape];
  let offset = 0;
  starts.forEach((start, i) => {
    const axis = axisOf(axes?.[i] ?? i, x.shape.length);
    const range = rangeOf(start, ends[i]!, steps?.[i] ?? 1, x.shape[axis]!);
    offset += range.start * strides[axis]!;
    strides[axis]! *= range.step;
    dims[axis] = range.count;
  });
  const y = allocateAny(call, x.dtype, dims);
  copyStrided(elementsOf(x), offset, strides, dims, elementsOf(y));
  return y;
}

const sliceByAttributes: Operator = (call) =>
  slice(call, call.ints('starts') ?? [], call.ints('ends') ?? [], call.ints('axes'), undefined);

const sliceByInputs: Operator = (call) => {
  const axes = call.optional(3);
  const steps = call.optional(4);
  return slice(
    call,
    numbersOf(call.input(1)),
    numbersOf(call.input(2)),
    axes === undefined ? undefined : numbersOf(axes),
    steps === undefined ? undefined : numbersOf(steps),
  );
};

export const SLICINGS: OperatorTable = {
  Split: { 2: split },
  Slice: { 1: sliceByAttributes, 10: sliceByInputs },
};
