import { PANEL_ROWS } from '../gemm/panels.ts';
import { planProduct, runProduct } from '../gemm/product.ts';
import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';

/** No clamp. */
const [LOW, HIGH] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
/** Nanoseconds to lay out an element of a, about. */
const PACK_NS = 1;

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
  const weightBytes = alignedBytes(Math.ceil(m / PANEL_ROWS) * PANEL_ROWS * k * 4);
  const offsetsBytes = alignedBytes(k * 4);
  const product = { groups: 1, rows: m, columns: k, pixels: n, isCoded: false, decoderSpill: 0 };
  const plan = planProduct(workspace, product, n);
  const scratchBytes = weightBytes + offsetsBytes + plan.sharedBytes;
  workspace.call(
    y,
    [a, b],
    scratchBytes,
    (yAt, weights, [aAt, bAt]) => {
      const offsets = weights + weightBytes;
      const table = new Int32Array(workspace.heap.buffer, offsets, k);
      for (let i = 0; i < k; i++) table[i] = i * n * 4;
      const rowBytes = k * 4;
      workspace.run(
        workspace
          .ranges(m, { nanoseconds: m * k * PACK_NS, step: PANEL_ROWS })
          .map(({ from, to }) => [
            ['packRows', aAt! + from * rowBytes, to - from, k, rowBytes, weights + from * rowBytes],
          ]),
      );
      runProduct(workspace, plan, offsets + offsetsBytes, n, {
        pack: (_, first, count, patches) => {
          return ['packPatches', bAt!, offsets, k, patches, first, count, n, n, 0, 4, 0];
        },
        decode: () => {
          throw new TypeError('kernels: the rows of a matrix product are not coded');
        },
        multiply: (_, row, rows, _decoded, patches, first, count) => {
          const [a4, y4] = [weights + row * rowBytes, yAt + row * n * 4];
          return ['multiply', a4, rows, k, patches, first, count, y4, n, 0, 0, 0, 0, LOW, HIGH];
        },
      });
    },
    plan.ownBytes,
  );
}
