import type { Epilogue } from '../contract.ts';
import { conv2dSimd } from '../conv2d/simd.ts';
import type { PanelWeights } from '../gemm/panels.ts';
import { alignedBytes } from '../heap.ts';
import type { Range } from '../threads/ranges.ts';
import { type KernelCall, type KernelTask, ownScratch } from '../threads/team.ts';
import type { Workspace } from '../wasm/workspace.ts';

/** Decoded panels that are in scratch at a time. */
const DECODED_BYTES = 64 * 1024;
/** `multiplyVector` writes sums in sixteens, so parts begin at multiples of it. */
const SUMS = 16;
/** Nanoseconds a weight, about: floats come from memory, codes are decoded. */
const WEIGHT_NS = 0.3;
const CODED_WEIGHT_NS = 0.6;

/** A fully connected layer: vector by vector for a batch of one, else as a convolution of images of one pixel. */
export function linearSimd(
  workspace: Workspace,
  x: Float32Array,
  weights: PanelWeights,
  y: Float32Array,
  batch: number,
  epilogue: Epilogue,
): void {
  if (batch === 1) {
    linearVector(workspace, x, weights, y, epilogue);
    return;
  }
  const shape = {
    batch,
    inChannels: weights.columns,
    outChannels: weights.rows,
    inHeight: 1,
    inWidth: 1,
    outHeight: 1,
    outWidth: 1,
    kernelHeight: 1,
    kernelWidth: 1,
    strideHeight: 1,
    strideWidth: 1,
    dilationHeight: 1,
    dilationWidth: 1,
    padTop: 0,
    padLeft: 0,
    groups: 1,
  };
  conv2dSimd(workspace, x, weights, y, shape, epilogue);
}

function linearVector(
  workspace: Workspace,
  x: Float32Array,
  weights: PanelWeights,
  y: Float32Array,
  epilogue: Epilogue,
): void {
  const { rows, columns } = weights;
  const panelsPerBlock = Math.max(4, Math.floor(DECODED_BYTES / 64 / Math.max(columns, 1)) * 4);
  const rowsPerBlock = weights.isCoded ? Math.min(panelsPerBlock * 4, rows) : rows;
  const sumsBytes = alignedBytes(rows * 4) + 64;
  const { low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY } = epilogue;
  const weightNs = weights.isCoded ? CODED_WEIGHT_NS : WEIGHT_NS;
  workspace.call(
    y,
    [x, epilogue.scale, epilogue.bias, epilogue.addend],
    sumsBytes,
    (yAt, sums, [xAt, scale, bias, addend]) => {
      const taskOf = ({ from, to }: Range): KernelTask => {
        const calls: KernelCall[] = [];
        for (let row = from; row < to; row += rowsPerBlock) {
          const count = Math.min(rowsPerBlock, to - row);
          const decoded = ownScratch(0);
          if (weights.isCoded) calls.push(weights.decodeCall(0, row, count, decoded));
          const panels = weights.panelsAt(0, row, decoded);
          calls.push(['multiplyVector', panels, count, columns, xAt!, sums + row * 4]);
        }
        const [s, b, a] = [scale!, bias!, addend!].map((at) => at && at + from * 4);
        calls.push(['finishVector', sums + from * 4, to - from, yAt + from * 4, s!, b!, a!, low, high]);
        return calls;
      };
      const nanoseconds = rows * columns * weightNs;
      workspace.run(workspace.ranges(rows, { nanoseconds, step: SUMS }).map(taskOf));
    },
    weights.scratchBytes(rowsPerBlock),
  );
}
