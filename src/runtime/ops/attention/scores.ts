import type { Tensor } from '../../../tensor/tensor.ts';
import type { Call } from '../../call.ts';
import { halfRounding } from '../../widen.ts';
import { matmulAnyType } from '../matmul-any-type.ts';
import { softmaxDouble } from '../softmax.ts';
import type { Floats } from './heads.ts';

/** y [m,n] = a [m,k] · b [k,n], b and y beginning at the given elements of their tensors. */
export function multiply(
  call: Call,
  a: Tensor,
  b: Tensor,
  startB: number,
  y: Tensor,
  m: number,
  k: number,
  n: number,
): void {
  if (k === 0) {
    (y.data as Floats).fill(0);
    return;
  }
  if (y.dtype !== 'FLOAT') {
    matmulAnyType(a, b, y, [0], [startB], m, k, n);
    return;
  }
  call.kernels.matmul(
    (a.data as Float32Array).subarray(0, m * k),
    (b.data as Float32Array).subarray(startB, startB + k * n),
    (y.data as Float32Array).subarray(0, m * n),
    m,
    k,
    n,
  );
}

/** Types that softmax_precision may name, by their number in TensorProto. */
const PRECISIONS: ReadonlyMap<number, SoftmaxPrecision> = new Map([
  [1, 'FLOAT'],
  [10, 'FLOAT16'],
  [11, 'DOUBLE'],
  [16, 'BFLOAT16'],
]);

export type SoftmaxPrecision = 'FLOAT' | 'FLOAT16' | 'BFLOAT16' | 'DOUBLE';

/** The type that softmax_precision names, `otherwise` where it is not set; undefined for types that are none of the four. */
export function precisionOf(call: Call, otherwise: SoftmaxPrecision): SoftmaxPrecision | undefined {
  return call.hasAttribute('softmax_precision')
    ? PRECISIONS.get(call.int('softmax_precision', 0))
    : otherwise;
}

/**
 * The softmax of rows of x, into y. In FLOAT16 and BFLOAT16 what goes in and what comes out is rounded to the type; in
 * between it is computed as FLOAT.
 */
export function softmaxRows(
  call: Call,
  x: Tensor,
  y: Tensor,
  rows: number,
  length: number,
  precision: SoftmaxPrecision,
): void {
  if (rows * length === 0) return;
  const size = rows * length;
  if (precision === 'DOUBLE') {
    const wide = Float64Array.from((x.data as Floats).subarray(0, size));
    softmaxDouble(wide, wide, { outer: rows, length, inner: 1 }, false);
    (y.data as Floats).set(wide);
    return;
  }
  const round = halfRounding(precision);
  if (round === undefined && x.dtype === 'FLOAT') {
    const [from, to] = [x.data as Float32Array, y.data as Float32Array];
    call.kernels.softmax(from.subarray(0, size), to.subarray(0, size), rows, length, 1);
    return;
  }
  const from = Float32Array.from((x.data as Floats).subarray(0, size));
  const to = new Float32Array(size);
  call.kernels.softmax(round === undefined ? from : from.map(round), to, rows, length, 1);
  (y.data as Floats).set(round === undefined ? to : to.map(round));
}
