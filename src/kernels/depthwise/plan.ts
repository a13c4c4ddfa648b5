import type { Conv2dShape } from '../contract.ts';
import { paddedSize } from '../conv2d/simd.ts';
import { alignedBytes } from '../heap.ts';
import { type KernelCall, ownScratch } from '../threads/team.ts';
import type { Workspace } from '../wasm/workspace.ts';

/** Kinds of kernel that have code of their own; the same numbers in depthwise.as.ts. */
const ANY = 0;
const PLAIN_3X3 = 1;
const PLAIN_3X3_STRIDE_2 = 2;

/** Addresses and sizes of what the planes are computed from. */
export interface DepthwiseOperands {
  readonly x: number;
  /** Panels of 4 rows, [taps][4]. */
  readonly weights: number;
  readonly y: number;
  readonly images: number;
  readonly channels: number;
  /** Output channels to an input channel. */
  readonly multiplier: number;
  /** Addresses, or 0. */
  readonly scale: number;
  readonly bias: number;
  readonly addend: number;
  readonly low: number;
  readonly high: number;
}

/** How the planes of a geometry are computed, whatever their number. */
export interface DepthwisePlan {
  /** Scratch that all threads read, and scratch that each needs to itself. */
  readonly sharedBytes: number;
  readonly ownBytes: number;
  /** About what an output plane takes. */
  readonly planeNanoseconds: number;
  /** Lays out what all calls read. */
  prepare(workspace: Workspace, shared: number): void;
  /** The call that computes the planes of the operands, with the scratch of the thread from 0 on. */
  call(shared: number, operands: DepthwiseOperands): KernelCall;
}

/** Multiplications a nanosecond, about. */
const MACS_PER_NS = 5;

/** The plan of a depthwise convolution, or of a pool, which is one with weights of 1. */
export function planDepthwise(shape: Conv2dShape): DepthwisePlan {
  const { inHeight, inWidth, outHeight, outWidth, kernelHeight, kernelWidth } = shape;
  const { strideHeight, strideWidth, dilationHeight, dilationWidth } = shape;
  const { paddedHeight, paddedWidth } = paddedSize(shape);
  const taps = kernelHeight * kernelWidth;
  const kind = kindOf(shape);
  /** Padded columns that share a remainder modulo the stride; they lie together. */
  const phaseWidth = Math.ceil(paddedWidth / strideWidth);
  const pitch = phaseWidth * strideWidth;

  const sumsBytes = alignedBytes(outHeight * (outWidth + 4) * 4);
  // Vectors read a little too far in narrow planes.
  const paddedBytes = alignedBytes(paddedHeight * pitch * 4 + 64);
  return {
    sharedBytes: alignedBytes(taps * 4),
    ownBytes: sumsBytes + 2 * paddedBytes,
    planeNanoseconds: (outHeight * outWidth * taps) / MACS_PER_NS + inHeight * inWidth,
    prepare(workspace, shared) {
      const table = new Int32Array(workspace.heap.buffer, shared, taps);
      for (let t = 0; t < taps; t++) {
        const ky = Math.floor(t / kernelWidth);
        const column = (t - ky * kernelWidth) * dilationWidth;
        const place = (column % strideWidth) * phaseWidth + Math.floor(column / strideWidth);
        table[t] = 4 * (ky * dilationHeight * pitch + place);
      }
    },
    call: (shared, operands) => [
      'depthwise',
      operands.x,
      operands.weights,
      shared,
      taps,
      ownScratch(sumsBytes),
      paddedBytes,
      ownScratch(0),
      operands.y,
      operands.images,
      operands.channels,
      operands.multiplier,
      inHeight,
      inWidth,
      outHeight,
      outWidth,
      shape.padTop,
      shape.padLeft,
      phaseWidth,
      strideHeight,
      strideWidth,
      kind,
      operands.scale,
      operands.bias,
      operands.addend,
      operands.low,
      operands.high,
    ],
  };
}

function kindOf(shape: Conv2dShape): number {
  const { kernelHeight, kernelWidth, strideHeight, strideWidth, dilationHeight, dilationWidth } = shape;
  if (kernelHeight !== 3 || kernelWidth !== 3 || dilationHeight !== 1 || dilationWidth !== 1) return ANY;
  if (strideWidth === 2) return PLAIN_3X3_STRIDE_2;
  return strideWidth === 1 && strideHeight === 1 && shape.outHeight > 1 ? PLAIN_3X3 : ANY;
}
