import { BnnqError } from '../../../errors.ts';
import { sizeOf, type Tensor } from '../../../tensor/tensor.ts';
import type { Call, Operator } from '../../call.ts';
import { shapeText } from '../../shapes.ts';
import { quantizeByRange } from '../dynamic-quantization.ts';
import type { OperatorTable } from '../operator-table.ts';
import { type Operands, operandsOf, sumsOf } from './matmul.ts';
import { single } from './zero-point.ts';

/**
 * Integer products that come out as floats, as onnxruntime's quantizer writes them (domain com.microsoft):
 * sum · (a_scale · b_scale) + bias, each step rounded to float32.
 */
function scaled(
  call: Call,
  operands: Operands,
  aScale: number,
  bScale: Tensor,
  bias: Tensor | undefined,
): Tensor {
  const { n, rights } = operands.pairs;
  const columns = sizeOf(bScale.shape);
  if (columns !== 1 && (columns !== n || rights !== 1))
    throw new BnnqError(
      'unsupported',
      `scales ${shapeText(bScale.shape)} for ${rights} matrices of ${n} columns`,
    );
  if (bias !== undefined && sizeOf(bias.shape) !== n)
    throw new BnnqError('mismatch', `a bias ${shapeText(bias.shape)} for ${n} columns`);
  const sums = sumsOf(call, operands);
  const y = call.allocate('FLOAT', sums.shape);
  const factors = Float32Array.from(bScale.data as Float32Array, (scale) => aScale * scale);
  const shift = bias?.data as Float32Array | undefined;
  const from = sums.data as Int32Array;
  const to = y.data as Float32Array;
  for (let i = 0, column = 0; i < to.length; i++, column = column + 1 === n ? 0 : column + 1) {
    const product = Math.fround(Math.fround(from[i]!) * factors[columns === 1 ? 0 : column]!);
    to[i] = shift === undefined ? product : product + shift[column]!;
  }
  call.release(sums);
  return y;
}

/** Inputs A, B, a_scale, b_scale, a_zero, b_zero, bias. */
const matMulIntegerToFloat: Operator = (call) => {
  const operands = operandsOf(call.input(0), call.optional(4), call.input(1), call.optional(5));
  const aScale = single(call.input(2), 'scales of rows');
  return scaled(call, operands, aScale, call.input(3), call.optional(6));
};

/** Inputs A (floats), B, b_scale, b_zero, bias: A is brought to UINT8 by its own range first. */
const dynamicQuantizeMatMul: Operator = (call) => {
  const a = call.input(0);
  const codes = call.allocate('UINT8', a.shape);
  const { scale, zero } = quantizeByRange(call.kernels, a.data as Float32Array, codes.data as Uint8Array);
  const aZero: Tensor = { dtype: 'UINT8', shape: [], data: Uint8Array.of(zero) };
  const operands = operandsOf(codes, aZero, call.input(1), call.optional(3));
  const y = scaled(call, operands, scale, call.input(2), call.optional(4));
  call.release(codes);
  return y;
};

export const PRODUCTS_TO_FLOAT: OperatorTable = {
  MatMulIntegerToFloat: { 1: matMulIntegerToFloat },
  DynamicQuantizeMatMul: { 1: dynamicQuantizeMatMul },
};
