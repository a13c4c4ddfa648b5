import { BnnqError } from '../../../errors.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import { shapeText } from '../../shapes.ts';

/**
 * Products of 8-bit integers on the float32 kernels. A product (a − a₀)(b − b₀) is a whole number of at most 16 bits, and
 * a float32 sum of whole numbers is exact, in any order, as long as no partial sum can exceed 2^24. So a sum is cut into
 * chunks that keep Σ |a||b| below that bound, and the chunks are added as int32, which wraps around as two's complement.
 */
export const EXACT_SUM: number = 2 ** 24;

/**
 * The zero points of an 8-bit operand: one, or one a row or channel; 0 where there are none.
 * @throws unsupported for other element types
 */
export function zerosOf(tensor: Tensor, zero: Tensor | undefined): readonly number[] {
  if (tensor.dtype !== 'INT8' && tensor.dtype !== 'UINT8')
    throw new BnnqError('unsupported', `integer products of elements of type ${tensor.dtype}`);
  if (zero !== undefined && zero.dtype !== tensor.dtype)
    throw new BnnqError('mismatch', `zero point of type ${zero.dtype} for elements of type ${tensor.dtype}`);
  return zero === undefined ? [0] : Array.from(zero.data as Int8Array);
}

/** The largest |element − zero point| that any 8-bit operand may have. */
export const LARGEST_BYTE = 255;

/** The only number of a scale or zero point that holds for the whole tensor. */
export function single(tensor: Tensor, what: string): number {
  if (tensor.data.length !== 1)
    throw new BnnqError('unsupported', `${what} of shape ${shapeText(tensor.shape)}, expected one`);
  return Number(tensor.data[0]);
}
