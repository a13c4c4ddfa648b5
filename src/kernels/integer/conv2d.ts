import type { Conv2dShape } from '../contract.ts';
import { alignedBytes } from '../heap.ts';
import { type KernelCall, ownScratch } from '../threads/team.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { isDepthwiseCodes } from './check.ts';
import type { SumFinish } from './contract.ts';
import { planDepthwise } from './depthwise.ts';
import { planDirect } from './direct.ts';
import { finisher } from './finish.ts';
import { DECODER_TEMP, type HeapLevels } from './heap-levels.ts';
import { planSerial } from './serial.ts';
import { SerialLevels } from './serial-levels.ts';
import { isWinograd, planWinograd } from './winograd.ts';

/** One way to compute the sums of an image, a block of pixels at a time. */
export interface SumPlan {
  /** Scratch that all threads read, and scratch that each has to itself, besides that of the sums. */
  readonly sharedBytes: number;
  readonly ownBytes: number;
  /** Bytes from the sums of a pixel to those of the next. */
  readonly line: number;
  /** Blocks of an image, and pixels of one at most. */
  readonly blocks: number;
  readonly blockPixels: number;
  /** Rows whose panels are in scratch at a time; a multiple of 8, or all. */
  readonly panelRows: number;
  /** What an image takes one thread, about. */
  readonly nanoseconds: number;
  /** Called once, before the first image: lays out what all blocks read, but the panels. */
  prepare(shared: number): void;
  /** Puts the panels of rows from `row` on into scratch. */
  decode(row: number, rows: number, shared: number): void;
  /** Makes an image ready. Returns what `addSums` wants to know of it. */
  open(image: number, shared: number): number;
  /**
   * Adds the calls that make the sums of a block, [pixels][rows from `row` on].
   * @param own @param sums in the scratch of the thread
   */
  addSums(
    task: KernelCall[],
    opened: number,
    shared: number,
    own: number,
    sums: number,
    rows: number,
    block: number,
  ): { readonly first: number; readonly count: number };
}

/** Rows of a block of sums, rounded up to whole tiles. */
export function roundedRows(rows: number): number {
  return Math.ceil(rows / 8) * 8;
}

/**
 * A convolution of codes: sums by the kernel that suits the shape, then what `finish` makes of them.
 *
 * @param planOf another choice of the kernel, for tests and measurements
 */
export function integerConv2dSimd(
  workspace: Workspace,
  codes: Uint8Array,
  zero: number,
  weights: HeapLevels | SerialLevels,
  shape: Conv2dShape,
  finish: SumFinish,
  planOf: (own: Conv2dShape) => SumPlan = (own) => suitablePlan(workspace, weights, own, zero),
): void {
  const { batch, inChannels, inHeight, inWidth, outChannels, outHeight, outWidth } = shape;
  const plane = outHeight * outWidth;
  if (batch * plane * outChannels === 0) return;
  // A fully connected layer sees a whole image in one window: its images are then the pixels of one.
  const isWhole = seesAll(shape);
  const own = isWhole ? linesOf(shape) : shape;
  const images = isWhole ? 1 : batch;
  const plan = planOf(own);
  const sumBytes = alignedBytes(plan.blockPixels * plan.line);
  const finishing = finisher(workspace, finish, outChannels, plan.line, isWhole ? 1 : plane);
  workspace.call(
    finish.y,
    [codes, ...finishing.arrays],
    finishing.scratchBytes + plan.sharedBytes,
    (y, finishScratch, [from, ...arrays]) => {
      const shared = finishScratch + finishing.scratchBytes;
      finishing.prepare(finishScratch);
      plan.prepare(shared);
      const atOnce = plan.panelRows >= outChannels;
      if (atOnce) plan.decode(0, outChannels, shared);
      for (let n = 0; n < images; n++) {
        const opened = plan.open(from! + n * inHeight * inWidth * inChannels, shared);
        for (let row = 0; row < outChannels; row += plan.panelRows) {
          const rows = Math.min(plan.panelRows, outChannels - row);
          if (!atOnce) plan.decode(row, rows, shared);
          const sums = ownScratch(0);
          const tasks = workspace.ranges(plan.blocks, { nanoseconds: plan.nanoseconds }).map((range) => {
            const task: KernelCall[] = [];
            for (let block = range.from; block < range.to; block++) {
              const { first, count } = plan.addSums(
                task,
                opened,
                shared,
                ownScratch(sumBytes),
                sums,
                rows,
                block,
              );
              task.push(finishing.call(sums, row, rows, n, first, count, y, finishScratch, arrays));
            }
            return task;
          });
          workspace.run(tasks);
        }
      }
    },
    Math.max(sumBytes + plan.ownBytes, DECODER_TEMP),
  );
}

function suitablePlan(
  workspace: Workspace,
  weights: HeapLevels | SerialLevels,
  shape: Conv2dShape,
  zero: number,
): SumPlan {
  if (weights instanceof SerialLevels) return planSerial(workspace, weights, shape, zero);
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
