import type { LinearAlgebra } from '../../kernels/linear-algebra/contract.ts';
import type { Curvature } from './curvature.ts';
import type { LayerMoments } from './moments.ts';
import { rowsTimesMatrix } from './products.ts';

/**
 * What the rows of a group are rounded to: the weights that give the float network's outputs best from inputs that have
 * already lost something. Of all W the least squares of y − W·x are at cov(y, x)·cov(x, x)⁻¹; with the damping,
 *
 *     t = w + c·(cov(y, x) − w·cov(x, x))·H⁻¹
 *
 * which is w itself where nothing is lost (asymmetric calibration as in Li and others 2025, GPTAQ, in closed form).
 * @param weights [rows of the group, columns]; @param correction c, 0 to 1
 */
export function targetsOf(
  weights: Float64Array,
  moments: LayerMoments,
  group: number,
  curvature: Curvature,
  correction: number,
  algebra: LinearAlgebra,
): Float64Array {
  if (correction === 0 || moments.cross.length === 0) return weights;
  const { columns: n, rows, groups, inputs, cross } = moments;
  const count = rows / groups;
  const given = rowsTimesMatrix(weights, inputs[group]!, n, algebra);
  const first = group * count * n;
  const missing = given.map((value, i) => cross[first + i]! - value);
  const factor = curvature.hessian.slice();
  if (algebra.cholesky(factor, n) >= 0) return weights;
  algebra.solveCholesky(factor, n, missing, count);
  return weights.map((w, i) => w + correction * missing[i]!);
}
