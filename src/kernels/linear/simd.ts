import type { Epilogue } from '../contract.ts';
import { conv2dSimd } from '../conv2d/simd.ts';
import type { PanelWeights } from '../gemm/panels.ts';
import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';

/** Decoded panels that are in scratch at a time. */
const DECODED_BYTES = 64 * 1024;

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
  const { exports } = workspace;
  const panelsPerBlock = Math.max(4, Math.floor(DECODED_BYTES / 64 / Math.max(columns, 1)) * 4);
  const rowsPerBlock = weights.isCoded ? Math.min(panelsPerBlock * 4, rows) : rows;
  const sumsBytes = alignedBytes(rows * 4) + 64;
  workspace.call(
    y,
    [x, epilogue.scale, epilogue.bias, epilogue.addend],
    sumsBytes + weights.scratchBytes(rowsPerBlock),
    (yAt, sums, [xAt, scale, bias, addend]) => {
      for (let row = 0; row < rows; row += rowsPerBlock) {
        const count = Math.min(rowsPerBlock, rows - row);
        const panels = weights.panels(0, row, count, sums + sumsBytes);
        exports.multiplyVector(panels, count, columns, xAt!, sums + row * 4);
      }
      const low = epilogue.low ?? Number.NEGATIVE_INFINITY;
      const high = epilogue.high ?? Number.POSITIVE_INFINITY;
      exports.finishVector(sums, rows, yAt, scale!, bias!, addend!, low, high);
    },
  );
}
