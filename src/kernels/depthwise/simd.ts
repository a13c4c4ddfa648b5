import type { Conv2dShape, Epilogue } from '../contract.ts';
import { paddedSize } from '../conv2d/simd.ts';
import type { PanelWeights } from '../gemm/panels.ts';
import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';

/** Whether every output channel reads one input channel. */
export function isDepthwise(shape: Pick<Conv2dShape, 'inChannels' | 'outChannels' | 'groups'>): boolean {
  return shape.groups === shape.inChannels && shape.groups > 1 && shape.outChannels % shape.groups === 0;
}

/** Depthwise convolution, with a channel multiplier; `weights` in one group. */
export function depthwiseSimd(
  workspace: Workspace,
  x: Float32Array,
  weights: PanelWeights,
  y: Float32Array,
  shape: Conv2dShape,
  epilogue: Epilogue,
): void {
  const { batch, inChannels, inHeight, inWidth, outChannels, outHeight, outWidth } = shape;
  const { kernelHeight, kernelWidth, strideHeight, strideWidth, dilationHeight, dilationWidth } = shape;
  if (batch * outChannels * outHeight * outWidth === 0) return;
  const { paddedHeight, paddedWidth } = paddedSize(shape);
  const taps = kernelHeight * kernelWidth;
  const isPlain3x3 = kernelHeight === 3 && kernelWidth === 3 && dilationHeight === 1 && dilationWidth === 1;
  const kind =
    isPlain3x3 && strideWidth === 2
      ? 2
      : isPlain3x3 && strideHeight * strideWidth === 1 && outHeight > 1
        ? 1
        : 0;
  /** Padded columns that share a remainder modulo the stride; they lie together. */
  const phaseWidth = Math.ceil(paddedWidth / strideWidth);
  const pitch = phaseWidth * strideWidth;

  const offsetsBytes = alignedBytes(taps * 4);
  const sumsBytes = alignedBytes(outHeight * (outWidth + 4) * 4);
  const decodedBytes = alignedBytes(weights.scratchBytes(outChannels));
  // Vectors read a little too far in narrow planes.
  const paddedBytes = alignedBytes(paddedHeight * pitch * 4 + 64);
  workspace.call(
    y,
    [x, epilogue.scale, epilogue.bias, epilogue.addend],
    offsetsBytes + sumsBytes + decodedBytes + 2 * paddedBytes,
    (yAt, offsets, [xAt, scale, bias, addend]) => {
      const sums = offsets + offsetsBytes;
      const decoded = sums + sumsBytes;
      const table = new Int32Array(workspace.heap.buffer, offsets, taps);
      for (let t = 0; t < taps; t++) {
        const ky = Math.floor(t / kernelWidth);
        const kx = t - ky * kernelWidth;
        const column = kx * dilationWidth;
        const place = (column % strideWidth) * phaseWidth + Math.floor(column / strideWidth);
        table[t] = 4 * (ky * dilationHeight * pitch + place);
      }
      workspace.exports.depthwise(
        xAt!,
        weights.panels(0, 0, outChannels, decoded),
        offsets,
        taps,
        decoded + decodedBytes,
        paddedBytes,
        sums,
        yAt,
        batch,
        inChannels,
        outChannels / inChannels,
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
        scale!,
        bias!,
        addend!,
        epilogue.low ?? Number.NEGATIVE_INFINITY,
        epilogue.high ?? Number.POSITIVE_INFINITY,
      );
    },
  );
}
