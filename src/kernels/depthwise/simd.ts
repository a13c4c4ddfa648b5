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
  const isThreeByThree =
    kernelHeight === 3 && kernelWidth === 3 && dilationHeight === 1 && dilationWidth === 1;

  const offsetsBytes = alignedBytes(taps * 4);
  const decodedBytes = alignedBytes(weights.scratchBytes(outChannels));
  // The last vector of a row reads up to 3 outputs and 3 floats too far.
  const paddedBytes = alignedBytes((paddedHeight * paddedWidth + 4 * strideWidth + 4) * 4);
  workspace.call(
    y,
    [x, epilogue.scale, epilogue.bias, epilogue.addend],
    offsetsBytes + decodedBytes + paddedBytes,
    (yAt, offsets, [xAt, scale, bias, addend]) => {
      const decoded = offsets + offsetsBytes;
      const table = new Int32Array(workspace.heap.buffer, offsets, taps);
      for (let t = 0; t < taps; t++) {
        const ky = Math.floor(t / kernelWidth);
        const kx = t - ky * kernelWidth;
        table[t] = 4 * (ky * dilationHeight * paddedWidth + kx * dilationWidth);
      }
      workspace.exports.depthwise(
        xAt!,
        weights.panels(0, 0, outChannels, decoded),
        offsets,
        taps,
        decoded + decodedBytes,
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
        paddedHeight,
        paddedWidth,
        strideHeight,
        strideWidth,
        isThreeByThree ? 1 : 0,
        scale!,
        bias!,
        addend!,
        epilogue.low ?? Number.NEGATIVE_INFINITY,
        epilogue.high ?? Number.POSITIVE_INFINITY,
      );
    },
  );
}
