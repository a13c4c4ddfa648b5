import type { Workspace } from '../../wasm/workspace.ts';
import { loadMatrix, storeMatrix, takeMatrix, withBlocks } from '../matrices.ts';

/** A square of 64 × 64 and the panels of another. */
const SCRATCH_BYTES = 2 * 64 * 64 * 8;

/** As `choleskyReference`. */
export function choleskySimd(workspace: Workspace, matrix: Float64Array, n: number): number {
  return withBlocks(workspace, (take) => {
    const a = takeMatrix(take, n, n);
    const scratch = take(SCRATCH_BYTES);
    loadMatrix(workspace, a, matrix);
    const failed = workspace.exports.cholesky(a.address, n, a.stride, scratch);
    if (failed >= 0) return failed;
    storeMatrix(workspace, a, matrix);
    for (let i = 0; i < n; i++) matrix.fill(0, i * n + i + 1, (i + 1) * n);
    return -1;
  });
}

/** As `substituteReference`; `isUpper` says that row i is zero before column i. */
export function substituteSimd(
  workspace: Workspace,
  factor: Float64Array,
  n: number,
  rows: Float64Array,
  m: number,
  isUpper: boolean,
): void {
  withBlocks(workspace, (take) => {
    const l = takeMatrix(take, n, n);
    const r = takeMatrix(take, m, n);
    const scratch = take(SCRATCH_BYTES);
    loadMatrix(workspace, l, factor);
    loadMatrix(workspace, r, rows);
    workspace.exports.substitute(l.address, n, l.stride, r.address, m, r.stride, isUpper ? 1 : 0, scratch);
    storeMatrix(workspace, r, rows);
  });
}
