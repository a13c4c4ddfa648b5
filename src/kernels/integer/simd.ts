import type { Conv2dShape, PreparedWeights } from '../contract.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { checkIntegerConv2d, checkIntegerRows, checkPoolCodes, checkQuantizeCodes } from './check.ts';
import type { IntegerKernels } from './contract.ts';
import { integerConv2dSimd, seesAll } from './conv2d.ts';
import { HeapLevels } from './heap-levels.ts';
import { padding } from './padding.ts';
import { integerVectorsSimd } from './vector.ts';
import { VectorLevels } from './vector-levels.ts';

/** The integer kernels in WebAssembly. */
export function integerSimd(workspace: Workspace): IntegerKernels {
  return {
    quantizeCodes(x, codes, batch, channels, pixels, grid) {
      checkQuantizeCodes(x, codes, batch, channels, pixels, grid);
      const { scale, zero, high, rounds = 'sum' } = grid;
      const [before, after] = rounds === 'sum' ? [zero, 0] : [0, zero];
      workspace.call(codes, [x], 0, (to, _, [from]) => {
        for (let n = 0; n < batch; n++) {
          const at = n * channels * pixels;
          workspace.exports.quantizeCodes(
            ...([from! + 4 * at, channels, pixels, scale] as const),
            ...([before, -after, high - after, after, to + at] as const),
          );
        }
      });
    },
    valueRange(x) {
      const range = new Float32Array(2);
      workspace.call(range, [x], 0, (to, _, [from]) => {
        workspace.exports.valueRange(from!, x.length, to);
      });
      return { least: range[0], most: range[1] };
    },
    prepareInteger(rows, shape, use) {
      checkIntegerRows(rows, shape);
      const kind = use === 'vector' && shape.groups === 1 ? VectorLevels.kindOf(rows) : undefined;
      return kind === undefined
        ? new HeapLevels(workspace, rows, shape)
        : new VectorLevels(workspace.heap, rows, shape, kind);
    },
    integerConv2d(codes, zero, weights, shape, finish) {
      const own = ownLevels(weights);
      checkIntegerConv2d(codes, zero, own.shape, shape, finish);
      if (own instanceof HeapLevels) integerConv2dSimd(workspace, codes, zero, own, shape, finish);
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
      workspace.exports.poolCodes(
        image,
        inChannels,
        padded.rowBytes,
        kernelHeight,
        kernelWidth,
        shape.dilationHeight,
        shape.dilationWidth,
        shape.strideHeight,
        shape.strideWidth,
        outHeight,
        outWidth,
        to + n * outHeight * outWidth * inChannels,
      );
    }
  });
}

function ownLevels(weights: PreparedWeights): HeapLevels | VectorLevels {
  if (weights instanceof HeapLevels || weights instanceof VectorLevels) return weights;
  throw new TypeError('kernels: these weights were prepared by another set of kernels');
}
