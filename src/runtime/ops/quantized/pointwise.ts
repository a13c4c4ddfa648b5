import { BnnqError } from '../../../errors.ts';
import { sigmoid } from '../../../kernels/math/exp.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import { broadcast, broadcastShape, eachRun } from '../../broadcast.ts';
import type { Call, Operator } from '../../call.ts';
import { axisOf, sizeBetween } from '../../shapes.ts';
import type { Binary, Unary } from '../elementwise.ts';
import type { OperatorTable } from '../operator-table.ts';
import { type Coding, codedValues, codingOf, encode, expectCodes } from './coding.ts';

/*
 * Element by element on 8-bit codes, as onnxruntime's quantizer writes them (domain com.microsoft): the numbers that the
 * codes stand for, the function in float32, the code of the result.
 */

/** Inputs X, x_scale, x_zero, y_scale, y_zero: a table of 256 codes. */
const byTable =
  (f: (call: Call) => Unary): Operator =>
  (call) => {
    const x = call.input(0);
    const from = codingOf(call, 1, 2, x.dtype);
    const to = codingOf(call, 3, 4, from.dtype);
    expectCodes(x, from);
    const y = call.allocate(to.dtype, x.shape);
    const table = recoding(from, to, f(call));
    const [codes, made] = [x.data as Int8Array, y.data as Int8Array];
    for (let i = 0; i < made.length; i++) made[i] = table[codes[i]! & 255]!;
    return y;
  };

/** The codes of f of what the 256 codes stand for. */
function recoding(from: Coding, to: Coding, f: Unary): Int16Array {
  return Int16Array.from(codedValues(from), (value) => encode(Math.fround(f(value)), to));
}

const leakyRelu = byTable((call) => {
  const alpha = call.float('alpha', 0.01);
  return (x) => (x < 0 ? alpha * x : x);
});

/** Inputs A, a_scale, a_zero, B, b_scale, b_zero, c_scale, c_zero, broadcast. */
const combining =
  (f: Binary): Operator =>
  (call) => {
    const [a, b] = [call.input(0), call.input(3)];
    const codings = [codingOf(call, 1, 2, a.dtype), codingOf(call, 4, 5, b.dtype)] as const;
    const to = codingOf(call, 6, 7, codings[0].dtype);
    expectCodes(a, codings[0]);
    expectCodes(b, codings[1]);
    const shape = broadcastShape(a.shape, b.shape);
    const y = call.allocate(to.dtype, shape);
    const [left, right] = [codedValues(codings[0]), codedValues(codings[1])];
    const [p, q, codes] = [a.data as Int8Array, b.data as Int8Array, y.data as Int8Array];
    const plan = broadcast(shape, [a.shape, b.shape]);
    const [stepA = 0, stepB = 0] = plan.strides.map((steps) => steps.at(-1)!);
    const length = plan.dims.at(-1)!;
    eachRun(plan, (at, [i = 0, j = 0]) => {
      for (let n = 0; n < length; n++) {
        const value = f(left[p[i + n * stepA]! & 255]!, right[q[j + n * stepB]! & 255]!);
        codes[at + n] = encode(Math.fround(value), to);
      }
    });
    return y;
  };

/** Inputs y_scale, y_zero, then X, x_scale, x_zero of every part. */
const concat: Operator = (call) => {
  const to = codingOf(call, 0, 1, 'UINT8');
  const parts: { x: Tensor; coding: Coding }[] = [];
  for (let i = 2; i < call.inputs.length; i += 3) {
    const x = call.input(i);
    const coding = codingOf(call, i + 1, i + 2, x.dtype);
    expectCodes(x, coding);
    parts.push({ x, coding });
  }
  const first = parts[0]?.x.shape;
  if (first === undefined) throw new BnnqError('mismatch', 'nothing to join');
  const axis = axisOf(call.int('axis', 1), first.length);
  for (const { x } of parts)
    if (x.shape.length !== first.length || x.shape.some((dim, i) => i !== axis && dim !== first[i]))
      throw new BnnqError('mismatch', `cannot join [${x.shape}] and [${first}] along axis ${axis}`);
  const length = parts.reduce((sum, { x }) => sum + x.shape[axis]!, 0);
  const y = call.allocate(to.dtype, first.with(axis, length));
  const outer = sizeBetween(first, 0, axis);
  const inner = sizeBetween(first, axis + 1, first.length);
  const codes = y.data as Int8Array;
  let before = 0;
  for (const { x, coding } of parts) {
    const count = x.shape[axis]! * inner;
    const table = recoding(coding, to, (value) => value);
    const data = x.data as Int8Array;
    for (let o = 0; o < outer; o++) {
      const start = o * length * inner + before;
      for (let i = 0; i < count; i++) codes[start + i] = table[data[o * count + i]! & 255]!;
    }
    before += count;
  }
  return y;
};

/** Inputs X, x_scale, x_zero, y_scale, y_zero: the mean of each channel, [N,C,1,…] (or [N,1,…,C] with channels_last). */
const globalAveragePool: Operator = (call) => {
  const x = call.input(0);
  const from = codingOf(call, 1, 2, x.dtype);
  const to = codingOf(call, 3, 4, from.dtype);
  expectCodes(x, from);
  const rank = x.shape.length;
  const isLast = call.int('channels_last', 0) !== 0;
  const [batch = 0, channels = 0] = [x.shape[0], x.shape[isLast ? rank - 1 : 1]];
  const count = isLast ? sizeBetween(x.shape, 1, rank - 1) : sizeBetween(x.shape, 2, rank);
  const shape = x.shape.map((dim, axis) => (axis === 0 || axis === (isLast ? rank - 1 : 1) ? dim : 1));
  const y = call.allocate(to.dtype, shape);
  const [codes, means] = [x.data as Int8Array, y.data as Int8Array];
  const step = isLast ? channels : 1;
  for (let i = 0; i < batch * channels; i++) {
    const start = isLast ? Math.floor(i / channels) * count * channels + (i % channels) : i * count;
    let sum = -from.zero * count;
    for (let j = 0; j < count; j++) sum += codes[start + j * step]!;
    means[i] = encode((sum * from.scale) / count, to);
  }
  return y;
};

export const CODED_POINTWISE: OperatorTable = {
  QLinearAdd: { 1: combining((a, b) => a + b) },
  QLinearMul: { 1: combining((a, b) => a * b) },
  QLinearLeakyRelu: { 1: leakyRelu },
  QLinearSigmoid: { 1: byTable(() => sigmoid) },
  QLinearConcat: { 1: concat },
  QLinearGlobalAveragePool: { 1: globalAveragePool },
};
