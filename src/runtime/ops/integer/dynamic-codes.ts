import type { Tensor } from '../../../tensor/tensor.ts';
import type { Operator } from '../../call.ts';
import { dynamicGrid } from '../dynamic-quantization.ts';
import { codesOf } from './codes.ts';

/**
 * bnnq.DynamicCodes: codes, scale and zero. Of a scale that is 0 (the range is below the smallest float32) or infinite all codes are the
 * zero: so what layers make of them is 0, or NaN, as it is in float.
 */
export const dynamicCodes: Operator = (call) => {
  const x = call.input(0);
  const { scale, zero } = dynamicGrid(call.kernels.valueRange(x.data as Float32Array));
  const isUsable = scale > 0 && Number.isFinite(scale);
  const codes = codesOf(call, x, { scale: isUsable ? scale : 1, zero, high: 255, rounds: 'quotient' });
  if (!isUsable) codes.data.fill(zero as never);
  const scaleTensor: Tensor = { dtype: 'FLOAT', shape: [], data: Float32Array.of(scale) };
  return [codes, scaleTensor, { dtype: 'UINT8', shape: [], data: Uint8Array.of(zero) }];
};
