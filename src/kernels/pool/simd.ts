import type { Conv2dShape } from '../contract.ts';
import { paddedSize } from '../conv2d/simd.ts';
import { planDepthwise } from '../depthwise/plan.ts';
import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { tapsWithin } from './reference.ts';

/** Max pooling, as `maxPool2dReference`. */
export function maxPool2dSimd(
  workspace: Workspace,
  x: Float32Array,
  y: Float32Array,
  shape: Conv2dShape,
): void {
  const { paddedWidth } = paddedSize(shape);
  workspace.call(y, [x], paddedWidth * 4 + 64, (yAt, row, [xAt]) => {
    workspace.exports.maxPool(
      xAt!,
      yAt,
      row,
      paddedWidth,
      shape.batch * shape.inChannels,
      shape.inHeight,
      shape.inWidth,
      shape.outHeight,
      shape.outWidth,
      shape.kernelHeight,
      shape.kernelWidth,
      shape.strideHeight,
      shape.strideWidth,
      shape.dilationHeight,
      shape.dilationWidth,
      shape.padTop,
      shape.padLeft,
    );
  });
}

/**
 * Average pooling, as `averagePool2dReference`: a depthwise convolution with weights of one, whose padding adds zeros,
 * then the division.
 */
export function averagePool2dSimd(
  workspace: Workspace,
  x: Float32Array,
  y: Float32Array,
  shape: Conv2dShape,
  countPadding: boolean,
  padBottom: number,
  padRight: number,
): void {
  const { batch, inChannels, inHeight, inWidth, outHeight, outWidth, kernelHeight, kernelWidth } = shape;
  const planes = batch * inChannels;
  if (planes * outHeight * outWidth === 0) return;
  const plan = planDepthwise(shape);
  const taps = kernelHeight * kernelWidth;
  const onesBytes = alignedBytes(taps * 16);
  const rowCountsBytes = alignedBytes(outHeight * 4);
  const countsBytes = rowCountsBytes + alignedBytes(outWidth * 4);
  workspace.call(y, [x], plan.scratchBytes + onesBytes + countsBytes, (yAt, scratch, [xAt]) => {
    const ones = scratch + plan.scratchBytes;
    const rowCounts = ones + onesBytes;
    const columnCounts = rowCounts + rowCountsBytes;
    const { buffer } = workspace.heap;
    new Float32Array(buffer, ones, taps * 4).fill(1);
    const [top, left] = countPadding ? [-shape.padTop, -shape.padLeft] : [0, 0];
    const [bottom, right] = countPadding ? [inHeight + padBottom, inWidth + padRight] : [inHeight, inWidth];
    new Int32Array(buffer, rowCounts, outHeight).forEach((_, oy, counts) => {
      const start = oy * shape.strideHeight - shape.padTop;
      counts[oy] = tapsWithin(start, kernelHeight, shape.dilationHeight, top, bottom);
    });
    new Int32Array(buffer, columnCounts, outWidth).forEach((_, ox, counts) => {
      const start = ox * shape.strideWidth - shape.padLeft;
      counts[ox] = tapsWithin(start, kernelWidth, shape.dilationWidth, left, right);
    });
    plan.run(workspace, scratch, {
      x: xAt!,
      weights: ones,
      y: yAt,
      images: planes,
      channels: 1,
      multiplier: 1,
      scale: 0,
      bias: 0,
      addend: 0,
      low: Number.NEGATIVE_INFINITY,
      high: Number.POSITIVE_INFINITY,
    });
    workspace.exports.divideByCounts(yAt, planes, outHeight, outWidth, rowCounts, columnCounts);
  });
}
