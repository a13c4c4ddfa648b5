import type { Conv2dShape } from '../contract.ts';
import { alignedBytes } from '../heap.ts';
import { type KernelCall, ownScratch } from '../threads/team.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { type FloatFinish, mapBytes, type SignFinish } from './contract.ts';
import type { HeapSigns } from './heap-signs.ts';
import { layOutWindow, WHOLE, WINDOW_BYTES } from './window.ts';

/** Windows and sums of a block of pixels are to stay in the first-level cache beside the rows that pass by. */
const BLOCK_BYTES = 24 * 1024;
/** Products of one bit by one bit in a nanosecond, about. */
const MACS_PER_NS = 100;
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
  const nanoseconds = (images * pixels * lineRows * rowBytes * 8) / MACS_PER_NS;
  const parts = workspace.parts(nanoseconds);
  const slices = finish.kind === 'signs' ? finish.thresholds.length / rows : 1;
  // With few images a fully connected layer is divided by rows, whole words of them.
  const isByRows = isWhole && slices === 1 && pixels < 2 * parts && rows > WORD;
  const largest = 2 * Math.max(1, Math.floor(BLOCK_BYTES / perPixel / 2));
  const block = Math.min(pixels, largest, isByRows ? largest : 2 * Math.ceil((images * pixels) / parts / 2));
  const patchBytes = isWhole ? 0 : alignedBytes(block * rowBytes);
  const sumBytes = alignedBytes(block * lineRows * 4 + 16);
  // Slices that begin within a word are compared as rows of their own.
  const isSplit = slices > 1 && rows % WORD !== 0;
  const copyBytes = isSplit ? alignedBytes(block * slices * rows * 4 + 16) : 0;
  const words = Math.ceil((slices * rows) / WORD);
  const thresholdBytes = alignedBytes(words * WORD * 4);
  const floats = finish.kind === 'floats' ? [finish.alpha, finish.scale, finish.bias] : [];
  const [patches, sums, copies] = [0, patchBytes, patchBytes + sumBytes].map(ownScratch) as [
    number,
    number,
    number,
  ];
  const run = (y: number, window: number, [from, alpha, scale, bias]: number[]): void => {
    layOutWindow(workspace, window, isWhole ? WHOLE : shape, mapBytes(inChannels));
    const thresholds = window + WINDOW_BYTES;
    const flips = thresholds + thresholdBytes;
    if (finish.kind === 'signs') layOut(workspace.heap.buffer, finish, thresholds, flips, words);

    /** Signs of sums of so many rows from `row` on, of all slices. */
    const compare = (
      task: KernelCall[],
      at: number,
      count: number,
      row: number,
      own: number,
      line: number,
    ): void => {
      if (isSplit) {
        const all = slices * rows;
        task.push(['repeatRows', sums, line, rows, count, slices, copies]);
        task.push(['signsOfSums', copies, all, all, count, thresholds, flips, at, words, words]);
        return;
      }
      for (let s = 0; s < slices; s++) {
        const first = s * rows + row;
        const [t, f, to] = [thresholds + first * 4, flips + first / 8, at + first / 8];
        task.push(['signsOfSums', sums, own, line, count, t, f, to, Math.ceil(own / WORD), words]);
      }
    };

    const blocks = Math.ceil(pixels / block);
    /** Adds rows row … last − 1 of a block of pixels to a task. */
    const addBlock = (task: KernelCall[], unit: number, row: number, last: number): void => {
      const n = Math.floor(unit / blocks);
      const first = (unit - n * blocks) * block;
      const count = Math.min(block, pixels - first);
      const image = from! + n * inHeight * inWidth * mapBytes(inChannels);
      const own = last - row;
      const line = isByRows ? own + (own % 2) : lineRows;
      const even = isByRows ? line : weights.evenRows;
      for (let g = 0; g < groups; g++) {
        const channels = inChannels / groups;
        // The images of a fully connected layer lie one behind the other as they are.
        const windows = isWhole ? image + first * rowBytes : patches;
        if (groups > 1)
          task.push(['gatherBits', image, window, first, count, g * channels, channels, patches]);
        else if (!isWhole) task.push(['gatherWords', image, window, first, count, patches]);
        const signs = weights.words + (g * weights.evenRows + row) * rowBytes;
        // The row that makes the rows of a group even is overwritten by the next group.
        const to = sums + (g * rows * 4) / groups;
        task.push(['countDifferences', signs, even, windows, count, rowBytes / 8, to, line]);
      }
      const at = isWhole ? 0 : first;
      task.push(['toSums', sums, line, weights.columns, at, count, window, weights.tapSums]);
      if (finish.kind === 'signs') {
        compare(task, y + (n * plane + first) * words * 8, count, row, own, line);
        return;
      }
      const { low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY } = finish;
      const [a, s, b] = [alpha! + row * 4, scale! && scale! + row * 4, bias! && bias! + row * 4];
      const to = y + 4 * (isWhole ? first * rows + row : n * rows * plane + first);
      const [toRow, toPixel] = isWhole ? [1, rows] : [plane, 1];
      task.push(['floatsOfSums', sums, own, line - own, count, a, s, b, low, high, to, toRow!, toPixel!]);
    };
    const units = images * blocks;
    const ranges = workspace.ranges(isByRows ? rows : units, { nanoseconds, step: isByRows ? WORD : 1 });
    workspace.run(
      ranges.map(({ from, to }) => {
        const task: KernelCall[] = [];
        if (isByRows) for (let unit = 0; unit < units; unit++) addBlock(task, unit, from, to);
        else for (let unit = from; unit < to; unit++) addBlock(task, unit, 0, rows);
        return task;
      }),
    );
  };
  const scratchBytes = WINDOW_BYTES + thresholdBytes + words * 8;
  workspace.call(finish.y, [map, ...floats], scratchBytes, run, patchBytes + sumBytes + copyBytes);
}

/** Thresholds of rows that are not there are never reached; their flips are 0. */
function layOut(
  buffer: ArrayBufferLike,
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
