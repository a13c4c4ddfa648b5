import type { DataType } from '../../../../src/tensor/dtype.ts';
import { sizeOf, type Tensor, zeros } from '../../../../src/tensor/tensor.ts';
import { generator } from '../../random.ts';

/** Elements over the whole range of an integer type. */
export function wholeRange(dtype: DataType, shape: readonly number[], seed: number): Tensor {
  const tensor = zeros(dtype, shape);
  const next = generator(seed);
  const [least, count] = dtype === 'INT32' ? [-3000, 6000] : [dtype.startsWith('U') ? 0 : -128, 256];
  for (let i = 0; i < sizeOf(shape); i++) (tensor.data as Int8Array)[i] = Math.floor(next() * count) + least;
  return tensor;
}

/** Scales around `size`, not powers of two. */
export function scales(
  count: number,
  size: number,
  seed: number,
  shape: readonly number[] = [count],
): Tensor {
  const next = generator(seed);
  return {
    dtype: 'FLOAT',
    shape,
    data: Float32Array.from({ length: count }, () => size * (0.6 + 0.8 * next())),
  };
}

/** One element of an integer type. */
export function one(dtype: DataType, value: number): Tensor {
  const tensor = zeros(dtype, []);
  (tensor.data as Int8Array)[0] = value;
  return tensor;
}
