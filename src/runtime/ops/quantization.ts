import { BnnqError } from '../../errors.ts';
import { type DataType, dataTypeOf } from '../../tensor/dtype.ts';
import { isNarrowFloat, narrowFloatValues, numberToNarrowFloat } from '../../tensor/narrow-float.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { declaredType } from '../declared-type.ts';
import { axisOf, sameShape, shapeText, sizeBetween } from '../shapes.ts';
import { halfRounding } from '../widen.ts';
import type { Unary } from './elementwise.ts';
import type { OperatorTable } from './operator-table.ts';

/** Smallest and largest value of the integer types that are quantized to. */
export const INTEGER_RANGE: Partial<Record<DataType, readonly [number, number]>> = {
  INT8: [-128, 127],
  UINT8: [0, 255],
  INT16: [-32768, 32767],
  UINT16: [0, 65535],
  INT4: [-8, 7],
  UINT4: [0, 15],
  INT2: [-2, 1],
  UINT2: [0, 3],
};

/** Added and taken off again, it rounds a float64 below 2^51 to a whole number, ties to even. */
const ROUNDING = 1.5 * 2 ** 52;

/** The nearest whole number of a value that lies between two whole numbers that are not large, ties to even. */
export function roundBounded(value: number): number {
  return value + ROUNDING - ROUNDING;
}

/**
 * How scales lie along a tensor [outer, length, inner]: position l of slice o takes scales from `o·outerStep +
 * ⌊l ÷ block⌋·blockStep` on, one for all its inner elements (`innerStep` 0) or one each (1).
 */
interface ScaleLayout {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
  readonly block: number;
  readonly outerStep: number;
  readonly blockStep: number;
  readonly innerStep: 0 | 1;
}

/** One scale for all, one a position of the axis, or one a block of positions. */
function scaleLayout(call: Call, x: readonly number[], scale: readonly number[], count: number): ScaleLayout {
  const rank = x.length;
  const misfit = (): BnnqError =>
    new BnnqError('mismatch', `scales of shape ${shapeText(scale)} do not fit a tensor ${shapeText(x)}`);
  const block = call.int('block_size', 0);
  if (count === 1 && (scale.length < 2 || block === 0))
    return {
      outer: 1,
      length: 1,
      inner: sizeBetween(x, 0, rank),
      block: 1,
      outerStep: 0,
      blockStep: 0,
      innerStep: 0,
    };
  const axis = rank === 1 ? 0 : axisOf(call.int('axis', 1), rank);
  const outer = sizeBetween(x, 0, axis);
  const length = x[axis] ?? 1;
  const inner = sizeBetween(x, axis + 1, rank);
  if (scale.length === 1 && block === 0) {
    if (count !== length) throw misfit();
    return { outer, length, inner, block: 1, outerStep: 0, blockStep: 1, innerStep: 0 };
  }
  if (block < 1) throw misfit();
  const blocks = Math.ceil(length / block);
  if (!sameShape(scale, x.with(axis, blocks))) throw misfit();
  return { outer, length, inner, block, outerStep: blocks * inner, blockStep: inner, innerStep: 1 };
}

/** Calls `row(start, count, scale)` for every run of elements of one position: where it starts, and where its scales do. */
function eachRow(layout: ScaleLayout, row: (start: number, count: number, scale: number) => void): void {
  const { outer, length, inner, block, outerStep, blockStep } = layout;
  let start = 0;
  for (let o = 0; o < outer; o++)
    for (let l = 0; l < length; l++, start += inner)
      row(start, inner, o * outerStep + Math.floor(l / block) * blockStep);
}

/** The elements as numbers; FLOAT8 and FLOAT4 by their values. */
function valuesOf(tensor: Tensor): Float32Array {
  if (!isNarrowFloat(tensor.dtype)) return tensor.data as Float32Array;
  const values = narrowFloatValues(tensor.dtype);
  return Float32Array.from(tensor.data as Uint8Array, (code) => values[code]!);
}

function zerosOf(call: Call, scale: Tensor): Float32Array | undefined {
  const zero = call.optional(2);
  if (zero === undefined) return undefined;
  if (zero.data.length !== scale.data.length)
    throw new BnnqError(
      'mismatch',
      `zero points of shape ${shapeText(zero.shape)} for scales of shape ${shapeText(scale.shape)}`,
    );
  return valuesOf(zero);
}

