import type { Conv2dShape, PreparedWeights } from '../contract.ts';
import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { checkBinaryConv2d, checkPackSigns, checkPoolSigns, checkSigns } from './check.ts';
import { type BinaryKernels, type FloatFinish, mapBytes, type SignFinish } from './contract.ts';
import { HeapSigns } from './heap-signs.ts';

/** Windows and sums of a block of pixels are to stay in the first-level cache beside the rows that pass by. */
const BLOCK_BYTES = 24 * 1024;
/** Rows of a word of a sign map. */
const WORD = 64;
const LEAST_INT32 = -(2 ** 31);

/** The binary kernels in WebAssembly. */
export function binarySimd(workspace: Workspace): BinaryKernels {
  return {
    packSigns(x, map, batch, channels, pixels) {
      checkPackSigns(x, map, batch, channels, pixels);
      let hasNone = false;
      workspace.call(map, [x], 0, (to, _, [from]) => {
        for (let n = 0; n < batch; n++) {
          const source = from! + n * channels * pixels * 4;
          const target = to + n * pixels * mapBytes(channels);
          const found = workspace.exports.packSigns(source, channels, pixels, target, mapBytes(channels) / 8);
          if (found !== 0) hasNone = true;
        }
      });
      return hasNone;
    },
    prepareBinary(negative, shape) {
      checkSigns(negative, shape);
      return new HeapSigns(workspace, negative, shape);
    },
    binaryConv2d(map, weights, shape, finish) {
      const rows = ownSigns(weights);
      checkBinaryConv2d(map, rows.shape, shape, finish);
      binaryConv2dSimd(workspace, map, rows, shape, finish);
    },
    poolSigns(map, y, shape) {
      checkPoolSigns(map, y, shape);
      const bytes = mapBytes(shape.inChannels);
      workspace.call(y, [map], WINDOW_BYTES, (to, window, [from]) => {
        layOutWindow(workspace, window, shape, bytes);
        for (let n = 0; n < shape.batch; n++) {
          const source = from! + n * shape.inHeight * shape.inWidth * bytes;
          const target = to + n * shape.outHeight * shape.outWidth * bytes;
          workspace.exports.poolSigns(source, window, target);
        }
      });
    },
  };
}

function binaryConv2dSimd(
  workspace: Workspace,
  map: Uint8Array,
  weights: HeapSigns,
  shape: Conv2dShape,
  finish: SignFinish | FloatFinish,
): void {
  const { batch, inChannels, inHeight, inWidth, outHeight, outWidth } = shape;
  const { rows, evenRows, rowBytes } = weights;
  const plane = outHeight * outWidth;
  if (plane * batch === 0 || rows === 0) return;
  // A fully connected layer sees a whole image in one window: its images are then the pixels of one.
  const isWhole = plane === 1 && rowBytes === inHeight * inWidth * mapBytes(inChannels) && isUnpadded(shape);
  const images = isWhole ? 1 : batch;
  const pixels = isWhole ? batch : plane;
  const perPixel = rowBytes + evenRows * 4;
  const block = Math.min(pixels, 2 * Math.max(1, Math.floor(BLOCK_BYTES / perPixel / 2)));
  const patchBytes = alignedBytes(block * rowBytes);
  const sumBytes = alignedBytes(block * evenRows * 4 + 16);
  const words = Math.ceil(rows / WORD);
  const thresholdBytes = words * WORD * 4;
  const { exports } = workspace;
  const floats = finish.kind === 'floats' ? [finish.alpha, finish.scale, finish.bias] : [];
  const scratchBytes = WINDOW_BYTES + patchBytes + sumBytes + alignedBytes(thresholdBytes) + words * 8;
  workspace.call(finish.y, [map, ...floats], scratchBytes, (y, window, [from, alpha, scale, bias]) => {
    layOutWindow(workspace, window, isWhole ? WHOLE : shape, mapBytes(inChannels));
    const patches = window + WINDOW_BYTES;
    const sums = patches + patchBytes;
    const thresholds = sums + sumBytes;
    const flips = thresholds + alignedBytes(thresholdBytes);
    if (finish.kind === 'signs') layOut(workspace.heap.buffer, finish, thresholds, flips, words);
    for (let n = 0; n < images; n++) {
      const image = from! + n * inHeight * inWidth * mapBytes(inChannels);
      for (let first = 0; first < pixels; first += block) {
        const count = Math.min(block, pixels - first);
        // The images of a fully connected layer lie one behind the other as they are.
        const windows = isWhole ? image + first * rowBytes : patches;
        if (!isWhole) exports.gatherWords(image, window, first, count, patches);
        exports.countDifferences(weights.words, evenRows, windows, count, rowBytes / 8, sums);
        exports.toSums(sums, evenRows, weights.columns, isWhole ? 0 : first, count, window, weights.tapSums);
        const at = n * plane + first;
        if (finish.kind === 'signs')
          exports.signsOfSums(sums, evenRows, count, thresholds, flips, y + at * words * 8, words);
        else {
          const { low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY } = finish;
          exports.floatsOfSums(
            sums,
            rows,
            evenRows - rows,
            count,
            alpha!,
            scale!,
            bias!,
            low,
            high,
            y + 4 * (isWhole ? first * rows : n * rows * plane + first),
            isWhole ? 1 : plane,
            isWhole ? rows : 1,
          );
        }
      }
    }
  });
}

/** Thresholds of rows that are not there are never reached; their flips are 0. */
function layOut(
  buffer: ArrayBuffer,
  finish: SignFinish,
  thresholds: number,
  flips: number,
  words: number,
): void {
  const own = new Int32Array(buffer, thresholds, words * WORD).fill(LEAST_INT32);
  own.set(finish.thresholds);
  const bits = new Uint8Array(buffer, flips, words * 8).fill(0);
  for (const [r, flip] of finish.flips.entries()) bits[r >> 3] |= flip << (r & 7);
}

function isUnpadded({ padTop, padLeft, kernelHeight, kernelWidth, inHeight, inWidth }: Conv2dShape): boolean {
  return padTop === 0 && padLeft === 0 && kernelHeight === inHeight && kernelWidth === inWidth;
}

/** A window of one pixel, which never leaves a line of any length. */
const WHOLE = {
  ...{ inHeight: 1, inWidth: 2 ** 30, outHeight: 1, outWidth: 2 ** 30, kernelHeight: 1, kernelWidth: 1 },
  ...{ strideHeight: 1, strideWidth: 1, dilationHeight: 1, dilationWidth: 1, padTop: 0, padLeft: 0 },
};

const WINDOW_BYTES = 64;

/** A window as the binary reads it, see binary.as.ts. */
function layOutWindow(workspace: Workspace, at: number, shape: typeof WHOLE, bytes: number): void {
  const { inHeight, inWidth, outHeight, outWidth, kernelHeight, kernelWidth } = shape;
  const { strideHeight, strideWidth, dilationHeight, dilationWidth, padTop, padLeft } = shape;
  new Int32Array(workspace.heap.buffer, at, WINDOW_BYTES / 4).set([
    ...[inHeight, inWidth, bytes / 8, outHeight, outWidth, kernelHeight, kernelWidth],
    ...[strideHeight, strideWidth, dilationHeight, dilationWidth, padTop, padLeft],
  ]);
}

function ownSigns(weights: PreparedWeights): HeapSigns {
  if (weights instanceof HeapSigns) return weights;
  throw new TypeError('kernels: these weights were prepared by another set of kernels');
}
