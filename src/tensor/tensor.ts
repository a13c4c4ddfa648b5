import { BnnqError } from '../errors.ts';
import type { DataType } from './dtype.ts';

export type NumericArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/**
 * Elements in row-major order, one array element each. FLOAT16 and BFLOAT16 are held as their bit patterns
 * (Uint16Array), FLOAT8 kinds as bytes (Uint8Array), BOOL as 0/1 (Uint8Array), INT4/INT2 as Int8Array, UINT4/UINT2 as
 * Uint8Array, COMPLEX as interleaved pairs, STRING as an array of strings.
 */
export interface Tensor {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly data: NumericArray | string[];
}

/** Number of elements of a shape; 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (const dim of shape) size *= dim;
  return size;
}

type ArrayMaker = new (length: number) => NumericArray;

const ARRAYS: Partial<Record<DataType, ArrayMaker>> = {
  FLOAT: Float32Array,
  DOUBLE: Float64Array,
  INT8: Int8Array,
  UINT8: Uint8Array,
  INT16: Int16Array,
  UINT16: Uint16Array,
  INT32: Int32Array,
  UINT32: Uint32Array,
  INT64: BigInt64Array,
  UINT64: BigUint64Array,
  BOOL: Uint8Array,
  FLOAT16: Uint16Array,
  BFLOAT16: Uint16Array,
  FLOAT8E4M3FN: Uint8Array,
  FLOAT8E4M3FNUZ: Uint8Array,
  FLOAT8E5M2: Uint8Array,
  FLOAT8E5M2FNUZ: Uint8Array,
  FLOAT8E8M0: Uint8Array,
  FLOAT4E2M1: Uint8Array,
  UINT4: Uint8Array,
  INT4: Int8Array,
  UINT2: Uint8Array,
  INT2: Int8Array,
};

/** The typed-array class that holds elements of this type. STRING and COMPLEX have none. */
export function arrayClassOf(dtype: DataType): ArrayMaker {
  const maker = ARRAYS[dtype];
  if (maker === undefined)
    throw new BnnqError('unsupported', `tensors of type ${dtype} cannot be computed with`);
  return maker;
}

/** A new tensor of zeros. */
export function zeros(dtype: DataType, shape: readonly number[]): Tensor {
  return { dtype, shape, data: new (arrayClassOf(dtype))(sizeOf(shape)) };
}

/** A FLOAT tensor over the given elements, row-major; their number must equal the product of `shape`. */
export function floats(shape: readonly number[], data: Float32Array | readonly number[]): Tensor {
  if (data.length !== sizeOf(shape))
    throw new BnnqError(
      'mismatch',
      `tensor of shape [${shape.join(',')}] needs ${sizeOf(shape)} elements, got ${data.length}`,
    );
  return { dtype: 'FLOAT', shape, data: data instanceof Float32Array ? data : Float32Array.from(data) };
}

/** The elements of a FLOAT tensor; throws for any other type. */
export function floatData(tensor: Tensor): Float32Array {
  if (tensor.data instanceof Float32Array && tensor.dtype === 'FLOAT') return tensor.data;
  throw new BnnqError('mismatch', `expected a FLOAT tensor, got ${tensor.dtype}`);
}
