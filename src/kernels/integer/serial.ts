import type { Conv2dShape } from '../contract.ts';
import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { roundedRows, type SumPlan } from './conv2d.ts';
import { padding } from './padding.ts';
import type { SerialLevels } from './serial-levels.ts';

/** Planes of a block of pixels, their counts and sums are to stay in the second-level cache. */
const BLOCK_BYTES = 128 * 1024;

/**
 * Sums by exclusive or and popcount. With levels base + Σ_b step_b·w_b, codes x = Σ_a 2^a·x_a, bits w_b and x_a, C the sum of the
 * codes under a window of K, L the sum of the levels, Σ w·x = (Σ w + Σ x − n) / 2 for bits that differ in n places, and
 * Σ_a 2^a = 2^A − 1:
 *
 *     2·Σ level·x = 2·base·C + Σ_b step_b·Σ_a 2^a·(|w_b| + |x_a| − n_ab)
 *                 = (2^A − 1)·(L − K·base) + (2·base + Σ_b step_b)·C − Σ_b step_b·Σ_a 2^a·n_ab
 *
 * and Σ level·(x − zero) is zero·L less. Padding is there as the code `zero`. Terms may wrap around in 32 bits; twice the sum
 * does not, being below 2³⁰. The counts are those of binary layers, with each plane a row, or a pixel, of its own.
 */
export function planSerial(
  workspace: Workspace,
  weights: SerialLevels,
  shape: Conv2dShape,
  zero: number,
): SumPlan & { readonly line: number } {
  const { inChannels, outHeight, outWidth, kernelHeight, kernelWidth, dilationHeight, dilationWidth } = shape;
  const { bits, planes, words, evenRows } = weights;
  if (zero >= 2 ** planes)
    throw new RangeError(`kernels: integerConv2d: zero is ${zero}, and codes have ${planes} bits`);
  const { exports } = workspace;
  const padded = padding(shape);
  const pixels = outHeight * outWidth;
  const line = roundedRows(weights.rows) * 4;
  const pixelBytes = planes * words * 8;
  const countBytes = planes * bits * evenRows * 4;
  const most = Math.max(2, Math.floor(BLOCK_BYTES / Math.max(pixelBytes, countBytes, line) / 2) * 2);
  const blockPixels = Math.min(pixels, most);

  // Taps side by side in a row of the image are one run of codes.
  const isRun = dilationWidth === 1;
  const runs = isRun ? kernelHeight : kernelHeight * kernelWidth;
  const run = isRun ? kernelWidth * inChannels : inChannels;
  const gatheredAt = alignedBytes(runs * 4);
  const totalsAt = gatheredAt + alignedBytes(words * 64 + 16);
  const planesAt = totalsAt + alignedBytes(blockPixels * 4);
  const countsAt = planesAt + alignedBytes(blockPixels * pixelBytes);
  const paddedAt = countsAt + alignedBytes(blockPixels * countBytes);
  return {
    line,
    blockPixels,
    scratchBytes: paddedAt + padded.scratchBytes,
    prepare(scratch) {
      const offsets = new Int32Array(workspace.heap.buffer, scratch, runs);
      for (let i = 0; i < runs; i++) {
        const ky = isRun ? i : Math.floor(i / kernelWidth);
        const kx = isRun ? 0 : i % kernelWidth;
        offsets[i] = ky * dilationHeight * padded.rowBytes + kx * dilationWidth * inChannels;
      }
    },
    run(image, scratch, sums, done) {
      const source = padded.of(workspace, image, zero, scratch + paddedAt);
      const totals = scratch + totalsAt;
      const packed = scratch + planesAt;
      const counts = scratch + countsAt;
      const coefficients = weights.coefficientsAt(zero);
      for (let first = 0; first < pixels; first += blockPixels) {
        const count = Math.min(blockPixels, pixels - first);
        exports.packPlanes(
          source,
          scratch,
          runs,
          run,
          first,
          count,
          outWidth,
          shape.strideHeight * padded.rowBytes,
          shape.strideWidth * inChannels,
          planes,
          words,
          scratch + gatheredAt,
          packed,
          totals,
        );
        exports.countDifferences(weights.planesAt, bits * evenRows, packed, planes * count, words, counts);
        exports.sumsOfCounts(counts, evenRows, bits, planes, count, coefficients, totals, sums, line);
        done(0, weights.rows, first, count);
      }
    },
  };
}
