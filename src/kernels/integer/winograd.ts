import type { Conv2dShape } from '../contract.ts';
import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { roundedRows, type SumPlan } from './conv2d.ts';
import type { HeapLevels } from './heap-levels.ts';
import { padding } from './padding.ts';

/** Transformed inputs of a block of tiles are to stay in the second-level cache. */
const BLOCK_BYTES = 1024 * 1024;
const PLACES = 16;
const PRODUCT_BYTES = 2048;

/**
 * Whether the layer is one for Winograd's algorithm: 3 × 3 of stride 1, with enough channels to pay for the transforms.
 * Measured by `node bench/kernels.mjs`.
 */
export function isWinograd(shape: Conv2dShape): boolean {
  const { kernelHeight, kernelWidth, strideHeight, strideWidth, dilationHeight, dilationWidth } = shape;
  return (
    kernelHeight === 3 &&
    kernelWidth === 3 &&
    strideHeight === 1 &&
    strideWidth === 1 &&
    dilationHeight === 1 &&
    dilationWidth === 1 &&
    shape.groups === 1 &&
    shape.inChannels % 8 === 0 &&
    shape.inChannels >= 16 &&
    shape.outHeight * shape.outWidth >= 16
  );
}

/** Sums by tiles of 2 × 2 pixels, see winograd.as.ts; a block is some rows of tiles. */
export function planWinograd(
  workspace: Workspace,
  weights: HeapLevels,
  shape: Conv2dShape,
  zero: number,
): SumPlan & { readonly line: number } {
  const { inChannels, outHeight, outWidth } = shape;
  const { exports } = workspace;
  const down = Math.ceil(outHeight / 2);
  const across = Math.ceil(outWidth / 2);
  const padded = padding(shape, [2 * down + 2, 2 * across + 2]);
  const pairs = inChannels / 2;
  const tileBytes = PLACES * inChannels * 2;
  const rows = roundedRows(weights.rows);
  const line = rows * 4;
  const tileRows = Math.min(
    down,
    Math.max(1, Math.floor(BLOCK_BYTES / Math.max(tileBytes, line * 4) / across)),
  );
  const panels = rows / 4;
  const panelBytes = PLACES * pairs * 16;
  const transformedBytes = alignedBytes(panels * panelBytes);
  const tilesBytes = alignedBytes(tileRows * across * tileBytes);
  const decodedBytes = alignedBytes(weights.scratchBytes(weights.rows));
  return {
    line,
    blockPixels: Math.min(2 * tileRows, outHeight) * outWidth,
    scratchBytes: transformedBytes + tilesBytes + Math.max(decodedBytes, padded.scratchBytes) + PRODUCT_BYTES,
    prepare(scratch) {
      const decoded = scratch + transformedBytes + tilesBytes + PRODUCT_BYTES;
      weights.decode(0, weights.rows, decoded);
      exports.transformWeights(decoded, panels, pairs, scratch);
    },
    run(image, scratch, sums, done) {
      const tiles = scratch + transformedBytes;
      const products = tiles + tilesBytes;
      const source = padded.of(workspace, image, zero, products + PRODUCT_BYTES);
      for (let top = 0; top < down; top += tileRows) {
        const first = top * across;
        const count = Math.min(tileRows, down - top) * across;
        exports.transformInput(source, inChannels, padded.rowBytes, zero, first, count, across, tiles);
        exports.multiplyTiles(
          scratch,
          panelBytes,
          rows,
          pairs,
          tiles,
          first,
          count,
          across,
          outHeight,
          outWidth,
          products,
          sums,
          line,
        );
        const pixel = 2 * top * outWidth;
        done(0, weights.rows, pixel, Math.min(2 * tileRows * outWidth, outHeight * outWidth - pixel));
      }
    },
  };
}
