import type { Workspace } from '../../wasm/workspace.ts';
import { loadMatrix, storeMatrix, takeMatrix, withBlocks } from '../matrices.ts';
import { checkProduct } from './reference.ts';

/** Rows that are in the heap at a time: enough to make the packing of b cheap. */
const ROWS = 256;
const PANEL_BYTES = 64 * 64 * 8;

/** As `subtractProductReference`. */
export function subtractProductSimd(
  workspace: Workspace,
  c: Float64Array,
  a: Float64Array,
  b: Float64Array,
  m: number,
  n: number,
  p: number,
): void {
  checkProduct(c, a, b, m, n, p);
  withBlocks(workspace, (take) => {
    const most = Math.min(m, ROWS);
    const right = takeMatrix(take, n, p);
    const [left, result] = [takeMatrix(take, most, n), takeMatrix(take, most, p)];
    const panels = take(PANEL_BYTES);
    loadMatrix(workspace, right, b);
    for (let first = 0; first < m; first += ROWS) {
      const count = Math.min(ROWS, m - first);
      loadMatrix(workspace, left, a.subarray(first * n), count);
      loadMatrix(workspace, result, c.subarray(first * p), count);
      workspace.exports.subtractMatrixProduct(
        result.address,
        result.stride,
        count,
        p,
        left.address,
        left.stride,
        right.address,
        right.stride,
        n,
        panels,
      );
      storeMatrix(workspace, { ...result, rows: count }, c.subarray(first * p, (first + count) * p));
    }
  });
}
