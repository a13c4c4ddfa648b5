import type { Conv2dShape } from '../contract.ts';
import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { isDepthwiseCodes } from './check.ts';
import type { CodeFinish, PlaneFinish } from './contract.ts';
import { planDepthwise } from './depthwise.ts';
import { planDirect } from './direct.ts';
import { finisher } from './finish.ts';
import type { HeapLevels } from './heap-levels.ts';
import { isWinograd, planWinograd } from './winograd.ts';

/** One way to compute the sums of an image, a block of pixels at a time. */
export interface SumPlan {
  /** Scratch besides that of the sums. */
  readonly scratchBytes: number;
  /** Pixels of a block at most. */
  readonly blockPixels: number;
  /** Called once, before the first image. */
  prepare(scratch: number): void;
  /**
   * Sums of all pixels of an image, [pixels][rows], handed on block by block.
   * @param line bytes from the sums of a pixel to those of the next
   * @param done takes the rows from `row` on (a multiple of 8) of the pixels from `first` on, which lie at `sums`
   */
  run(
    image: number,
    scratch: number,
    sums: number,
    done: (row: number, rows: number, first: number, count: number) => void,
  ): void;
}

/** Rows of a block of sums, rounded up to whole tiles. */
export function roundedRows(rows: number): number {
  return Math.ceil(rows / 8) * 8;
}

/** A convolution of codes: sums by the kernel that suits the shape, then what `finish` makes of them. */
export function integerConv2dSimd(
  workspace: Workspace,
  codes: Uint8Array,
  zero: number,
  weights: HeapLevels,
  shape: Conv2dShape,
  finish: CodeFinish | PlaneFinish,
): void {
  const { batch, inChannels, inHeight, inWidth, outChannels, outHeight, outWidth } = shape;
  const plane = outHeight * outWidth;
  if (batch * plane * outChannels === 0) return;
  // A fully connected layer sees a whole image in one window: its images are then the pixels of one.
  const isWhole = seesAll(shape);
  const own = isWhole ? linesOf(shape) : shape;
  const images = isWhole ? 1 : batch;
  const plan = planOf(workspace, weights, own, zero);
  const sumBytes = alignedBytes(plan.blockPixels * plan.line);
  const finishing = finisher(workspace, finish, outChannels, plan.line, isWhole ? 1 : plane);
  workspace.call(
    finish.y,
    [codes, ...finishing.arrays],
    sumBytes + finishing.scratchBytes + plan.scratchBytes,
    (y, sums, [from, ...arrays]) => {
      const finishScratch = sums + sumBytes;
      const scratch = finishScratch + finishing.scratchBytes;
      finishing.prepare(finishScratch);
      plan.prepare(scratch);
      for (let n = 0; n < images; n++)
        plan.run(from! + n * inHeight * inWidth * inChannels, scratch, sums, (row, rows, first, count) =>
          finishing.run(sums, row, rows, n, first, count, y, finishScratch, arrays),
        );
    },
  );
}

function planOf(
  workspace: Workspace,
  weights: HeapLevels,
  shape: Conv2dShape,
  zero: number,
): SumPlan & { readonly line: number } {
  if (isDepthwiseCodes(shape)) return planDepthwise(workspace, weights, shape, zero);
  return isWinograd(shape)
    ? planWinograd(workspace, weights, shape, zero)
    : planDirect(workspace, weights, shape, zero);
}

/** Whether the one window of an image is all of it. */
export function seesAll(shape: Conv2dShape): boolean {
  const { padTop, padLeft, kernelHeight, kernelWidth, inHeight, inWidth, outHeight, outWidth } = shape;
  const isOne = outHeight === 1 && outWidth === 1 && shape.groups === 1 && padTop === 0 && padLeft === 0;
  return isOne && kernelHeight === inHeight && kernelWidth === inWidth;
}

/** The images of a fully connected layer as the pixels of one. */
function linesOf(shape: Conv2dShape): Conv2dShape {
  return {
    ...shape,
    inChannels: shape.inChannels * shape.inHeight * shape.inWidth,
    ...{ batch: 1, inHeight: 1, inWidth: shape.batch, outHeight: 1, outWidth: shape.batch },
    ...{
      kernelHeight: 1,
      kernelWidth: 1,
      strideHeight: 1,
      strideWidth: 1,
      dilationHeight: 1,
      dilationWidth: 1,
    },
  };
}
