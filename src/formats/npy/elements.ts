import { byteLengthOf, type DataType } from '../../tensor/dtype.ts';
import { arrayClassOf, type NumericArray } from '../../tensor/tensor.ts';

/** A copy of stored elements as a typed array of the machine's (little-endian) byte order. The length must be whole elements. */
export function elementsOf(bytes: Uint8Array, dtype: DataType, order: 'little' | 'big'): NumericArray {
  const copy = new Uint8Array(bytes); // aligned, and never the caller's
  const width = byteLengthOf(dtype, 1);
  if (order === 'big' && width > 1)
    for (let i = 0; i < copy.length; i += width) copy.subarray(i, i + width).reverse();
  const arrayOver = arrayClassOf(dtype) as unknown as new (buffer: ArrayBufferLike) => NumericArray;
  return new arrayOver(copy.buffer);
}
