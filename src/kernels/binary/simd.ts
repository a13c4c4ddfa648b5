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

/** The binary kernels in WebAssembly. */
export function binarySimd(workspace: Workspace): BinaryKernels {
  const { exports } = workspace;
  return {
    packSigns(x, map, batch, channels, pixels, thresholds) {
      checkPackSigns(x, map, batch, channels, pixels, thresholds);
      const outChannels = thresholds?.length ?? channels;
      const bytes = mapBytes(outChannels);
      let hasNone = false;
      workspace.call(map, [x, thresholds], 0, (to, _, [from, bounds]) => {
        for (let n = 0; n < batch; n++) {
          const [source, target] = [from! + n * channels * pixels * 4, to + n * pixels * bytes];
          const found = exports.packSigns(source, channels, pixels, bounds!, outChannels, target, bytes / 8);
          if (found !== 0) hasNone = true;
        }
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
        for (let n = 0; n < shape.batch; n++) {
          const source = from! + n * shape.inHeight * shape.inWidth * bytes;
          const target = to + n * shape.outHeight * shape.outWidth * bytes;
          exports.poolSigns(source, window, target);
        }
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
