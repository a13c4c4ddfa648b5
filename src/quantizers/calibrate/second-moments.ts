import type { LinearAlgebra } from '../../kernels/linear-algebra/contract.ts';
import type { LayerMoments } from './moments.ts';
import { rowsTimesMatrix } from './products.ts';

/** By row. */
export interface OutputMoments {
  /** var(ŷ). */
  readonly variance: Float64Array;
  /** cov(ŷ, y); 0 where y is not known. */
  readonly together: Float64Array;
}

/**
 * var(ŷ) and cov(ŷ, y) of every row, about 0 where the moments are; columns of different blocks are taken as independent.
 * @param values of all rows, [rows, columns]
 */
export function secondMoments(
  values: Float64Array,
  { rows, columns, groups, blockEnds, inputs, cross }: LayerMoments,
  algebra: LinearAlgebra,
): OutputMoments {
  const variance = new Float64Array(rows);
  const together = new Float64Array(rows);
  const perGroup = rows / groups;
  for (let g = 0; g < groups; g++) {
    let from = 0;
    for (const [b, end] of blockEnds.entries()) {
      const width = end - from;
      const own = new Float64Array(perGroup * width);
      for (let r = 0; r < perGroup; r++) {
        const start = (g * perGroup + r) * columns;
        own.set(values.subarray(start + from, start + end), r * width);
      }
      const products = rowsTimesMatrix(own, inputs[g * blockEnds.length + b]!, width, algebra);
      for (let r = 0; r < perGroup; r++) variance[g * perGroup + r]! += dot(own, products, r, width);
      from = end;
    }
  }
  if (cross.length > 0) for (let r = 0; r < rows; r++) together[r] = dot(values, cross, r, columns);
  return { variance, together };
}

/** The product of row r of one matrix with row r of another. */
function dot(a: Float64Array, b: Float64Array, r: number, width: number): number {
  let sum = 0;
  for (let i = r * width; i < (r + 1) * width; i++) sum += a[i]! * b[i]!;
  return sum;
}
