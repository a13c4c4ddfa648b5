import type { Conv2dShape } from '../contract.ts';
import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { roundedRows, type SumPlan } from './conv2d.ts';
import type { HeapLevels } from './heap-levels.ts';
import { padding } from './padding.ts';

/** Products that one thread makes in a nanosecond, about. */
const MACS_PER_NS = 8;

/** Sums of a block of rows are to stay near, and calls to be few. */
const BLOCK_BYTES = 128 * 1024;

/** Sums of one input channel for each output channel, some rows of pixels at a time. */
export function planDepthwise(
  workspace: Workspace,
  weights: HeapLevels,
  shape: Conv2dShape,
  zero: number,
): SumPlan {
  const { inChannels, outHeight, outWidth, kernelHeight, kernelWidth, dilationHeight, dilationWidth } = shape;
  const padded = padding(shape);
  const taps = kernelHeight * kernelWidth;
  const channels = roundedRows(inChannels);
  const line = channels * 4;
  const offsetsBytes = alignedBytes(weights.pairs * 8);
  const startBytes = alignedBytes(channels * 4);
  const decodedBytes = alignedBytes(weights.scratchBytes(inChannels));
  const nanoseconds = (outHeight * outWidth * inChannels * taps) / MACS_PER_NS;
  const most = Math.max(1, Math.floor(BLOCK_BYTES / (outWidth * line)));
  const blockRows = Math.min(most, Math.ceil(outHeight / workspace.parts(nanoseconds)));
  return {
    line,
    blockPixels: blockRows * outWidth,
    blocks: Math.ceil(outHeight / blockRows),
    panelRows: roundedRows(inChannels),
    nanoseconds,
    sharedBytes: offsetsBytes + startBytes + decodedBytes + padded.scratchBytes,
    ownBytes: 0,
    prepare(shared) {
      const offsets = new Int32Array(workspace.heap.buffer, shared, weights.pairs * 2);
      for (let i = 0; i < offsets.length; i++) {
        const tap = Math.min(i, taps - 1);
        const ky = Math.floor(tap / kernelWidth);
        const kx = tap % kernelWidth;
        offsets[i] = ky * dilationHeight * padded.rowBytes + kx * dilationWidth * inChannels;
      }
      const start = new Int32Array(workspace.heap.buffer, shared + offsetsBytes, channels);
      for (let c = 0; c < channels; c++) start[c] = c < inChannels ? -zero * weights.sums[c]! : 0;
    },
    decode: (row, rows, shared) => weights.decode(row, rows, shared + offsetsBytes + startBytes),
    open: (image, shared) =>
      padded.of(workspace, image, zero, shared + offsetsBytes + startBytes + decodedBytes),
    addSums(task, source, shared, _own, sums, _rows, block) {
      const start = shared + offsetsBytes;
      const y = block * blockRows;
      const rows = Math.min(blockRows, outHeight - y);
      const rowStep = shape.strideHeight * padded.rowBytes;
      task.push([
        'depthwiseShorts',
        source + y * rowStep,
        shared,
        weights.pairs,
        start + startBytes,
        weights.panelBytes,
        start,
        channels,
        rows,
        outWidth,
        rowStep,
        shape.strideWidth * inChannels,
        sums,
        line,
      ]);
      return { first: y * outWidth, count: rows * outWidth };
    },
  };
}
