import type { Conv2dShape } from '../contract.ts';
import { paddedSize } from '../conv2d/simd.ts';
import { planDepthwise } from '../depthwise/plan.ts';
import { alignedBytes } from '../heap.ts';
import { ownScratch } from '../threads/team.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { tapsWithin } from './reference.ts';

/** Nanoseconds for an input or output element under a tap, about. */
const TAP_NS = 0.3;

/** Max pooling, as `maxPool2dReference`. */
export function maxPool2dSimd(
  workspace: Workspace,
  x: Float32Array,
  y: Float32Array,
  shape: Conv2dShape,
): void {
  const { inHeight, inWidth, outHeight, outWidth, kernelHeight, kernelWidth } = shape;
  const { paddedWidth } = paddedSize(shape);
  const planes = shape.batch * shape.inChannels;
  const taps = kernelHeight * inWidth + kernelWidth * outWidth;
  const nanoseconds = planes * outHeight * taps * TAP_NS;
  const geometry = [
    ...[
      inHeight,
      inWidth,
      outHeight,
      outWidth,
      kernelHeight,
      kernelWidth,
      shape.strideHeight,
      shape.strideWidth,
    ],
    ...[shape.dilationHeight, shape.dilationWidth, shape.padTop, shape.padLeft],
  ];
  workspace.call(
    y,
    [x],
    0,
    (yAt, _scratch, [xAt]) => {
      workspace.run(
        workspace.ranges(planes, { nanoseconds }).map(({ from, to }) => {
          const source = xAt! + from * inHeight * inWidth * 4;
          const target = yAt + from * outHeight * outWidth * 4;
          return [['maxPool', source, target, ownScratch(0), paddedWidth, to - from, ...geometry]];
        }),
      );
    },
    paddedWidth * 4 + 64,
  );
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
  const run = (yAt: number, shared: number, [xAt]: number[]): void => {
    const ones = shared + plan.sharedBytes;
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
    plan.prepare(workspace, shared);
    const nanoseconds = planes * (plan.planeNanoseconds + outHeight * outWidth);
    workspace.run(
      workspace.ranges(planes, { nanoseconds }).map(({ from, to }) => {
        const target = yAt + from * outHeight * outWidth * 4;
        return [
          plan.call(shared, {
            x: xAt! + from * inHeight * inWidth * 4,
            weights: ones,
            y: target,
            images: to - from,
            channels: 1,
            multiplier: 1,
            scale: 0,
            bias: 0,
            addend: 0,
            low: Number.NEGATIVE_INFINITY,
            high: Number.POSITIVE_INFINITY,
          }),
          ['divideByCounts', target, to - from, outHeight, outWidth, rowCounts, columnCounts],
        ];
      }),
    );
  };
  workspace.call(y, [x], plan.sharedBytes + onesBytes + countsBytes, run, plan.ownBytes);
}
