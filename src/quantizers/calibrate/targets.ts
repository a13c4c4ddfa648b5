import type { LinearAlgebra } from '../../kernels/linear-algebra/contract.ts';
import type { Curvature } from './curvature.ts';
import type { LayerMoments } from './moments.ts';

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
  const covariance = inputs[group]!;
  const missing = cross.slice(group * count * n, (group + 1) * count * n);
  for (let r = 0; r < count; r++) {
    const row = missing.subarray(r * n, (r + 1) * n);
    for (let j = 0; j < n; j++) {
      const w = weights[r * n + j]!;
      if (w === 0) continue;
      const line = j * n;
      for (let k = 0; k < n; k++) row[k]! -= w * covariance[line + k]!;
    }
  }
  const factor = curvature.hessian.slice();
  if (algebra.cholesky(factor, n) >= 0) return weights;
  algebra.solveCholesky(factor, n, missing, count);
  return weights.map((w, i) => w + correction * missing[i]!);
}
