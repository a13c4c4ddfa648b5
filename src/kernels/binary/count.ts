import type { Conv2dShape } from '../contract.ts';
import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { type FloatFinish, mapBytes, type SignFinish } from './contract.ts';
import type { HeapSigns } from './heap-signs.ts';
import { layOutWindow, WHOLE, WINDOW_BYTES } from './window.ts';

/** Windows and sums of a block of pixels are to stay in the first-level cache beside the rows that pass by. */
const BLOCK_BYTES = 24 * 1024;
/** Rows of a word of a sign map. */
const WORD = 64;
const LEAST_INT32 = -(2 ** 31);

/** A convolution by XOR and popcount, a block of pixels after the other, the words under their windows gathered before. */
export function convolveByCounting(
  workspace: Workspace,
  map: Uint8Array,
  weights: HeapSigns,
  shape: Conv2dShape,
  finish: SignFinish | FloatFinish,
): void {
  const { batch, inChannels, inHeight, inWidth, outHeight, outWidth, groups } = shape;
  const { rows, rowBytes, lineRows } = weights;
  const plane = outHeight * outWidth;
  // A fully connected layer sees a whole image in one window: its images are then the pixels of one.
  const isWhole =
    plane === 1 &&
    groups === 1 &&
    rowBytes === inHeight * inWidth * mapBytes(inChannels) &&
    isUnpadded(shape);
  const images = isWhole ? 1 : batch;
  const pixels = isWhole ? batch : plane;
  const perPixel = rowBytes + lineRows * 4;
  const block = Math.min(pixels, 2 * Math.max(1, Math.floor(BLOCK_BYTES / perPixel / 2)));
  const patchBytes = alignedBytes(block * rowBytes);
  const sumBytes = alignedBytes(block * lineRows * 4 + 16);
  const slices = finish.kind === 'signs' ? finish.thresholds.length / rows : 1;
  // Slices that begin within a word are compared as rows of their own.
  const isSplit = slices > 1 && rows % WORD !== 0;
  const copyBytes = isSplit ? alignedBytes(block * slices * rows * 4 + 16) : 0;
  const words = Math.ceil((slices * rows) / WORD);
  const thresholdBytes = alignedBytes(words * WORD * 4);
  const { exports } = workspace;
  const floats = finish.kind === 'floats' ? [finish.alpha, finish.scale, finish.bias] : [];
  const scratchBytes = WINDOW_BYTES + patchBytes + sumBytes + copyBytes + thresholdBytes + words * 8;
  workspace.call(finish.y, [map, ...floats], scratchBytes, (y, window, [from, alpha, scale, bias]) => {
    layOutWindow(workspace, window, isWhole ? WHOLE : shape, mapBytes(inChannels));
    const patches = window + WINDOW_BYTES;
    const sums = patches + patchBytes;
    const copies = sums + sumBytes;
    const thresholds = copies + copyBytes;
    const flips = thresholds + thresholdBytes;
    if (finish.kind === 'signs') layOut(workspace.heap.buffer, finish, thresholds, flips, words);

    /** Sums of a block of pixels of one image. */
    const count = (image: number, first: number, pixelCount: number): void => {
      for (let g = 0; g < groups; g++) {
        const channels = inChannels / groups;
        // The images of a fully connected layer lie one behind the other as they are.
        const windows = isWhole ? image + first * rowBytes : patches;
        if (groups > 1) exports.gatherBits(image, window, first, pixelCount, g * channels, channels, patches);
        else if (!isWhole) exports.gatherWords(image, window, first, pixelCount, patches);
        const signs = weights.words + g * weights.evenRows * rowBytes;
        // The row that makes the rows of a group even is overwritten by the next group.
        const to = sums + (g * rows * 4) / groups;
        exports.countDifferences(signs, weights.evenRows, windows, pixelCount, rowBytes / 8, to, lineRows);
      }
      const inWindow = isWhole ? 0 : first;
      exports.toSums(sums, lineRows, weights.columns, inWindow, pixelCount, window, weights.tapSums);
    };

    const compare = (pixelCount: number, to: number): void => {
      if (isSplit) {
        repeatRows(workspace.heap.buffer, sums, lineRows, rows, pixelCount, slices, copies);
        const all = slices * rows;
        exports.signsOfSums(copies, all, all, pixelCount, thresholds, flips, to, words, words);
        return;
      }
      const own = words / slices;
      for (let s = 0; s < slices; s++) {
        const [bounds, turned] = [thresholds + s * own * WORD * 4, flips + s * own * 8];
        exports.signsOfSums(sums, rows, lineRows, pixelCount, bounds, turned, to + s * own * 8, own, words);
      }
    };

    for (let n = 0; n < images; n++) {
      const image = from! + n * inHeight * inWidth * mapBytes(inChannels);
      for (let first = 0; first < pixels; first += block) {
        const pixelCount = Math.min(block, pixels - first);
        count(image, first, pixelCount);
        if (finish.kind === 'signs') {
          compare(pixelCount, y + (n * plane + first) * words * 8);
          continue;
        }
        const { low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY } = finish;
        const to = y + 4 * (isWhole ? first * rows : n * rows * plane + first);
        const [toRow, toPixel] = isWhole ? [1, rows] : [plane, 1];
        const spare = lineRows - rows;
        exports.floatsOfSums(
          sums,
          rows,
          spare,
          pixelCount,
          alpha!,
          scale!,
          bias!,
          low,
          high,
          to,
          toRow,
          toPixel,
        );
      }
    }
  });
}

/** Sums [pixels, lineRows] as [pixels, times·rows]. */
function repeatRows(
  buffer: ArrayBuffer,
  sums: number,
  lineRows: number,
  rows: number,
  pixels: number,
  times: number,
  to: number,
): void {
  const [from, copy] = [new Int32Array(buffer, sums), new Int32Array(buffer, to)];
  for (let p = 0; p < pixels; p++) {
    const line = from.subarray(p * lineRows, p * lineRows + rows);
    for (let s = 0; s < times; s++) copy.set(line, (p * times + s) * rows);
  }
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
  const { flips: turned } = finish;
  for (let r = 0; r < turned.length; r++) bits[r >> 3] |= turned[r] << (r & 7);
}

function isUnpadded({ padTop, padLeft, kernelHeight, kernelWidth, inHeight, inWidth }: Conv2dShape): boolean {
  return padTop === 0 && padLeft === 0 && kernelHeight === inHeight && kernelWidth === inWidth;
}
