import type { Tensor } from '../../tensor/tensor.ts';
import { isBig } from './elementwise.ts';

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
  const multiply = isBig(a.dtype) ? multiplyBig : isWord ? multiplyWords : multiplyNumbers;
  startsA.forEach((startA, i) => {
    for (let row = 0; row < m; row++)
      for (let column = 0; column < n; column++)
        multiply(a, b, y, startA + row * k, startsB[i]! + column, (i * m + row) * n + column, k, n);
  });
}

/** y[at] = Σ a[p + j]·b[q + j·step], summed in float64 and rounded or wrapped once. */
function multiplyNumbers(
  a: Tensor,
  b: Tensor,
  y: Tensor,
  p: number,
  q: number,
  at: number,
  k: number,
  step: number,
): void {
  const left = a.data as Float64Array;
  const right = b.data as Float64Array;
  let sum = 0;
  for (let j = 0; j < k; j++) sum += left[p + j]! * right[q + j * step]!;
  (y.data as Float64Array)[at] = sum;
}

/** The same of 32-bit integers, wrapped around: float64 would not hold their products. */
function multiplyWords(
  a: Tensor,
  b: Tensor,
  y: Tensor,
  p: number,
  q: number,
  at: number,
  k: number,
  step: number,
): void {
  const left = a.data as Int32Array;
  const right = b.data as Int32Array;
  let sum = 0;
  for (let j = 0; j < k; j++) sum = (sum + Math.imul(left[p + j]!, right[q + j * step]!)) | 0;
  (y.data as Int32Array)[at] = sum;
}

function multiplyBig(
  a: Tensor,
  b: Tensor,
  y: Tensor,
  p: number,
  q: number,
  at: number,
  k: number,
  step: number,
): void {
  const left = a.data as BigInt64Array;
  const right = b.data as BigInt64Array;
  let sum = 0n;
  for (let j = 0; j < k; j++) sum += left[p + j]! * right[q + j * step]!;
  (y.data as BigInt64Array)[at] = sum;
}
