import { BnnqError } from '../../errors.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { axisOf, numbersOf, shapeText, stridesOf } from '../shapes.ts';
import { allocateAny, copyRun, elementsOf, zeroOf } from './elements.ts';
import type { OperatorTable } from './operator-table.ts';
import { eachIndex } from './window.ts';

/** Dimensions of the output: those given for the axes, the rest as they are. */
function targetShape(call: Call, x: Tensor): number[] {
  const rank = x.shape.length;
  const axes = (call.ints('axes') ?? x.shape.map((_, i) => i)).map((axis) => axisOf(axis, rank));
  const sizes = numbersOf(call.input(1));
  if (sizes.length !== axes.length || new Set(axes).size !== axes.length || sizes.some((size) => size < 0))
    throw new BnnqError('mismatch', `sizes [${sizes}] for axes [${axes}] of ${shapeText(x.shape)}`);
  const shape = [...x.shape];
  axes.forEach((axis, i) => {
    shape[axis] = sizes[i]!;
  });
  return shape;
}

/** The middle of x where an axis becomes shorter, x amid zeros where it becomes longer; an odd element is at the end. */
const centerCropPad: Operator = (call) => {
  const x = call.input(0);
  const shape = targetShape(call, x);
  const y = allocateAny(call, x.dtype, shape);
  const from = elementsOf(x);
  const to = elementsOf(y);
  to.fill(zeroOf(x.dtype));
  const skipped = shape.map((size, axis) => Math.floor(Math.max(x.shape[axis]! - size, 0) / 2));
  const padded = shape.map((size, axis) => Math.floor(Math.max(size - x.shape[axis]!, 0) / 2));
  const common = shape.map((size, axis) => Math.min(size, x.shape[axis]!));
  const run = common.at(-1) ?? 1;
  const [source, target] = [stridesOf(x.shape), stridesOf(shape)];
  if (sizeOf(common) === 0) return y;
  eachIndex(common.slice(0, -1), (at) => {
    let p = skipped.at(-1) ?? 0;
    let q = padded.at(-1) ?? 0;
    at.forEach((index, axis) => {
      p += (index + skipped[axis]!) * source[axis]!;
      q += (index + padded[axis]!) * target[axis]!;
    });
    copyRun(from, p, to, q, run);
  });
  return y;
};

export const CENTRED_CROPS: OperatorTable = { CenterCropPad: { 18: centerCropPad } };
