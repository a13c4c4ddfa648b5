import { PANEL_PIXELS, PANEL_ROWS } from '../gemm/panels.ts';
import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';

/** A block of b's panels is to stay in the second-level cache. */
const BLOCK_BYTES = 192 * 1024;

/** y [m, n] = a [m, k] · b [k, n]: rows of a are packed as weights, columns of b as pixels. */
export function matmulSimd(
  workspace: Workspace,
  a: Float32Array,
  b: Float32Array,
  y: Float32Array,
  m: number,
  k: number,
  n: number,
): void {
  if (m * n === 0) return;
  const { exports } = workspace;
  const weightBytes = alignedBytes(Math.ceil(m / PANEL_ROWS) * PANEL_ROWS * k * 4);
  const blockColumns = Math.min(
    roundToPanels(Math.max(BLOCK_BYTES / 4 / Math.max(k, 1), 64)),
    roundToPanels(n),
  );
  const offsetsBytes = alignedBytes(k * 4);
  const scratchBytes = weightBytes + offsetsBytes + blockColumns * k * 4;
  workspace.call(y, [a, b], scratchBytes, (yAt, weights, [aAt, bAt]) => {
    const offsets = weights + weightBytes;
    const patches = offsets + offsetsBytes;
    const table = new Int32Array(workspace.heap.buffer, offsets, k);
    for (let i = 0; i < k; i++) table[i] = i * n * 4;
    exports.packRows(aAt!, m, k, k * 4, weights);
    for (let first = 0; first < n; first += blockColumns) {
      const count = Math.min(blockColumns, n - first);
      exports.packPatches(bAt!, offsets, k, patches, first, count, n, n, 0, 4, 0);
      const [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
      exports.multiply(weights, m, k, patches, first, count, yAt, n, 0, 0, 0, 0, low, high);
    }
  });
}

function roundToPanels(columns: number): number {
  return Math.ceil(columns / PANEL_PIXELS) * PANEL_PIXELS;
}
