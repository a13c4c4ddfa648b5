import type { Conv2dShape, PreparedWeights } from '../contract.ts';
import { type Block, blocksOf } from '../threads/blocks.ts';
import type { KernelCall } from '../threads/team.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { checkIntegerConv2d, checkIntegerRows, checkPoolCodes, checkQuantizeCodes } from './check.ts';
import { isSerial } from './choose-serial.ts';
import type { IntegerKernels } from './contract.ts';
import { integerConv2dSimd, seesAll } from './conv2d.ts';
import { fixedSimd } from './fixed.ts';
import { HeapLevels } from './heap-levels.ts';
import { padding } from './padding.ts';
import { SerialLevels } from './serial-levels.ts';
import { integerVectorsSimd } from './vector.ts';
import { VectorLevels } from './vector-levels.ts';

/** Nanoseconds to round a float, to compare it with the extremes so far, and to take the larger of two codes, about. */
const QUANTIZE_NS = 0.5;
const RANGE_NS = 0.2;
const POOL_NS = 0.1;
/** Parts of what is rounded begin at multiples of this many pixels, a cache line of floats. */
const LINE = 16;

/** The integer kernels in WebAssembly. */
export function integerSimd(workspace: Workspace): IntegerKernels {
  return {
    ...fixedSimd(workspace),
    quantizeCodes(x, codes, images, allChannels, allPixels, grid) {
      checkQuantizeCodes(x, codes, images, allChannels, allPixels, grid);
      // One pixel, or one channel: codes lie as the values do.
      const isLine = allChannels === 1 || allPixels === 1;
      const [batch, channels, pixels] = isLine ? [1, 1, x.length] : [images, allChannels, allPixels];
      const { scale, zero, high, rounds = 'sum' } = grid;
      const [before, after] = rounds === 'sum' ? [zero, 0] : [0, zero];
      const rounding = [scale, before, -after, high - after, after] as const;
      workspace.call(codes, [x], 0, (to, _, [from]) => {
        // Pixels are divided, within an image and from image to image.
        const callOf = ({ outer, count, channel: pixel, channels: some }: Block): KernelCall[] =>
          Array.from({ length: count }, (_image, i) => {
            const source = from! + 4 * ((outer + i) * channels * pixels + pixel);
            const target = to + ((outer + i) * pixels + pixel) * channels;
            return ['quantizeCodes', source, channels, some, pixels, ...rounding, target];
          });
        const work = { nanoseconds: batch * channels * pixels * QUANTIZE_NS, step: LINE };
        workspace.run(
          workspace
            .ranges(batch * pixels, work)
            .map((range) => blocksOf(range.from, range.to, pixels).flatMap(callOf)),
        );
      });
    },
    valueRange(x) {
      const parts = workspace.ranges(x.length, { nanoseconds: x.length * RANGE_NS, step: LINE });
      const ends = new Float32Array(2 * parts.length);
      workspace.call(ends, [x], 0, (to, _, [at]) => {
        workspace.run(
          parts.map(({ from, to: end }, i) => [['valueRange', at! + 4 * from, end - from, to + 8 * i]]),
        );
      });
      return { least: Math.min(0, ...ends), most: Math.max(0, ...ends) };
    },
    prepareInteger(rows, shape, use = 'images', high = 255) {
      checkIntegerRows(rows, shape, high);
      if (isSerial(rows, shape, use, high, workspace.threads))
        return new SerialLevels(workspace, rows, shape, high);
      return use === 'vector' && shape.groups === 1
        ? new VectorLevels(workspace.heap, rows, shape)
        : new HeapLevels(workspace, rows, shape);
    },
    integerConv2d(codes, zero, weights, shape, finish) {
      const own = ownLevels(weights);
      checkIntegerConv2d(codes, zero, own.shape, shape, finish);
      if (!(own instanceof VectorLevels)) integerConv2dSimd(workspace, codes, zero, own, shape, finish);
      else if (seesAll(shape)) integerVectorsSimd(workspace, codes, zero, own, shape.batch, finish);
      else
        throw new RangeError('kernels: integerConv2d: weights prepared for vectors, and windows of images');
    },
    poolCodes(codes, y, shape) {
      checkPoolCodes(codes, y, shape);
      poolCodesSimd(workspace, codes, y, shape);
    },
  };
}

/** Padding counts as 0, which no code is below. */
function poolCodesSimd(workspace: Workspace, codes: Uint8Array, y: Uint8Array, shape: Conv2dShape): void {
  const { batch, inChannels, inHeight, inWidth, outHeight, outWidth, kernelHeight, kernelWidth } = shape;
  if (batch * inChannels * outHeight * outWidth === 0) return;
  const padded = padding(shape);
  workspace.call(y, [codes], padded.scratchBytes, (to, scratch, [from]) => {
    for (let n = 0; n < batch; n++) {
      const image = padded.of(workspace, from! + n * inHeight * inWidth * inChannels, 0, scratch);
      const elements = outHeight * outWidth * inChannels;
      const work = { nanoseconds: elements * kernelHeight * kernelWidth * POOL_NS };
      workspace.run(
        workspace
          .ranges(outHeight, work)
          .map((rows) => [
            [
              'poolCodes',
              image + rows.from * shape.strideHeight * padded.rowBytes,
              inChannels,
              padded.rowBytes,
              kernelHeight,
              kernelWidth,
              shape.dilationHeight,
              shape.dilationWidth,
              shape.strideHeight,
              shape.strideWidth,
              rows.to - rows.from,
              outWidth,
              to + n * elements + rows.from * outWidth * inChannels,
            ],
          ]),
      );
    }
  });
}

function ownLevels(weights: PreparedWeights): HeapLevels | SerialLevels | VectorLevels {
  if (weights instanceof HeapLevels || weights instanceof VectorLevels || weights instanceof SerialLevels)
    return weights;
  throw new TypeError('kernels: these weights were prepared by another set of kernels');
}
