import { exp } from '../../kernels/math/exp.ts';
import { log } from '../../kernels/math/log.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { axisOf, sizeBetween } from '../shapes.ts';
import type { OperatorTable } from './operator-table.ts';

/** The tensor as [outer, length, inner] around the axis that is normalized. */
interface Sections {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
}

/** Before opset 13 everything from the axis on is one row (and the axis is 1 by default), since then the axis alone (the last). */
export function sectionsOf(call: Call, x: Tensor, opset: number = call.opset): Sections {
  const rank = x.shape.length;
  if (opset < 13) {
    const axis = axisOf(call.int('axis', 1), rank);
    return { outer: sizeBetween(x.shape, 0, axis), length: sizeBetween(x.shape, axis, rank), inner: 1 };
  }
  const axis = axisOf(call.int('axis', -1), rank);
  return {
    outer: sizeBetween(x.shape, 0, axis),
    length: x.shape[axis] ?? 1,
    inner: sizeBetween(x.shape, axis + 1, rank),
  };
}

const softmax =
  (isLog: boolean): Operator =>
  (call) => {
    const x = call.input(0);
    const y = call.allocate(x.dtype, x.shape);
    softmaxInto(call, x, y, sectionsOf(call, x), isLog);
    return y;
  };

/** Softmax of x, or its logarithm, over the middle axis of its sections. */
export function softmaxInto(call: Call, x: Tensor, y: Tensor, sections: Sections, isLog: boolean): void {
  const { outer, length, inner } = sections;
  if (x.dtype === 'FLOAT')
    call.kernels.softmax(x.data as Float32Array, y.data as Float32Array, outer, length, inner, isLog);
  else softmaxDouble(x.data as Float64Array, y.data as Float64Array, sections, isLog);
}

/** exp(x − max) / Σ, or x − max − log Σ, in float64; y may be x. */
export function softmaxDouble(x: Float64Array, y: Float64Array, sections: Sections, isLog: boolean): void {
  const { outer, length, inner } = sections;
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++) {
      const start = o * length * inner + i;
      const end = start + length * inner;
      let max = Number.NEGATIVE_INFINITY;
      for (let at = start; at < end; at += inner) max = Math.max(max, x[at]!);
      let sum = 0;
      for (let at = start; at < end; at += inner) sum += exp(x[at]! - max);
      const logSum = log(sum);
      for (let at = start; at < end; at += inner)
        y[at] = isLog ? x[at]! - max - logSum : exp(x[at]! - max) / sum;
    }
}

/** 1 at the first largest element, 0 elsewhere. */
const hardmax: Operator = (call) => {
  const x = call.input(0);
  const { outer, length, inner } = sectionsOf(call, x);
  const y = call.allocate(x.dtype, x.shape);
  const from = x.data as Float32Array;
  const to = y.data as Float32Array;
  to.fill(0);
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++) {
      const start = o * length * inner + i;
      let best = start;
      for (let l = 1; l < length; l++) if (from[start + l * inner]! > from[best]!) best = start + l * inner;
      if (length > 0) to[best] = 1;
    }
  return y;
};

export const SOFTMAX: OperatorTable = {
  Softmax: { 1: softmax(false) },
  LogSoftmax: { 1: softmax(true) },
  Hardmax: { 1: hardmax },
};
