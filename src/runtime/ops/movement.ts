import { BnnqError } from '../../errors.ts';
import type { DataType } from '../../tensor/dtype.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';
import { broadcast, broadcastShape, eachRun } from '../broadcast.ts';
import type { Call, Operator } from '../call.ts';
import { axisOf, numbersOf, shapeText, sizeBetween, stridesOf } from '../shapes.ts';
import type { OperatorTable } from './operator-table.ts';

/** Elements of any type, as the loops that only move them see them. */
export type Elements = Float32Array;

export function elementsOf(tensor: Tensor): Elements {
  return tensor.data as unknown as Elements;
}

/** A new output for an operator that moves elements of any type, strings among them. */
export function allocateAny(call: Call, dtype: DataType, shape: readonly number[]): Tensor {
  if (dtype === 'STRING') return { dtype, shape, data: new Array<string>(sizeOf(shape)).fill('') };
  return call.allocate(dtype, shape);
}

/** Copies `count` neighbouring elements; long runs at the speed of memory. */
export function copyRun(from: Elements, at: number, to: Elements, start: number, count: number): void {
  if (count > 32 && !Array.isArray(from)) to.set(from.subarray(at, at + count), start);
  else for (let i = 0; i < count; i++) to[start + i] = from[at + i]!;
}

/**
 * Elements of `from` at `offset + Σ index·strides`, gathered row-major over `dims` into `to`: transposes, slices and
 * everything else that reads along strides.
 */
