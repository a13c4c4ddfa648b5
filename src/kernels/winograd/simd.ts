import type { Conv2dShape, Epilogue } from '../contract.ts';
import type { PanelWeights } from '../gemm/panels.ts';
import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';

const PLACES = 16;
/** Outputs of a group of 4 tiles side by side. */
const GROUP_WIDTH = 8;
/** Transformed inputs of a block are to stay in the second-level cache. */
const INPUT_BLOCK_BYTES = 1024 * 1024;
/** Transformed weights pass by once a panel of tiles, so they are to stay there as well. */
const WEIGHT_BLOCK_BYTES = 128 * 1024;
/** Products of a tile, and a line at the edge of a plane. */
const PRODUCT_BYTES = 4 * PLACES * 128 + 64;

/** Convolution by winograd.as.ts, blocked over groups of tiles and over rows of weights, for shapes of `isWinograd`. */
export function winogradSimd(
  workspace: Workspace,
  x: Float32Array,
  weights: PanelWeights,
  y: Float32Array,
  shape: Conv2dShape,
  epilogue: Epilogue,
): void {
  const { batch, inChannels, inHeight, inWidth, outChannels, outHeight, outWidth, padTop, padLeft } = shape;
  if (batch * outHeight * outWidth === 0) return;
  const { exports } = workspace;
  const down = Math.ceil(outHeight / 2);
  const across = Math.ceil(outWidth / GROUP_WIDTH);
  const paddedHeight = Math.max(inHeight + padTop, 2 * down + 2);
  const paddedWidth = Math.max(inWidth + padLeft, GROUP_WIDTH * across + 2);
  const planeBytes = paddedHeight * paddedWidth * 4;
  const outImageBytes = outChannels * outHeight * outWidth * 4;

  // A line more than the channels take: 16 places at a multiple of 4 KiB would share a set of the first-level cache.
  const placeBytes = inChannels * 32 + 64;
  const panelBytes = PLACES * placeBytes;
  const blockGroups = 2 * Math.max(1, Math.floor(INPUT_BLOCK_BYTES / panelBytes));
  const images = Math.min(batch, Math.max(1, Math.floor(blockGroups / (down * across))));
  const groups = images * down * across;
  const groupsPerBlock = 2 * Math.ceil(groups / Math.ceil(groups / blockGroups) / 2);

  const weightPlaceBytes = inChannels * 16 + 64;
  const rowBytes = (PLACES * weightPlaceBytes) / 4;
  const rowsPerBlock = Math.min(outChannels, 4 * Math.max(1, Math.floor(WEIGHT_BLOCK_BYTES / rowBytes / 4)));
  const weightBytes = Math.ceil(rowsPerBlock / 4) * 4 * rowBytes;
  const inputBytes = Math.ceil(groupsPerBlock / 2) * panelBytes;
  const decodedBytes = alignedBytes(weights.scratchBytes(rowsPerBlock));
  const low = epilogue.low ?? Number.NEGATIVE_INFINITY;
  const high = epilogue.high ?? Number.POSITIVE_INFINITY;

  workspace.call(
    y,
    [x, epilogue.scale, epilogue.bias, epilogue.addend],
    weightBytes + inputBytes + PRODUCT_BYTES + decodedBytes + alignedBytes(images * inChannels * planeBytes),
    (yAt, transformed, [xAt, scale, bias, addend]) => {
      const inputs = transformed + weightBytes;
      const products = inputs + inputBytes;
      const decoded = products + PRODUCT_BYTES;
      const padded = decoded + decodedBytes;
      for (let n = 0; n < batch; n += images) {
        const count = Math.min(images, batch - n);
        exports.padPlanes(
          xAt! + n * inChannels * inHeight * inWidth * 4,
          count * inChannels,
          inHeight,
          inWidth,
          padded,
          padTop,
          padLeft,
          paddedHeight,
          paddedWidth,
        );
        for (let first = 0; first < count * down * across; first += groupsPerBlock) {
          const blockGroups = Math.min(groupsPerBlock, count * down * across - first);
          exports.winogradInput(
            padded,
            inChannels,
            paddedWidth * 4,
            planeBytes,
            first,
            blockGroups,
            across,
            down,
            placeBytes,
            inputs,
          );
          for (let row = 0; row < outChannels; row += rowsPerBlock) {
            const rows = Math.min(rowsPerBlock, outChannels - row);
            const at = n * outImageBytes + row * outHeight * outWidth * 4;
            const panels = weights.panels(0, row, rows, decoded);
            exports.winogradWeights(panels, Math.ceil(rows / 4), inChannels, weightPlaceBytes, transformed);
            exports.winogradMultiply(
              transformed,
              rows,
              inChannels,
              weightPlaceBytes,
              inputs,
              placeBytes,
              first,
              blockGroups,
              across,
              down,
              products,
              yAt + at,
              outHeight,
              outWidth,
              outImageBytes,
              scale! && scale! + row * 4,
              bias! && bias! + row * 4,
              addend! && addend! + at,
              low,
              high,
            );
          }
        }
      }
    },
  );
}
