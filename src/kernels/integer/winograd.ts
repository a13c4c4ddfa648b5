import type { Conv2dShape } from '../contract.ts';
import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';
import type { IntegerWeightShape } from './contract.ts';
import { roundedRows, type SumPlan } from './conv2d.ts';
import type { HeapLevels } from './heap-levels.ts';
import { padding } from './padding.ts';

/** Transformed inputs of a block of tiles are to stay in the second-level cache. */
const BLOCK_BYTES = 1024 * 1024;
/** Products of the definition that one thread makes in a nanosecond, and what it takes to transform a weight, about. */
const MACS_PER_NS = 50;
const TRANSFORM_NS = 0.5;
const PLACES = 16;
const PRODUCT_BYTES = 2048;

/**
 * Whether the layer is one for Winograd's algorithm: 3 × 3 of stride 1, with enough channels to pay for the transforms.
 * Measured by `node bench/integer-kernels.mjs`.
 */
export function isWinograd(shape: Conv2dShape): boolean {
  const { strideHeight, strideWidth, dilationHeight, dilationWidth } = shape;
  const isPlain = strideHeight === 1 && strideWidth === 1 && dilationHeight === 1 && dilationWidth === 1;
  return hasWinogradWeights(shape) && isPlain && shape.outHeight * shape.outWidth >= 16;
}

/** Whether it is one at stride 1. */
export function hasWinogradWeights(shape: IntegerWeightShape): boolean {
  const { kernelHeight, kernelWidth, inChannels, groups } = shape;
  return kernelHeight === 3 && kernelWidth === 3 && groups === 1 && inChannels % 8 === 0 && inChannels >= 16;
}

/** Sums by tiles of 2 × 2 pixels, see winograd.as.ts; a block is some rows of tiles. */
export function planWinograd(
  workspace: Workspace,
  weights: HeapLevels,
  shape: Conv2dShape,
  zero: number,
): SumPlan {
  const { inChannels, outHeight, outWidth } = shape;
  const down = Math.ceil(outHeight / 2);
  const across = Math.ceil(outWidth / 2);
  const padded = padding(shape, [2 * down + 2, 2 * across + 2]);
  const pairs = inChannels / 2;
  const tileBytes = PLACES * inChannels * 2;
  const rows = roundedRows(weights.rows);
  const line = rows * 4;
  const nanoseconds = (weights.rows * weights.columns * outHeight * outWidth) / MACS_PER_NS;
  const tileRows = Math.min(
    Math.ceil(down / workspace.parts(nanoseconds)),
    Math.max(1, Math.floor(BLOCK_BYTES / Math.max(tileBytes, line * 4) / across)),
  );
  const panels = rows / 4;
  const panelBytes = PLACES * pairs * 16;
  const transformedBytes = alignedBytes(panels * panelBytes);
  const tilesBytes = alignedBytes(tileRows * across * tileBytes);
  const decodedBytes = alignedBytes(weights.scratchBytes(weights.rows));
  const behind = transformedBytes;
  return {
    line,
    blockPixels: Math.min(2 * tileRows, outHeight) * outWidth,
    blocks: Math.ceil(down / tileRows),
    panelRows: rows,
    nanoseconds,
    sharedBytes: transformedBytes + Math.max(decodedBytes, padded.scratchBytes),
    ownBytes: tilesBytes + PRODUCT_BYTES,
    prepare() {},
    decode(row, count, shared) {
      const decoded = shared + behind;
      weights.decode(row, count, decoded);
      const work = { nanoseconds: rows * weights.columns * TRANSFORM_NS };
      workspace.run(
        workspace.ranges(panels, work).map(({ from, to }) => {
          const source = decoded + from * weights.panelBytes;
          return [['transformWeights', source, to - from, pairs, shared + from * panelBytes]];
        }),
      );
    },
    open: (image, shared) => padded.of(workspace, image, zero, shared + behind),
    addSums(task, source, shared, tiles, sums, _rows, block) {
      const top = block * tileRows;
      const first = top * across;
      const count = Math.min(tileRows, down - top) * across;
      task.push(['transformInput', source, inChannels, padded.rowBytes, zero, first, count, across, tiles]);
      task.push([
        'multiplyTiles',
        shared,
        panelBytes,
        rows,
        pairs,
        tiles,
        first,
        count,
        across,
        outHeight,
        outWidth,
        tiles + tilesBytes,
        sums,
        line,
      ]);
      const pixel = 2 * top * outWidth;
      return { first: pixel, count: Math.min(2 * tileRows * outWidth, outHeight * outWidth - pixel) };
    },
  };
}
