import { BnnqError } from '../../errors.ts';
import { type DataType, dataTypeOf } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { axisOf, sizeBetween } from '../shapes.ts';
import { roundHalfEven } from './arithmetic.ts';
import type { OperatorTable } from './operator-table.ts';

/** Smallest and largest value of the integer types that are quantized to. */
const LIMITS: Partial<Record<DataType, readonly [number, number]>> = {
  INT8: [-128, 127],
  UINT8: [0, 255],
  INT16: [-32768, 32767],
  UINT16: [0, 65535],
  INT4: [-8, 7],
  UINT4: [0, 15],
  INT2: [-2, 1],
  UINT2: [0, 3],
};

/** Which scale each element takes: one for all, one a position of the axis, or one a block of positions. */
function scaleIndex(call: Call, x: Tensor, scale: Tensor): (i: number) => number {
  if (scale.data.length === 1) return () => 0;
  const axis = axisOf(call.int('axis', 1), x.shape.length);
  const block = call.int('block_size', 0);
  const inner = sizeBetween(x.shape, axis + 1, x.shape.length);
  const length = x.shape[axis]!;
  if (block === 0) return (i) => Math.floor(i / inner) % length;
  const blocks = Math.ceil(length / block);
  return (i) => {
    const outer = Math.floor(i / (inner * length));
    const position = Math.floor(i / inner) % length;
    return (outer * blocks + Math.floor(position / block)) * inner + (i % inner);
  };
}

/** clamp(round(x / scale) + zero point), the division in float32, ties to even. */
const quantizeLinear: Operator = (call) => {
  const x = call.input(0);
  const scale = call.input(1);
  const zero = call.optional(2);
  const named = dataTypeOf(call.int('output_dtype', 0));
  const dtype = zero?.dtype ?? named ?? 'UINT8';
  const limits = LIMITS[dtype];
  if (limits === undefined) throw new BnnqError('unsupported', `quantization to ${dtype}`);
  const y = call.allocate(dtype, x.shape);
  const at = scaleIndex(call, x, scale);
  const from = x.data as Float32Array;
  const scales = scale.data as Float32Array;
  const zeros = zero?.data as Int8Array | undefined;
  const to = y.data as Int8Array;
  const [low, high] = limits;
  for (let i = 0; i < to.length; i++) {
    const s = at(i);
    const value = roundHalfEven(Math.fround(from[i]! / scales[s]!)) + (zeros?.[s] ?? 0);
    to[i] = Math.min(high, Math.max(low, value));
  }
  return y;
};

/** (x − zero point)·scale. */
const dequantizeLinear: Operator = (call) => {
  const x = call.input(0);
  const scale = call.input(1);
  const zero = call.optional(2);
  if (LIMITS[x.dtype] === undefined && x.dtype !== 'INT32')
    throw new BnnqError('unsupported', `dequantization of ${x.dtype}`);
  const y = call.allocate(scale.dtype, x.shape);
  const at = scaleIndex(call, x, scale);
  const from = x.data as Int8Array;
  const scales = scale.data as Float32Array;
  const zeros = zero?.data as Int8Array | undefined;
  const to = y.data as Float32Array;
  for (let i = 0; i < to.length; i++) {
    const s = at(i);
    to[i] = (from[i]! - (zeros?.[s] ?? 0)) * scales[s]!;
  }
  return y;
};

export const QUANTIZATIONS: OperatorTable = {
  QuantizeLinear: { 10: quantizeLinear },
  DequantizeLinear: { 10: dequantizeLinear },
};
