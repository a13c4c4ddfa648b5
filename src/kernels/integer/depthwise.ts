import type { Conv2dShape } from '../contract.ts';
import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { roundedRows, type SumPlan } from './conv2d.ts';
import type { HeapLevels } from './heap-levels.ts';
import { padding } from './padding.ts';

/** Products that one thread makes in a nanosecond, about. */
const MACS_PER_NS = 8;

/** Sums of one input channel for each output channel, a row of pixels at a time. */
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
  return {
    line,
    blockPixels: outWidth,
    blocks: outHeight,
    panelRows: roundedRows(inChannels),
    nanoseconds: (outHeight * outWidth * inChannels * taps) / MACS_PER_NS,
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
    addSums(task, source, shared, _own, sums, _rows, y) {
      const start = shared + offsetsBytes;
      task.push([
        'depthwiseShorts',
        source + y * shape.strideHeight * padded.rowBytes,
        shared,
        weights.pairs,
        start + startBytes,
        weights.panelBytes,
        start,
        channels,
        outWidth,
        shape.strideWidth * inChannels,
        sums,
        line,
      ]);
      return { first: y * outWidth, count: outWidth };
    },
  };
}
