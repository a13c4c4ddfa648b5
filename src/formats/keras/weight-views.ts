import { BnnqError } from '../../errors.ts';
import type { Initializer } from '../../ir/graph.ts';
import { byteLengthOf } from '../../tensor/dtype.ts';
import { bfloat16ToNumber, float16ToNumber } from '../../tensor/float16.ts';
import { floatData, sizeOf, type Tensor } from '../../tensor/tensor.ts';

/** A constant that is at hand. */
export function constant(name: string, tensor: Tensor): Initializer {
  const byteLength = byteLengthOf(tensor.dtype, sizeOf(tensor.shape));
  return { name, dtype: tensor.dtype, shape: tensor.shape, byteLength, read: () => tensor };
}

/** A FLOAT constant whose elements are made when they are asked for. */
export function lazyFloats(shape: readonly number[], make: () => Float32Array): Initializer {
  return {
    name: '',
    dtype: 'FLOAT',
    shape,
    byteLength: byteLengthOf('FLOAT', sizeOf(shape)),
    read: () => ({ dtype: 'FLOAT', shape, data: make() }),
  };
}

/** The weight as FLOAT: files of float16, bfloat16 and float64 networks are computed as FLOAT here. */
export function asFloat(weight: Initializer): Initializer {
  const { dtype } = weight;
  if (dtype === 'FLOAT') return weight;
  const widen = WIDEN[dtype];
  if (widen === undefined)
    throw new BnnqError(
      'malformed',
      `keras: weight "${weight.name}" is ${dtype}, expected a floating-point type`,
      {
        tensor: weight.name,
      },
    );
  return lazyFloats(weight.shape, () => Float32Array.from(weight.read().data as Uint16Array, widen));
}

const WIDEN: Readonly<Record<string, (element: number) => number>> = {
  FLOAT16: float16ToNumber,
  BFLOAT16: bfloat16ToNumber,
  DOUBLE: Math.fround,
};

/**
 * A FLOAT weight with its axes in another order, transposed when it is read.
 * @param dims how the elements are seen before; their product is that of the weight's shape
 * @param perm axis i of the result is axis perm[i] of `dims`
 * @param shape what the result is called after; the permuted dims where absent
 */
export function transposed(
  weight: Initializer,
  dims: readonly number[],
  perm: readonly number[],
  shape: readonly number[] = perm.map((axis) => dims[axis]!),
): Initializer {
  if (perm.every((axis, i) => axis === i)) return reshaped(weight, shape);
  return lazyFloats(shape, () => transpose(floatData(weight.read()), dims, perm));
}

/** The same elements in another shape. */
export function reshaped(weight: Initializer, shape: readonly number[]): Initializer {
  const { name, dtype, byteLength } = weight;
  return { name, dtype, shape, byteLength, read: () => ({ ...weight.read(), shape }) };
}

function transpose(data: Float32Array, dims: readonly number[], perm: readonly number[]): Float32Array {
  const strides = new Array<number>(dims.length).fill(1);
  for (let axis = dims.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * dims[axis + 1]!;
  const sizes = perm.map((axis) => dims[axis]!);
  const steps = perm.map((axis) => strides[axis]!);
  const result = new Float32Array(data.length);
  const index = new Array<number>(sizes.length).fill(0);
  const last = sizes.length - 1;
  for (let at = 0, from = 0; at < result.length; ) {
    for (let i = 0; i < sizes[last]!; i++) result[at++] = data[from + i * steps[last]!]!;
    for (let axis = last - 1; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++index[axis]! < sizes[axis]!) break;
      from -= steps[axis]! * sizes[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}
