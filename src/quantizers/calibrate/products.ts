import type { LinearAlgebra } from '../../kernels/linear-algebra/contract.ts';

/** rows · matrix: [count, n] times a matrix [n, n], the products of each element summed in ascending order. */
export function rowsTimesMatrix(
  rows: Float64Array,
  matrix: Float64Array,
  n: number,
  algebra: LinearAlgebra,
): Float64Array {
  const result = new Float64Array(rows.length);
  // 0 − (−x)·h is 0 + x·h.
  const opposite = rows.map((value) => -value);
  algebra.subtractProduct(result, opposite, matrix, n === 0 ? 0 : rows.length / n, n, n);
  return result;
}
