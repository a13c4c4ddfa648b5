import { type Block, blocksOf } from '../threads/blocks.ts';
import type { KernelCall } from '../threads/team.ts';
import type { Workspace } from '../wasm/workspace.ts';
import {
  checkBinaryConv2d,
  checkCombineSigns,
  checkMoveChannels,
  checkPackSigns,
  checkPadSigns,
  checkPoolSigns,
  checkSigns,
  checkUnpackSigns,
} from './check.ts';
import { type BinaryKernels, mapBytes, SIGN_COMBINATIONS } from './contract.ts';
import { convolveByCounting } from './count.ts';
import { HeapSigns, ownSigns } from './heap-signs.ts';
import { moveChannelsSimd } from './move.ts';
import { tablePlan } from './table-plan.ts';
import { convolveByTables } from './tables.ts';
import { layOutWindow, WINDOW_BYTES } from './window.ts';

/** What a float takes to be packed, and a word to be pooled. */
const PACK_NS = 0.3;
const POOL_NS = 1;
/** Parts of what is packed begin at multiples of this many pixels, a cache line of floats. */
const LINE = 16;

/** The binary kernels in WebAssembly. */
export function binarySimd(workspace: Workspace): BinaryKernels {
  const { exports } = workspace;
  return {
    packSigns(x, map, batch, channels, pixels, thresholds) {
      checkPackSigns(x, map, batch, channels, pixels, thresholds);
      const outChannels = thresholds?.length ?? channels;
      const bytes = mapBytes(outChannels);
      const work = { nanoseconds: batch * pixels * outChannels * PACK_NS, step: LINE };
      let hasNone = false;
      workspace.call(map, [x, thresholds], 0, (to, _, [from, bounds]) => {
        // Pixels are divided, within an image and from image to image.
        const callOf = ({ outer, count, channel: pixel, channels: some }: Block): KernelCall[] =>
          Array.from({ length: count }, (_image, i) => {
            const source = from! + ((outer + i) * channels * pixels + pixel) * 4;
            const target = to + ((outer + i) * pixels + pixel) * bytes;
            return ['packSigns', source, channels, some, pixels, bounds!, outChannels, target, bytes / 8];
          });
        hasNone = workspace.run(
          workspace
            .ranges(batch * pixels, work)
            .map((range) => blocksOf(range.from, range.to, pixels).flatMap(callOf)),
        );
      });
      return hasNone;
    },
    unpackSigns(map, y, batch, channels, pixels) {
      checkUnpackSigns(map, y, batch, channels, pixels);
      const bytes = mapBytes(channels);
      workspace.call(y, [map], 0, (to, _, [from]) => {
        for (let n = 0; n < batch; n++)
          exports.unpackSigns(
            from! + n * pixels * bytes,
            channels,
            pixels,
            bytes / 8,
            to + n * channels * pixels * 4,
          );
      });
    },
    prepareBinary(negative, shape) {
      checkSigns(negative, shape);
      return new HeapSigns(workspace, negative, shape);
    },
    binaryConv2d(map, weights, shape, finish) {
      const rows = ownSigns(weights);
      checkBinaryConv2d(map, rows.shape, shape, finish);
      if (shape.batch * shape.outHeight * shape.outWidth * shape.outChannels === 0) return;
      const convolve = rows.hasCodes && tablePlan(shape).isFaster ? convolveByTables : convolveByCounting;
      convolve(workspace, map, rows, shape, finish);
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
    combineSigns(how, a, b, y) {
      checkCombineSigns(a, b, y);
      workspace.call(y, [a, b], 0, (to, _, [left, right]) => {
        exports.combineSigns(SIGN_COMBINATIONS.indexOf(how), left!, right!, to, y.length);
      });
    },
    moveChannels(parts, y, pixels, outChannels) {
      checkMoveChannels(parts, y, pixels, outChannels);
      moveChannelsSimd(workspace, parts, y, pixels, outChannels);
    },
    padSigns(map, y, pixelBytes, shape, isEdge) {
      checkPadSigns(map, y, pixelBytes, shape);
      const { batch, inHeight, inWidth, outHeight, outWidth, padTop, padLeft } = shape;
      workspace.call(y, [map], 0, (to, _, [from]) => {
        for (let n = 0; n < batch; n++) {
          const source = from! + n * inHeight * inWidth * pixelBytes;
          const target = to + n * outHeight * outWidth * pixelBytes;
          const [h, w, edge] = [inHeight, inWidth, isEdge ? 1 : 0];
          exports.padSigns(source, h, w, pixelBytes, target, outHeight, outWidth, padTop, padLeft, edge);
        }
      });
    },
  };
}
