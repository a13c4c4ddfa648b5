import { BnnqError } from '../../errors.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { axisOf, sizeBetween } from '../shapes.ts';
import { allocateAny, copyRun, elementsOf } from './elements.ts';
import { bigMax, bigMin, isBig } from './elementwise.ts';
import { elementPositions, slicePositions } from './gather.ts';
import type { OperatorTable } from './operator-table.ts';

/** How an update meets what is there. */
type Meet = (old: number, update: number) => number;
type BigMeet = (old: bigint, update: bigint) => bigint;

const MEETS: Readonly<Record<string, readonly [Meet, BigMeet]>> = {
  none: [(_, update) => update, (_, update) => update],
  add: [(old, update) => old + update, (old, update) => old + update],
  mul: [(old, update) => old * update, (old, update) => old * update],
  max: [Math.max, bigMax],
  min: [Math.min, bigMin],
};

/** The function for the reduction attribute and the element type; typed as one, as the loops only pass elements through. */
function meetOf(call: Call, tensor: Tensor): Meet {
  const reduction = call.text('reduction', 'none');
  const pair = MEETS[reduction];
  if (pair === undefined) throw new BnnqError('unsupported', `reduction "${reduction}"`);
  return isBig(tensor.dtype) ? (pair[1] as unknown as Meet) : pair[0];
}

function copyOf(call: Call, data: Tensor): Tensor {
  const y = allocateAny(call, data.dtype, data.shape);
  const to = elementsOf(y);
  copyRun(elementsOf(data), 0, to, 0, to.length);
  return y;
}

const scatterElements: Operator = (call) => {
  const data = call.input(0);
  const indices = call.input(1);
  const updates = call.input(2);
  const axis = axisOf(call.int('axis', 0), data.shape.length);
  const meet = meetOf(call, data);
  const y = copyOf(call, data);
  const from = elementsOf(updates);
  const to = elementsOf(y);
  elementPositions(data.shape, indices, axis).forEach((position, i) => {
    to[position] = meet(to[position]!, from[i]!);
  });
  return y;
};

const scatterNd: Operator = (call) => {
  const data = call.input(0);
  const indices = call.input(1);
  const updates = call.input(2);
  const meet = meetOf(call, data);
  const y = copyOf(call, data);
  const from = elementsOf(updates);
  const to = elementsOf(y);
  const inner = sizeBetween(data.shape, indices.shape.at(-1)!, data.shape.length);
  slicePositions(data.shape, indices).forEach((position, row) => {
    for (let i = 0; i < inner; i++) to[position + i] = meet(to[position + i]!, from[row * inner + i]!);
  });
  return y;
};

export const SCATTERS: OperatorTable = {
  Scatter: { 9: scatterElements },
  ScatterElements: { 11: scatterElements },
  ScatterND: { 11: scatterNd },
};