/** What operands and result of the division are rounded to: attribute `precision`, else the type of the scale. */
function divisionRounding(call: Call): Unary {
  return halfRounding(dataTypeOf(call.int('precision', 0)) ?? declaredType(call, 1)) ?? Math.fround;
}

/** saturate(round(x ÷ scale) + zero point), the quotient in the precision of the scale, ties to even. */
const quantizeLinear: Operator = (call) => {
  const x = call.input(0);
  const scale = call.input(1);
  const zero = call.optional(2);
  const named = dataTypeOf(call.int('output_dtype', 0));
  const dtype = zero?.dtype ?? named ?? 'UINT8';
  if (named !== undefined && named !== dtype)
    throw new BnnqError('mismatch', `output_dtype is ${named}, the zero point of type ${dtype}`);
  const range = INTEGER_RANGE[dtype];
  if (range === undefined && (!isNarrowFloat(dtype) || dtype === 'FLOAT8E8M0'))
    throw new BnnqError('unsupported', `quantization to ${dtype}`);
  const y = call.allocate(dtype, x.shape);
  const scales = valuesOf(scale);
  const layout = scaleLayout(call, x.shape, scale.shape, scales.length);
  const zeros = zerosOf(call, scale);
  const from = valuesOf(x);
  const to = y.data as Int8Array;
  const round = divisionRounding(call);
  const quotient = (value: number, by: number): number => round(round(value) / round(by));
  const { innerStep } = layout;
  if (range === undefined) {
    const saturate = call.int('saturate', 1) !== 0;
    eachRow(layout, (start, count, s) => {
      for (let i = 0; i < count; i++) {
        const at = s + i * innerStep;
        const value = round(quotient(from[start + i]!, scales[at]!) + (zeros?.[at] ?? 0));
        to[start + i] = numberToNarrowFloat(value, dtype, saturate);
      }
    });
    return y;
  }
  const [least, most] = range;
  eachRow(layout, (start, count, s) => {
    for (let i = 0; i < count; i++) {
      const at = s + i * innerStep;
      const shift = zeros?.[at] ?? 0;
      const value = quotient(from[start + i]!, scales[at]!);
      // The bounds are whole, so that clamping first gives the same and keeps the sum small.
      const clamped = Math.min(most - shift, Math.max(least - shift, value));
      to[start + i] = roundBounded(clamped) + shift;
    }
  });
  return y;
};

/** (x − zero point)·scale, a difference of INT32 rounded to float32 first. */
const dequantizeLinear: Operator = (call) => {
  const x = call.input(0);
  const scale = call.input(1);
  if (INTEGER_RANGE[x.dtype] === undefined && x.dtype !== 'INT32' && !isNarrowFloat(x.dtype))
    throw new BnnqError('unsupported', `dequantization of ${x.dtype}`);
  const dtype = dataTypeOf(call.int('output_dtype', 0)) ?? scale.dtype;
  if (dtype !== 'FLOAT' && dtype !== 'FLOAT16' && dtype !== 'BFLOAT16')
    throw new BnnqError('unsupported', `dequantization to ${dtype}`);
  const y = call.allocate('FLOAT', x.shape);
  const scales = valuesOf(scale);
  const layout = scaleLayout(call, x.shape, scale.shape, scales.length);
  const zeros = zerosOf(call, scale);
  const from = valuesOf(x);
  const to = y.data as Float32Array;
  const { innerStep } = layout;
  eachRow(layout, (start, count, s) => {
    for (let i = 0; i < count; i++) {
      const at = s + i * innerStep;
      to[start + i] = Math.fround(from[start + i]! - (zeros?.[at] ?? 0)) * scales[at]!;
    }
  });
  return y;
};

export const QUANTIZATIONS: OperatorTable = {
  QuantizeLinear: { 10: quantizeLinear },
  DequantizeLinear: { 10: dequantizeLinear },
};

/** The same operators under the name that onnxruntime's quantizer gives them for 16 and 4 bits before opset 21. */
export const MICROSOFT_QUANTIZATIONS: OperatorTable = {
  QuantizeLinear: { 1: quantizeLinear },
  DequantizeLinear: { 1: dequantizeLinear },
};
