import type { Kernels } from '../../kernels/contract.ts';
import type { ValueRange } from '../../kernels/integer/contract.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Operator } from '../call.ts';
import type { OperatorTable } from './operator-table.ts';
import { roundBounded } from './quantization.ts';

/**
 * Scale and zero point of UINT8 codes for values of that range, both float32, as DynamicQuantizeLinear of ONNX chooses them. Where
 * there is nothing but zeros the scale is 1, as in onnxruntime (the documentation's formula would divide by 0). A range that
 * float32 cannot hold has the scale Infinity, and the zero point 0.
 */
export function dynamicGrid({ least, most }: ValueRange): { scale: number; zero: number } {
  const scale = most === least ? 1 : Math.fround(Math.fround(most - least) / 255);
  if (!Number.isFinite(scale)) return { scale, zero: 0 };
  const zero = scale === 0 ? 0 : Math.fround(-Math.fround(least / scale));
  return { scale, zero: roundBounded(Math.min(255, Math.max(0, zero))) };
}

/** Writes the UINT8 codes of values by the scale and zero point of their own range, and gives these back. */
export function quantizeByRange(
  kernels: Kernels,
  from: Float32Array,
  to: Uint8Array,
): { scale: number; zero: number } {
  const { scale, zero } = dynamicGrid(kernels.valueRange(from));
  for (let i = 0; i < to.length; i++) {
    const value = Math.fround(from[i]! / scale);
    to[i] = roundBounded(Math.min(255 - zero, Math.max(-zero, value))) + zero;
  }
  return { scale, zero };
}

/** To UINT8 with the scale and zero point of the data's own range, which is widened to include 0. */
const dynamicQuantizeLinear: Operator = (call) => {
  const x = call.input(0);
  const y = call.allocate('UINT8', x.shape);
  const { scale, zero } = quantizeByRange(call.kernels, x.data as Float32Array, y.data as Uint8Array);
  const scaleTensor: Tensor = { dtype: 'FLOAT', shape: [], data: Float32Array.of(scale) };
  return [y, scaleTensor, { dtype: 'UINT8', shape: [], data: Uint8Array.of(zero) }];
};

export const DYNAMIC_QUANTIZATIONS: OperatorTable = {
  DynamicQuantizeLinear: { 11: dynamicQuantizeLinear },
};
