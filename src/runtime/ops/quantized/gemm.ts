import { BnnqError } from '../../../errors.ts';
import { sizeOf, type Tensor } from '../../../tensor/tensor.ts';
import { broadcast, eachRun } from '../../broadcast.ts';
import type { Call, Operator } from '../../call.ts';
import { shapeText } from '../../shapes.ts';
import type { OperatorTable } from '../operator-table.ts';
import { codingOf } from './coding.ts';
import { operandsOf, sumsOf } from './matmul.ts';
import { requantize } from './requantize.ts';
import { single } from './zero-point.ts';

/** A [M,K] from its transpose. */
function transposed(x: Tensor): Tensor {
  const [rows = 0, columns = 0] = x.shape;
  const from = x.data as Int8Array;
  const data = from.slice();
  for (let r = 0, at = 0; r < rows; r++) for (let c = 0; c < columns; c++) data[c * rows + r] = from[at++]!;
  return { dtype: x.dtype, shape: [columns, rows], data };
}

/** Adds an INT32 bias that broadcasts to [M,N]. */
function addBias(sums: Tensor, bias: Tensor): void {
  const plan = broadcast(sums.shape, [bias.shape]);
  const step = plan.strides[0]!.at(-1)!;
  const [from, to] = [bias.data as Int32Array, sums.data as Int32Array];
  eachRun(plan, (at, [start = 0]) => {
    for (let i = 0; i < plan.dims.at(-1)!; i++) to[at + i] = to[at + i]! + from[start + i * step]!;
  });
}

/**
 * com.microsoft::QGemm: A, a_scale, a_zero, B, b_scale, b_zero, C (INT32, in units of a_scale·b_scale), y_scale, y_zero. Without
 * y_scale the result is FLOAT.
 */
const qGemm: Operator = (call) => {
  const [a, b] = [call.input(0), call.input(3)];
  if (a.shape.length !== 2 || b.shape.length !== 2)
    throw new BnnqError('mismatch', `cannot multiply ${shapeText(a.shape)} by ${shapeText(b.shape)}`);
  const left = call.int('transA', 0) !== 0 ? transposed(a) : a;
  const isTransposed = call.int('transB', 0) !== 0;
  const operands = operandsOf(left, call.optional(2), b, call.optional(5), isTransposed);
  const { m, n } = operands.pairs;
  const aScale = single(call.input(1), 'scales of rows') * call.float('alpha', 1);
  const bScale = call.input(4);
  if (sizeOf(bScale.shape) !== 1 && sizeOf(bScale.shape) !== n)
    throw new BnnqError('mismatch', `scales ${shapeText(bScale.shape)} for ${n} columns`);
  const bias = call.optional(6);
  const sums = sumsOf(call, operands);
  if (bias !== undefined) addBias(sums, bias);
  const y = call.optional(7) === undefined ? toFloats(call, sums, aScale, bScale, n) : undefined;
  if (y !== undefined) return y;
  const to = codingOf(call, 7, 8, a.dtype);
  const codes = call.allocate(to.dtype, sums.shape);
  const scales = bScale.data as Float32Array;
  const [from, made] = [sums.data as Int32Array, codes.data as Int8Array];
  const run = scales.length === 1 ? n : 1;
  for (let at = 0; at < m * n; at += run) {
    const scale = scales[scales.length === 1 ? 0 : at % n]!;
    const factor = Math.fround(Math.fround(aScale * scale) / to.scale);
    requantize(from, 0, factor, to.zero, to.dtype, made, at, run);
  }
  call.release(sums);
  return codes;
};

function toFloats(call: Call, sums: Tensor, aScale: number, bScale: Tensor, n: number): Tensor {
  const y = call.allocate('FLOAT', sums.shape);
  const scales = Float32Array.from(bScale.data as Float32Array, (scale) => aScale * scale);
  const [from, to] = [sums.data as Int32Array, y.data as Float32Array];
  for (let i = 0; i < to.length; i++)
    to[i] = Math.fround(from[i]!) * scales[scales.length === 1 ? 0 : i % n]!;
  call.release(sums);
  return y;
}

export const CODED_GEMM: OperatorTable = { QGemm: { 1: qGemm } };
