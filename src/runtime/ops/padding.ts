import { BnnqError } from '../../errors.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { axisOf, numbersOf, shapeText, stridesOf } from '../shapes.ts';
import { allocateAny, copyRun, type Elements, elementsOf, zeroOf } from './elements.ts';
import type { OperatorTable } from './operator-table.ts';
import { eachIndex } from './window.ts';

/** Where output position `at` of an axis reads from, or -1 for the constant. */
function sourceOf(at: number, length: number, mode: string): number {
  if (at >= 0 && at < length) return at;
  if (mode === 'constant') return -1;
  if (mode === 'edge') return at < 0 ? 0 : length - 1;
  if (mode === 'wrap') return ((at % length) + length) % length;
  if (mode !== 'reflect') throw new BnnqError('unsupported', `padding mode "${mode}"`);
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const folded = ((at % period) + period) % period;
  return folded < length ? folded : period - folded;
}

/** `pads` holds the elements added before every axis, then those after; negative ones crop. */
function pad(call: Call, pads: readonly number[], value: unknown): Tensor {
  const x = call.input(0);
  const rank = x.shape.length;
  const mode = call.text('mode', 'constant');
  const before = pads.slice(0, rank);
  const after = pads.slice(rank);
  if (pads.length !== 2 * rank || x.shape.some((dim, i) => dim + before[i]! + after[i]! < 0))
    throw new BnnqError('mismatch', `pads [${pads}] for a tensor of shape ${shapeText(x.shape)}`);
  if (mode !== 'constant' && x.shape.some((dim, i) => dim === 0 && before[i]! + after[i]! > 0))
    throw new BnnqError('mismatch', `nothing to pad with in shape ${shapeText(x.shape)}`);
  const y = allocateAny(
    call,
    x.dtype,
    x.shape.map((dim, i) => dim + before[i]! + after[i]!),
  );
  const fill = (value ?? zeroOf(x.dtype)) as number;
  const dims = [...x.shape];
  if (mode === 'constant') joinTail(dims, before, after);
  if (mode === 'constant') joinHead(dims, before, after);
  padRows(elementsOf(x), elementsOf(y), dims, before, after, mode, fill);
  return y;
}

/** Makes one axis of the last axes that are not padded and the one before them: their elements are copied in one go. */
function joinTail(dims: number[], before: number[], after: number[]): void {
  while (dims.length > 1 && before.at(-1) === 0 && after.at(-1) === 0) {
    const inner = dims.pop()!;
    before.pop();
    after.pop();
    const last = dims.length - 1;
    for (const list of [dims, before, after]) list[last]! *= inner;
  }
}

/** Makes one axis of the axes before the last where none of them is padded. */
function joinHead(dims: number[], before: number[], after: number[]): void {
  const last = dims.length - 1;
  if (last < 2 || [before, after].some((pads) => pads.slice(0, last).some((count) => count !== 0))) return;
  dims.splice(0, last, sizeOf(dims.slice(0, last)));
  for (const pads of [before, after]) pads.splice(0, last, 0);
}

function padRows(
  from: Elements,
  to: Elements,
  dims: readonly number[],
  before: readonly number[],
  after: readonly number[],
  mode: string,
  fill: number,
): void {
  const last = dims.length - 1;
  const shape = dims.map((dim, i) => dim + before[i]! + after[i]!);
  const strides = stridesOf(dims);
  const sourcesOf = (axis: number): Int32Array => {
    const sources = new Int32Array(shape[axis]!);
    for (let at = 0; at < sources.length; at++) sources[at] = sourceOf(at - before[axis]!, dims[axis]!, mode);
    return sources;
  };
  const sources = shape.slice(0, Math.max(last, 0)).map((_, axis) => sourcesOf(axis));
  const row = shape[last] ?? 1;
  const line = mode === 'constant' || last < 0 ? undefined : sourcesOf(last);
  // The part of a row that is a plain copy.
  const start = Math.min(Math.max(before[last] ?? 0, 0), row);
  const skipped = Math.max(-(before[last] ?? 0), 0);
  const copied = Math.max(0, Math.min((dims[last] ?? 1) - skipped, row - start));
  if (line === undefined && last === 1 && before[0] === 0 && after[0] === 0) {
    // Short rows, as of channels beside others, are not worth a call for each index.
    to.fill(fill);
    for (let line = 0; line < dims[0]!; line++)
      copyRun(from, line * dims[1]! + skipped, to, line * row + start, copied);
    return;
  }
  eachIndex(shape.slice(0, Math.max(last, 0)), (at, index) => {
    let base = 0;
    for (let axis = 0; axis < last; axis++) {
      const source = sources[axis]![at[axis]!]!;
      if (source < 0) {
        to.fill(fill, index * row, (index + 1) * row);
        return;
      }
      base += source * strides[axis]!;
    }
    const begin = index * row;
    const end = start + copied;
    copyRun(from, base + skipped, to, begin + start, copied);
    if (line === undefined) {
      to.fill(fill, begin, begin + start);
      to.fill(fill, begin + end, begin + row);
      return;
    }
    for (let i = 0; i < start; i++) to[begin + i] = from[base + line[i]!]!;
    for (let i = end; i < row; i++) to[begin + i] = from[base + line[i]!]!;
  });
}

const padByAttributes: Operator = (call) => pad(call, call.ints('pads') ?? [], call.float('value', 0));

const padByInputs: Operator = (call) => {
  const rank = call.input(0).shape.length;
  const given = numbersOf(call.input(1));
  const axesInput = call.optional(3);
  const value = call.optional(2)?.data[0];
  if (axesInput === undefined) return pad(call, given, value);
  const axes = numbersOf(axesInput).map((axis) => axisOf(axis, rank));
  if (given.length !== 2 * axes.length)
    throw new BnnqError('mismatch', `pads [${given}] for the axes [${axes}]`);
  const pads = new Array<number>(2 * rank).fill(0);
  axes.forEach((axis, i) => {
    pads[axis] = given[i]!;
    pads[rank + axis] = given[axes.length + i]!;
  });
  return pad(call, pads, value);
};

export const PADDINGS: OperatorTable = { Pad: { 2: padByAttributes, 11: padByInputs } };
