import { BnnqError } from '../../../errors.ts';
import type { DataType } from '../../../tensor/dtype.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import type { Call } from '../../call.ts';
import { INTEGER_RANGE, roundBounded } from '../quantization.ts';
import { single } from './zero-point.ts';

/** How the 8-bit codes of a tensor stand for numbers: (code − zero)·scale. */
export interface Coding {
  readonly dtype: 'INT8' | 'UINT8';
  readonly scale: number;
  readonly zero: number;
}

/**
 * The coding whose scale and zero point are two operands, for codes of a type.
 * @param zeroAt input of the zero point; where it is absent the type is `fallback` and the zero point 0
 */
export function codingOf(call: Call, scaleAt: number, zeroAt: number, fallback: DataType): Coding {
  const zero = call.optional(zeroAt);
  const dtype = zero?.dtype ?? fallback;
  if (dtype !== 'INT8' && dtype !== 'UINT8')
    throw new BnnqError('unsupported', `8-bit arithmetic on type ${dtype}`);
  return {
    dtype,
    scale: single(call.input(scaleAt), 'scales'),
    zero: zero === undefined ? 0 : single(zero, 'zero points'),
  };
}

/** The numbers that the 256 codes stand for, float32, by the low 8 bits of the code. */
export function codedValues({ dtype, scale, zero }: Coding): Float32Array {
  const [least] = INTEGER_RANGE[dtype]!;
  const values = new Float32Array(256);
  for (let i = 0; i < 256; i++) values[(least + i) & 255] = (least + i - zero) * scale;
  return values;
}

/** The code of a number: saturate(round(value ÷ scale) + zero), the quotient in float32, ties to even. */
export function encode(value: number, { dtype, scale, zero }: Coding): number {
  const [least, most] = INTEGER_RANGE[dtype]!;
  const quotient = Math.fround(value / scale);
  return roundBounded(Math.min(most - zero, Math.max(least - zero, quotient))) + zero;
}

/** Throws unless the tensor's elements are of the coding's type. */
export function expectCodes(tensor: Tensor, { dtype }: Coding): void {
  if (tensor.dtype !== dtype)
    throw new BnnqError('mismatch', `elements of type ${tensor.dtype} with a zero point of type ${dtype}`);
}
