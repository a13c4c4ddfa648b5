import { sizeOf } from '../../../tensor/tensor.ts';
import type { Operator } from '../../call.ts';
import type { OperatorTable } from '../operator-table.ts';
import { sectionsOf, softmaxDouble } from '../softmax.ts';
import { codedValues, codingOf, encode, expectCodes } from './coding.ts';

/**
 * Inputs X, x_scale, x_zero, y_scale, y_zero; `opset` is that of the Softmax that was quantized, which says what `axis`
 * means. The softmax in float64 of the numbers that the codes stand for, and the code of the result: onnxruntime takes
 * ⌊1 ÷ y_scale⌋ steps for 1, and so does this. Domain com.microsoft; source: onnxruntime, docs/ContribOperators.md.
 */
const softmax: Operator = (call) => {
  const x = call.input(0);
  const from = codingOf(call, 1, 2, x.dtype);
  const to = codingOf(call, 3, 4, from.dtype);
  expectCodes(x, from);
  const y = call.allocate(to.dtype, x.shape);
  const values = codedValues(from);
  const numbers = new Float64Array(sizeOf(x.shape));
  const codes = x.data as Int8Array;
  for (let i = 0; i < numbers.length; i++) numbers[i] = values[codes[i]! & 255]!;
  softmaxDouble(numbers, numbers, sectionsOf(call, x, call.int('opset', 13)), false);
  const steps = Math.floor(Math.fround(1 / to.scale));
  const made = y.data as Int8Array;
  for (let i = 0; i < made.length; i++) made[i] = encode(numbers[i]! * steps, { ...to, scale: 1 });
  return y;
};

export const CODED_SOFTMAX: OperatorTable = { QLinearSoftmax: { 1: softmax } };
