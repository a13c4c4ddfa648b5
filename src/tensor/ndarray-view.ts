import ndarray, { type NdArray, type TypedArray } from 'ndarray';
import { BnnqError } from '../errors.ts';
import type { Tensor } from './tensor.ts';

/** What ndarray's types know as arrays of numbers; they leave 64-bit integers over shared memory out. */
type ViewedArray = TypedArray | BigInt64Array<ArrayBuffer> | BigUint64Array<ArrayBuffer>;

/**
 * A tensor seen as an ndarray, for slicing, transposing and indexing: the same elements, no copy, so that writing to
 * one writes to the other. Types that are held as bit patterns (FLOAT16 and narrower) show these.
 * @throws unsupported for STRING
 */
export function ndarrayOf(tensor: Tensor): NdArray<ViewedArray> {
  if (Array.isArray(tensor.data))
    throw new BnnqError('unsupported', `tensor of type ${tensor.dtype} has no array of numbers to view`);
  return ndarray(tensor.data as ViewedArray, [...tensor.shape]);
}
