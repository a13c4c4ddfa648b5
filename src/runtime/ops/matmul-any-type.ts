import type { NumericArray, Tensor } from '../../tensor/tensor.ts';
import { isBig } from './elementwise.ts';

/** Σ left[p + j]·right[q + j·step] over j < k. */
type Dot<Data> = (left: Data, p: number, right: Data, q: number, k: number, step: number) => number | bigint;

/** Matrix products for the types that have no kernel: y [count, m, n] from the matrices that start at the given offsets. */
export function matmulAnyType(
  a: Tensor,
  b: Tensor,
  y: Tensor,
  startsA: readonly number[],
  startsB: readonly number[],
  m: number,
  k: number,
  n: number,
): void {
  const isWord = a.dtype === 'INT32' || a.dtype === 'UINT32';
  const dot = (isBig(a.dtype) ? dotOfBig : isWord ? dotOfWords : dotOfNumbers) as Dot<NumericArray>;
  const [left, right] = [a.data as NumericArray, b.data as NumericArray];
  const sums = y.data as Float64Array;
  startsA.forEach((startA, i) => {
    for (let row = 0; row < m; row++)
      for (let column = 0; column < n; column++)
        sums[(i * m + row) * n + column] = dot(
          left,
          startA + row * k,
          right,
          startsB[i]! + column,
          k,
          n,
        ) as number;
  });
}

/** Summed in float64; rounded or wrapped once, where it is stored. */
const dotOfNumbers: Dot<Float64Array> = (left, p, right, q, k, step) => {
  let sum = 0;
  for (let j = 0; j < k; j++) sum += left[p + j]! * right[q + j * step]!;
  return sum;
};

/** Of 32-bit integers, wrapped around: float64 would not hold their products. */
const dotOfWords: Dot<Int32Array> = (left, p, right, q, k, step) => {
  let sum = 0;
  for (let j = 0; j < k; j++) sum = (sum + Math.imul(left[p + j]!, right[q + j * step]!)) | 0;
  return sum;
};

const dotOfBig: Dot<BigInt64Array> = (left, p, right, q, k, step) => {
  let sum = 0n;
  for (let j = 0; j < k; j++) sum += left[p + j]! * right[q + j * step]!;
  return sum;
};
