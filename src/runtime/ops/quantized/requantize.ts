import type { DataType } from '../../../tensor/dtype.ts';
import { INTEGER_RANGE, roundBounded } from '../quantization.ts';

/**
 * y = saturate(round(sum · factor) + zero), as onnxruntime has it: the sum rounded to float32, the product too, ties to
 * even. Elements `start … start + count` of the sums and of y.
 */
export function requantize(
  sums: Int32Array | Float32Array,
  bias: number,
  factor: number,
  zero: number,
  dtype: DataType,
  y: Int8Array | Uint8Array,
  start: number,
  count: number,
): void {
  const [least, most] = INTEGER_RANGE[dtype]!;
  const low = least - zero;
  const high = most - zero;
  for (let i = start; i < start + count; i++) {
    const value = Math.fround(Math.fround((sums[i]! + bias) | 0) * factor);
    y[i] = roundBounded(Math.min(high, Math.max(low, value))) + zero;
  }
}