export function copyStrided(
  from: Elements,
  offset: number,
  strides: readonly number[],
  dims: readonly number[],
  to: Elements,
): void {
  const merged = mergeAxes(dims, strides);
  if (sizeOf(merged.dims) === 0) return;
  const rank = merged.dims.length;
  const length = merged.dims[rank - 1]!;
  const step = merged.strides[rank - 1]!;
  const rows = rank > 1 ? merged.dims[rank - 2]! : 1;
  const rowStep = rank > 1 ? merged.strides[rank - 2]! : 0;
  const index = new Array<number>(Math.max(rank - 2, 0)).fill(0);
  let start = offset;
  let at = 0;
  for (;;) {
    for (let row = 0, base = start; row < rows; row++, base += rowStep, at += length) {
      if (step === 1) copyRun(from, base, to, at, length);
      else for (let i = 0, p = base; i < length; i++, p += step) to[at + i] = from[p]!;
    }
    let axis = rank - 3;
    for (; axis >= 0; axis--) {
      start += merged.strides[axis]!;
      if (++index[axis]! < merged.dims[axis]!) break;
      start -= merged.strides[axis]! * merged.dims[axis]!;
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}

/** Drops axes of one element and joins neighbours that run on into each other. */
function mergeAxes(
  dims: readonly number[],
  strides: readonly number[],
): { dims: number[]; strides: number[] } {
  const merged = { dims: [] as number[], strides: [] as number[] };
  dims.forEach((dim, axis) => {
    if (dim === 1) return;
    const last = merged.dims.length - 1;
    if (last >= 0 && merged.strides[last] === strides[axis]! * dim) {
      merged.dims[last]! *= dim;
      merged.strides[last] = strides[axis]!;
    } else {
      merged.dims.push(dim);
      merged.strides.push(strides[axis]!);
    }
  });
  if (merged.dims.length === 0) return { dims: [1], strides: [1] };
  return merged;
}

const transpose: Operator = (call) => {
  const x = call.input(0);
  const rank = x.shape.length;
  const perm = call.ints('perm') ?? x.shape.map((_, i) => rank - 1 - i);
  if (perm.length !== rank || new Set(perm).size !== rank || perm.some((axis) => axis < 0 || axis >= rank))
    throw new BnnqError('mismatch', `perm [${perm}] does not fit shape ${shapeText(x.shape)}`);
  const strides = stridesOf(x.shape);
  const dims = perm.map((axis) => x.shape[axis]!);
  const y = allocateAny(call, x.dtype, dims);
  copyStrided(
    elementsOf(x),
    0,
    perm.map((axis) => strides[axis]!),
    dims,
    elementsOf(y),
  );
  return y;
};

const concat: Operator = (call) => {
  const parts = call.inputs.map((_, i) => call.input(i));
  const first = parts[0]!;
  const axis = axisOf(call.int('axis', 1), first.shape.length);
  const dims = [...first.shape];
  dims[axis] = 0;
  for (const part of parts) {
    const fits = part.shape.length === dims.length && part.dtype === first.dtype;
    if (!fits || part.shape.some((dim, i) => i !== axis && dim !== dims[i]))
      throw new BnnqError(
        'mismatch',
        `cannot join ${parts.map((p) => p.dtype + shapeText(p.shape)).join(', ')} along axis ${axis}`,
      );
    dims[axis]! += part.shape[axis]!;
  }
  const y = allocateAny(call, first.dtype, dims);
  const to = elementsOf(y);
  const outer = sizeBetween(dims, 0, axis);
  const row = sizeBetween(dims, axis, dims.length);
  let start = 0;
  for (const part of parts) {
    const from = elementsOf(part);
    const count = sizeBetween(part.shape, axis, dims.length);
    for (let o = 0; o < outer; o++) copyRun(from, o * count, to, o * row + start, count);
    start += count;
  }
  return y;
};

const split: Operator = (call) => {
  const x = call.input(0);
  const axis = axisOf(call.int('axis', 0), x.shape.length);
  const length = x.shape[axis]!;
  const input = call.optional(1);
  const lengths = input === undefined ? call.ints('split') : numbersOf(input);
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

/** Elements of shape `shape` repeated to `dims`. */
function repeatInto(from: Elements, shape: readonly number[], dims: readonly number[], to: Elements): void {
  const plan = broadcast(dims, [shape]);
  const length = plan.dims.at(-1)!;
  const step = plan.strides[0]!.at(-1)!;
  eachRun(plan, (at, [start]) => {
    if (step === 1) copyRun(from, start!, to, at, length);
    else to.fill(from[start!]!, at, at + length);
  });
}

const expand: Operator = (call) => {
  const x = call.input(0);
  const y = allocateAny(call, x.dtype, broadcastShape(x.shape, numbersOf(call.input(1))));
  repeatInto(elementsOf(x), x.shape, y.shape, elementsOf(y));
  return y;
};

/** Seen as [1, d0, 1, d1, …] repeated to [r0, d0, r1, d1, …], a tile is an expansion. */
const tile: Operator = (call) => {
  const x = call.input(0);
  const repeats = numbersOf(call.input(1));
  if (repeats.length !== x.shape.length)
    throw new BnnqError('mismatch', `${repeats.length} repeats for a tensor of rank ${x.shape.length}`);
  const shape = x.shape.map((dim, i) => dim * repeats[i]!);
  const y = allocateAny(call, x.dtype, shape);
  const from = x.shape.flatMap((dim) => [1, dim]);
  const to = x.shape.flatMap((dim, i) => [repeats[i]!, dim]);
  repeatInto(elementsOf(x), from, to, elementsOf(y));
  return y;
};

/** Blocks of channels become blocks of space; `mode` says whether the channel is the slow (DCR) or the fast part (CRD). */
const depthToSpace: Operator = (call) => {
  const x = call.input(0);
  const b = call.int('blocksize', 1);
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const depth = c / (b * b);
  const isDcr = call.text('mode', 'DCR') === 'DCR';
  const split6 = isDcr ? [n, b, b, depth, h, w] : [n, depth, b, b, h, w];
  const perm = isDcr ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3];
  return permuted(call, x, split6, perm, [n, depth, h * b, w * b]);
};

const spaceToDepth: Operator = (call) => {
  const x = call.input(0);
  const b = call.int('blocksize', 1);
  const [n, c, h, w] = x.shape as [number, number, number, number];
  return permuted(call, x, [n, c, h / b, b, w / b, b], [0, 3, 5, 1, 2, 4], [n, c * b * b, h / b, w / b]);
};

/** `x` seen as `dims`, transposed by `perm`, as a tensor of shape `shape`. */
function permuted(
  call: Call,
  x: Tensor,
  dims: readonly number[],
  perm: readonly number[],
  shape: readonly number[],
): Tensor {
  const y = allocateAny(call, x.dtype, shape);
  const strides = stridesOf(dims);
  copyStrided(
    elementsOf(x),
    0,
    perm.map((axis) => strides[axis]!),
    perm.map((axis) => dims[axis]!),
    elementsOf(y),
  );
  return y;
}

export const MOVEMENT: OperatorTable = {
  Transpose: { 1: transpose },
  Concat: { 4: concat },
  Split: { 2: split },
  Slice: { 1: sliceByAttributes, 10: sliceByInputs },
  Expand: { 8: expand },
  Tile: { 6: tile },
  DepthToSpace: { 1: depthToSpace },
  SpaceToDepth: { 1: spaceToDepth },
};
