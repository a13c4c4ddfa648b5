import type { Conv2dShape } from '../contract.ts';
import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { roundedRows, type SumPlan } from './conv2d.ts';
import type { HeapLevels } from './heap-levels.ts';
import { padding } from './padding.ts';

/** Sums of one input channel for each output channel, a row of pixels at a time. */
export function planDepthwise(
  workspace: Workspace,
  weights: HeapLevels,
  shape: Conv2dShape,
  zero: number,
): SumPlan & { readonly line: number } {
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
    scratchBytes: offsetsBytes + startBytes + decodedBytes + padded.scratchBytes,
    prepare(scratch) {
      const offsets = new Int32Array(workspace.heap.buffer, scratch, weights.pairs * 2);
      for (let i = 0; i < offsets.length; i++) {
        const tap = Math.min(i, taps - 1);
        const ky = Math.floor(tap / kernelWidth);
        const kx = tap % kernelWidth;
        offsets[i] = ky * dilationHeight * padded.rowBytes + kx * dilationWidth * inChannels;
      }
      const start = new Int32Array(workspace.heap.buffer, scratch + offsetsBytes, channels);
      for (let c = 0; c < channels; c++) start[c] = c < inChannels ? -zero * weights.sums[c]! : 0;
      weights.decode(0, inChannels, scratch + offsetsBytes + startBytes);
    },
    run(image, scratch, sums, done) {
      const start = scratch + offsetsBytes;
      const decoded = start + startBytes;
      const source = padded.of(workspace, image, zero, decoded + decodedBytes);
      for (let y = 0; y < outHeight; y++) {
        workspace.exports.depthwiseShorts(
          source + y * shape.strideHeight * padded.rowBytes,
          scratch,
          weights.pairs,
          decoded,
          weights.panelBytes,
          start,
          channels,
          outWidth,
          shape.strideWidth * inChannels,
          sums,
          line,
        );
        done(0, inChannels, y * outWidth, outWidth);
      }
    },
  };
}
