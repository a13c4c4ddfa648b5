import type { Conv2dShape, Epilogue } from '../contract.ts';
import { PANEL_PIXELS, type PanelWeights } from '../gemm/panels.ts';
import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';

/** A block of pixel panels is to stay in the second-level cache beside the weights that pass by. */
const PIXEL_BLOCK_BYTES = 192 * 1024;
/** Decoded once a block, codes want more pixels to a block; a larger one streams from the third level. */
const CODED_BLOCK_BYTES = 1024 * 1024;
/** Decoded panels that are in scratch at a time. */
const DECODED_BYTES = 64 * 1024;

/**
 * Convolution as a product of weight panels and panels of patches, blocked over pixels. Without padding the patches are
 * read from x itself, with padding from a zero-padded copy of the images of the block.
 */
export function conv2dSimd(
  workspace: Workspace,
  x: Float32Array,
  weights: PanelWeights,
  y: Float32Array,
  shape: Conv2dShape,
  epilogue: Epilogue,
): void {
  const { batch, inChannels, inHeight, inWidth, outChannels, outWidth, groups } = shape;
  const { kernelHeight, kernelWidth, strideHeight, strideWidth, dilationHeight, dilationWidth } = shape;
  const plane = shape.outHeight * outWidth;
  const columns = weights.columns;
  if (plane * batch === 0 || outChannels === 0) return;

  const { paddedHeight, paddedWidth } = paddedSize(shape);
  const isPadded = paddedHeight !== inHeight || paddedWidth !== inWidth;
  const pitch = isPadded ? paddedWidth : inWidth;
  const inPlane = pitch * (isPadded ? paddedHeight : inHeight);
  const imageBytes = inPlane * inChannels * 4;

  const blockBytes = weights.isCoded ? CODED_BLOCK_BYTES : PIXEL_BLOCK_BYTES;
  const blockPixels = roundToPanels(Math.max(blockBytes / 4 / Math.max(columns, 1), 64));
  const images = Math.min(batch, Math.max(1, Math.floor(blockPixels / plane)));
  const blocks = Math.ceil((images * plane) / blockPixels);
  const pixelsPerBlock = Math.min(roundToPanels((images * plane) / blocks), roundToPanels(images * plane));

  const decodedRows = Math.max(4, Math.floor(DECODED_BYTES / 16 / Math.max(columns, 1)) * 4);
  const rowsPerBlock = weights.isCoded ? Math.min(decodedRows, weights.groupRows) : weights.groupRows;

  const offsetsBytes = alignedBytes(columns * 4);
  const patchBytes = alignedBytes(columns * pixelsPerBlock * 4);
  const decodedBytes = alignedBytes(weights.scratchBytes(rowsPerBlock));
  const paddedBytes = isPadded ? imageBytes * images : 0;
  const { exports } = workspace;
  const low = epilogue.low ?? Number.NEGATIVE_INFINITY;
  const high = epilogue.high ?? Number.POSITIVE_INFINITY;

  workspace.call(
    y,
    [x, epilogue.scale, epilogue.bias, epilogue.addend],
    offsetsBytes + patchBytes + decodedBytes + paddedBytes,
    (yAt, offsets, [xAt, scale, bias, addend]) => {
      const patches = offsets + offsetsBytes;
      const decoded = patches + patchBytes;
      const padded = decoded + decodedBytes;
      const table = new Int32Array(workspace.heap.buffer, offsets, columns);
      let k = 0;
      for (let c = 0; c < inChannels / groups; c++) {
        for (let ky = 0; ky < kernelHeight; ky++) {
          for (let kx = 0; kx < kernelWidth; kx++) {
            table[k++] = 4 * (c * inPlane + ky * dilationHeight * pitch + kx * dilationWidth);
          }
        }
      }
      const outImageBytes = outChannels * plane * 4;
      for (let n = 0; n < batch; n += images) {
        const pixels = Math.min(images, batch - n) * plane;
        let source = xAt! + n * inChannels * inHeight * inWidth * 4;
        if (isPadded) {
          const planes = (pixels / plane) * inChannels;
          exports.padPlanes(
            source,
            planes,
            inHeight,
            inWidth,
            padded,
            shape.padTop,
            shape.padLeft,
            paddedHeight,
            paddedWidth,
          );
          source = padded;
        }
        for (let g = 0; g < groups; g++) {
          const groupSource = source + g * (inChannels / groups) * inPlane * 4;
          for (let first = 0; first < pixels; first += pixelsPerBlock) {
            const count = Math.min(pixelsPerBlock, pixels - first);
            exports.packPatches(
              groupSource,
              offsets,
              columns,
              patches,
              first,
              count,
              outWidth,
              plane,
              strideHeight * pitch * 4,
              strideWidth * 4,
              imageBytes,
            );
            for (let row = 0; row < weights.groupRows; row += rowsPerBlock) {
              const rows = Math.min(rowsPerBlock, weights.groupRows - row);
              const channel = g * weights.groupRows + row;
              const at = (n * outChannels + channel) * plane * 4;
              exports.multiply(
                weights.panels(g, row, rows, decoded),
                rows,
                columns,
                patches,
                first,
                count,
                yAt + at,
                plane,
                outImageBytes,
                scale! && scale! + channel * 4,
                bias! && bias! + channel * 4,
                addend! && addend! + at,
                low,
                high,
              );
            }
          }
        }
      }
    },
  );
}

/** Size of the input with the padding that the windows reach; never less than the input. */
export function paddedSize(shape: Conv2dShape): { paddedHeight: number; paddedWidth: number } {
  const reach = (out: number, stride: number, kernel: number, dilation: number): number =>
    (out - 1) * stride + (kernel - 1) * dilation + 1;
  const { padTop, padLeft, inHeight, inWidth } = shape;
  return {
    paddedHeight: Math.max(
      inHeight + padTop,
      reach(shape.outHeight, shape.strideHeight, shape.kernelHeight, shape.dilationHeight),
    ),
    paddedWidth: Math.max(
      inWidth + padLeft,
      reach(shape.outWidth, shape.strideWidth, shape.kernelWidth, shape.dilationWidth),
    ),
  };
}

function roundToPanels(pixels: number): number {
  return Math.ceil(pixels / PANEL_PIXELS) * PANEL_PIXELS;
}
