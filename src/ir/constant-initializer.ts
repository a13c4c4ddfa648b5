import type { Tensor } from '../tensor/tensor.ts';
import type { Initializer } from './graph.ts';

/** A constant that was computed, not read from a file. */
export function constantInitializer(name: string, tensor: Tensor): Initializer {
  const byteLength = Array.isArray(tensor.data) ? 0 : tensor.data.byteLength;
  return { name, dtype: tensor.dtype, shape: tensor.shape, byteLength, read: () => tensor };
}
