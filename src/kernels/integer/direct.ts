import type { Conv2dShape } from '../contract.ts';
import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { roundedRows, type SumPlan } from './conv2d.ts';
import type { HeapLevels } from './heap-levels.ts';
import { padding } from './padding.ts';
import { windowRuns } from './window-runs.ts';

/** Products that one thread makes in a nanosecond, about. */
const MACS_PER_NS = 25;
/** Decoded panels that are in scratch at a time. */
const DECODED_BYTES = 1024 * 1024;
/** Values of a block of pixels, and its sums, are to stay in the second-level cache. */
const BLOCK_BYTES = 128 * 1024;

/** Sums as a product of panels of weights and the values under each window, laid out pixel by pixel. */
export function planDirect(
  workspace: Workspace,
  weights: HeapLevels,
  shape: Conv2dShape,
  zero: number,
): SumPlan {
  const { inChannels, outHeight, outWidth } = shape;
  const padded = padding(shape);
  const pixels = outHeight * outWidth;
  const pixelBytes = weights.pairs * 4;
  const blockRows = Math.max(8, Math.floor(DECODED_BYTES / weights.panelBytes / 2) * 8);
  const rowsOf = (row: number): number => Math.min(blockRows, weights.rows - row);
  const line = roundedRows(rowsOf(0)) * 4;
  const most = Math.max(4, Math.floor(BLOCK_BYTES / Math.max(pixelBytes, line) / 4) * 4);
  const nanoseconds = (weights.rows * weights.columns * pixels) / MACS_PER_NS;
  const even = Math.ceil(pixels / workspace.parts(nanoseconds) / 4) * 4;
  const blockPixels = Math.min(pixels, most, even);

  const { runs, run, offsetsBytes, layOut } = windowRuns(shape, padded.rowBytes);
  const valueBytes = alignedBytes(blockPixels * pixelBytes + 16);
  const decodedBytes = alignedBytes(weights.scratchBytes(rowsOf(0)));
  return {
    line,
    blockPixels,
    blocks: Math.ceil(pixels / blockPixels),
    panelRows: blockRows,
    nanoseconds,
    sharedBytes: offsetsBytes + decodedBytes + padded.scratchBytes,
    ownBytes: valueBytes,
    prepare: (shared) => layOut(workspace.heap.buffer, shared),
    decode: (row, rows, shared) => weights.decode(row, rows, shared + offsetsBytes),
    open: (image, shared) => padded.of(workspace, image, zero, shared + offsetsBytes + decodedBytes),
    addSums(task, source, shared, values, sums, rows, block) {
      const first = block * blockPixels;
      const count = Math.min(blockPixels, pixels - first);
      task.push([
        'packShorts',
        source,
        shared,
        runs,
        run,
        zero,
        first,
        count,
        outWidth,
        shape.strideHeight * padded.rowBytes,
        shape.strideWidth * inChannels,
        values,
        pixelBytes,
      ]);
      const { panelBytes, pairs } = weights;
      const panels = shared + offsetsBytes;
      const rounded = roundedRows(rows);
      task.push([
        'multiplyShorts',
        panels,
        panelBytes,
        rounded,
        pairs,
        values,
        pixelBytes,
        count,
        sums,
        line,
      ]);
      return { first, count };
    },
  };
}
