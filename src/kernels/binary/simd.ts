import type { Conv2dShape, PreparedWeights } from '../contract.ts';
import { alignedBytes } from '../heap.ts';
import { type Block, blocksOf } from '../threads/blocks.ts';
import { type KernelCall, ownScratch } from '../threads/team.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { checkBinaryConv2d, checkPackSigns, checkPoolSigns, checkSigns } from './check.ts';
import { type BinaryKernels, type FloatFinish, mapBytes, type SignFinish } from './contract.ts';
import { HeapSigns } from './heap-signs.ts';

/** Windows and sums of a block of pixels are to stay in the first-level cache beside the rows that pass by. */
const BLOCK_BYTES = 24 * 1024;
/** Products of one bit by one bit in a nanosecond, about; and what a float takes to be packed, and a word to be pooled. */
const MACS_PER_NS = 100;
const PACK_NS = 0.4;
const POOL_NS = 1;
/** Parts of what is packed begin at multiples of this many pixels, a cache line of floats. */
const LINE = 16;
/** Rows of a word of a sign map. */
const WORD = 64;
const LEAST_INT32 = -(2 ** 31);

/** The binary kernels in WebAssembly. */
export function binarySimd(workspace: Workspace): BinaryKernels {
  return {
    packSigns(x, map, batch, channels, pixels) {
      checkPackSigns(x, map, batch, channels, pixels);
      let hasNone = false;
      const bytes = mapBytes(channels);
      const work = { nanoseconds: batch * pixels * channels * PACK_NS, step: LINE };
      workspace.call(map, [x], 0, (to, _, [from]) => {
        // Pixels are divided, within an image and from image to image.
        const callOf = ({ outer, count, channel: pixel, channels: some }: Block): KernelCall[] =>
          Array.from({ length: count }, (_image, i) => {
            const source = from! + ((outer + i) * channels * pixels + pixel) * 4;
            const target = to + ((outer + i) * pixels + pixel) * bytes;
            return ['packSigns', source, channels, some, pixels, target, bytes / 8];
          });
        hasNone = workspace.run(
          workspace
            .ranges(batch * pixels, work)
            .map((range) => blocksOf(range.from, range.to, pixels).flatMap(callOf)),
        );
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
        const taps = shape.kernelHeight * shape.kernelWidth;
        const nanoseconds = ((shape.batch * shape.outHeight * shape.outWidth * taps * bytes) / 8) * POOL_NS;
        workspace.run(
          workspace.ranges(shape.batch, { nanoseconds }).map((images) =>
            Array.from({ length: images.to - images.from }, (_, i) => {
              const source = from! + (images.from + i) * shape.inHeight * shape.inWidth * bytes;
              const target = to + (images.from + i) * shape.outHeight * shape.outWidth * bytes;
              return ['poolSigns', source, window, target];
            }),
          ),
        );
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
  const work = (images * pixels * evenRows * rowBytes * 8) / MACS_PER_NS;
  const parts = workspace.parts(work);
  // With few images a fully connected layer is divided by rows, whole words of them.
  const isByRows = isWhole && pixels < 2 * parts && rows > WORD;
  const largest = 2 * Math.max(1, Math.floor(BLOCK_BYTES / perPixel / 2));
  const block = Math.min(pixels, largest, isByRows ? largest : 2 * Math.ceil((images * pixels) / parts / 2));
  const patchBytes = isWhole ? 0 : alignedBytes(block * rowBytes);
  const sumBytes = alignedBytes(block * evenRows * 4 + 16);
  const words = Math.ceil(rows / WORD);
  const thresholdBytes = alignedBytes(words * WORD * 4);
  const floats = finish.kind === 'floats' ? [finish.alpha, finish.scale, finish.bias] : [];
  const scratchBytes = WINDOW_BYTES + thresholdBytes + words * 8;
  const run = (y: number, window: number, [from, alpha, scale, bias]: number[]): void => {
    layOutWindow(workspace, window, isWhole ? WHOLE : shape, mapBytes(inChannels));
    const thresholds = window + WINDOW_BYTES;
    const flips = thresholds + thresholdBytes;
    if (finish.kind === 'signs') layOut(workspace.heap.buffer, finish, thresholds, flips, words);
    const sums = ownScratch(patchBytes);

    /** What becomes of the sums [count, last − row] of pixels from `first` on. */
    const finishCall = (n: number, first: number, count: number, row: number, last: number): KernelCall => {
      const own = last - row;
      if (finish.kind === 'signs') {
        const at = y + ((n * plane + first) * words + row / WORD) * 8;
        const [t, f] = [thresholds + row * 4, flips + row / 8];
        return ['signsOfSums', sums, own + (own % 2), count, t, f, at, Math.ceil(own / WORD), words];
      }
      const { low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY } = finish;
      return [
        'floatsOfSums',
        sums,
        own,
        own % 2,
        count,
        alpha! + row * 4,
        scale! && scale! + row * 4,
        bias! && bias! + row * 4,
        low,
        high,
        y + 4 * (isWhole ? first * rows + row : n * rows * plane + first),
        isWhole ? 1 : plane,
        isWhole ? rows : 1,
      ];
    };
    const blocks = Math.ceil(pixels / block);
    /** Adds rows row … last − 1 of a block of pixels to a task. */
    const addBlock = (task: KernelCall[], unit: number, row: number, last: number): void => {
      const n = Math.floor(unit / blocks);
      const first = (unit - n * blocks) * block;
      const count = Math.min(block, pixels - first);
      const image = from! + n * inHeight * inWidth * mapBytes(inChannels);
      // The images of a fully connected layer lie one behind the other as they are.
      const windows = isWhole ? image + first * rowBytes : ownScratch(0);
      const even = last - row + ((last - row) % 2);
      const words = weights.words + row * rowBytes;
      if (!isWhole) task.push(['gatherWords', image, window, first, count, windows]);
      task.push(['countDifferences', words, even, windows, count, rowBytes / 8, sums]);
      const at = isWhole ? 0 : first;
      task.push(['toSums', sums, even, weights.columns, at, count, window, weights.tapSums]);
      task.push(finishCall(n, first, count, row, last));
    };
    const units = images * blocks;
    const divided = isByRows ? { count: rows, step: WORD } : { count: units, step: 1 };
    const ranges = workspace.ranges(divided.count, { nanoseconds: work, step: divided.step });
    workspace.run(
      ranges.map(({ from, to }) => {
        const task: KernelCall[] = [];
        if (isByRows) for (let unit = 0; unit < units; unit++) addBlock(task, unit, from, to);
        else for (let unit = from; unit < to; unit++) addBlock(task, unit, 0, rows);
        return task;
      }),
    );
  };
  workspace.call(finish.y, [map, ...floats], scratchBytes, run, patchBytes + sumBytes);
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
