import { BnnqError } from '../errors.ts';
import { numberToBfloat16, numberToFloat16 } from '../tensor/float16.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Initializer } from './graph.ts';
import { dequantize, payloadBytes, type QuantizedTensor } from './quantized-tensor.ts';

/**
 * The initializer of a discretized weight. Its codes are the truth; `read` gives their levels in the type of the weight
 * that they replace, rounded to it from float32.
 */
export function quantizedInitializer(name: string, quantized: QuantizedTensor): Initializer {
  const { codes, levels } = payloadBytes(quantized);
  return {
    name,
    dtype: quantized.dtype,
    shape: quantized.shape,
    byteLength: codes + levels,
    quantized,
    read: () => levelsTensor(name, quantized),
  };
}

function levelsTensor(name: string, quantized: QuantizedTensor): Tensor {
  const { dtype, shape } = quantized;
  const values = dequantize(quantized);
  switch (dtype) {
    case 'FLOAT':
      return { dtype, shape, data: values };
    case 'DOUBLE':
      return { dtype, shape, data: Float64Array.from(values) };
    case 'FLOAT16':
      return { dtype, shape, data: Uint16Array.from(values, numberToFloat16) };
    case 'BFLOAT16':
      return { dtype, shape, data: Uint16Array.from(values, numberToBfloat16) };
    default:
      throw new BnnqError(
        'unsupported',
        `initializer "${name}": a weight of type ${dtype} cannot be discretized`,
        {
          tensor: name,
        },
      );
  }
}
