import { BnnqError } from '../../errors.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { broadcast, broadcastShape, eachRun } from '../broadcast.ts';
import type { Call, Operator } from '../call.ts';
import { axisOf, numbersOf, shapeText, sizeBetween, stridesOf } from '../shapes.ts';
import { allocateAny, copyRun, copyStrided, type Elements, elementsOf } from './elements.ts';
import type { OperatorTable } from './operator-table.ts';

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
  if (repeats.length !== x.shape.length || repeats.some((times) => times < 0))
    throw new BnnqError('mismatch', `repeats [${repeats}] for a tensor of rank ${x.shape.length}`);
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
  if (x.shape.length !== 4 || !Number.isInteger(depth))
    throw new BnnqError('mismatch', `blocks of ${b} by ${b} of the channels of ${shapeText(x.shape)}`);
  const isDcr = call.text('mode', 'DCR') === 'DCR';
  const split6 = isDcr ? [n, b, b, depth, h, w] : [n, depth, b, b, h, w];
  const perm = isDcr ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3];
  return permuted(call, x, split6, perm, [n, depth, h * b, w * b]);
};

const spaceToDepth: Operator = (call) => {
  const x = call.input(0);
  const b = call.int('blocksize', 1);
  const [n, c, h, w] = x.shape as [number, number, number, number];
  if (x.shape.length !== 4 || h % b !== 0 || w % b !== 0)
    throw new BnnqError('mismatch', `blocks of ${b} by ${b} of the image of ${shapeText(x.shape)}`);
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
  Expand: { 8: expand },
  Tile: { 6: tile },
  DepthToSpace: { 1: depthToSpace },
  SpaceToDepth: { 1: spaceToDepth },
};
