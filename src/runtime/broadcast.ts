import { BnnqError } from '../errors.ts';
import { sizeOf } from '../tensor/tensor.ts';
import { shapeText } from './shapes.ts';

/** The shape that all the shapes broadcast to, as NumPy does it. */
export function broadcastShape(...shapes: (readonly number[])[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes)
    for (let i = 0; i < shape.length; i++) {
      const at = rank - shape.length + i;
      const dim = shape[i]!;
      if (dim === 1 || dim === result[at]) continue;
      if (result[at] !== 1)
        throw new BnnqError('mismatch', `shapes ${shapes.map(shapeText).join(' and ')} do not broadcast`);
      result[at] = dim;
    }
  return result;
}

/**
 * How operands of the given shapes run along an output: neighbouring axes are merged where every operand allows it, so
 * that `dims` is short. `strides[k][d]` is the step of operand k along axis d, 0 where it is repeated.
 */
export interface Broadcast {
  readonly shape: readonly number[];
  readonly dims: readonly number[];
  readonly strides: readonly (readonly number[])[];
}

export function broadcast(shape: readonly number[], operands: readonly (readonly number[])[]): Broadcast {
  const rank = shape.length;
  const full = operands.map((operand) => {
    const strides = new Array<number>(rank).fill(0);
    let stride = 1;
    for (let i = operand.length - 1; i >= 0; i--) {
      if (operand[i] !== 1) strides[rank - operand.length + i] = stride;
      stride *= operand[i]!;
    }
    return strides;
  });
  const dims: number[] = [];
  const strides = full.map(() => [] as number[]);
  for (let axis = 0; axis < rank; axis++) {
    const dim = shape[axis]!;
    if (dim === 1) continue;
    const last = dims.length - 1;
    const merges = last >= 0 && full.every((steps, k) => strides[k]![last] === steps[axis]! * dim);
    if (merges) dims[last]! *= dim;
    else dims.push(dim);
    full.forEach((steps, k) => {
      if (merges) strides[k]![last] = steps[axis]!;
      else strides[k]!.push(steps[axis]!);
    });
  }
  if (dims.length === 0) {
    dims.push(1);
    for (const steps of strides) steps.push(0);
  }
  return { shape, dims, strides };
}

/**
 * Visits the runs along the last axis of `dims`: `visit(to, from)` with the offset of the run in the output and in each
 * operand. `from` is one array, changed from call to call.
 */
export function eachRun(plan: Broadcast, visit: (to: number, from: readonly number[]) => void): void {
  if (sizeOf(plan.dims) === 0) return;
  const outer = plan.dims.length - 1;
  const length = plan.dims[outer]!;
  const index = new Array<number>(outer).fill(0);
  const from = new Array<number>(plan.strides.length).fill(0);
  for (let to = 0; ; to += length) {
    visit(to, from);
    let axis = outer - 1;
    for (; axis >= 0; axis--) {
      for (let k = 0; k < from.length; k++) from[k]! += plan.strides[k]![axis]!;
      if (++index[axis]! < plan.dims[axis]!) break;
      for (let k = 0; k < from.length; k++) from[k]! -= plan.strides[k]![axis]! * plan.dims[axis]!;
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}
