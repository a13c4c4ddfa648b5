import type { Conv2dShape } from '../contract.ts';
import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { roundedRows, type SumPlan } from './conv2d.ts';
import { padding } from './padding.ts';
import type { SerialLevels } from './serial-levels.ts';
import { windowRuns } from './window-runs.ts';

/** Bits compared by one thread in a nanosecond, about. */
const BITS_PER_NS = 120;
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
): SumPlan {
  const { inChannels, outHeight, outWidth } = shape;
  const { bits, planes, words, evenRows } = weights;
  if (zero >= 2 ** planes)
    throw new RangeError(`kernels: integerConv2d: zero is ${zero}, and codes have ${planes} bits`);
  const padded = padding(shape);
  const pixels = outHeight * outWidth;
  const line = roundedRows(weights.rows) * 4;
  const pixelBytes = planes * words * 8;
  const countBytes = planes * bits * evenRows * 4;
  const most = Math.max(2, Math.floor(BLOCK_BYTES / Math.max(pixelBytes, countBytes, line) / 2) * 2);
  const nanoseconds = (weights.rows * weights.columns * bits * planes * pixels) / BITS_PER_NS;
  const even = Math.ceil(pixels / workspace.parts(nanoseconds) / 2) * 2;
  const blockPixels = Math.min(pixels, most, even);

  const { runs, run, offsetsBytes, layOut } = windowRuns(shape, padded.rowBytes);
  const totalsAt = alignedBytes(words * 64 + 16);
  const planesAt = totalsAt + alignedBytes(blockPixels * 4);
  const countsAt = planesAt + alignedBytes(blockPixels * pixelBytes);
  return {
    line,
    blockPixels,
    blocks: Math.ceil(pixels / blockPixels),
    panelRows: roundedRows(weights.rows),
    nanoseconds,
    sharedBytes: offsetsBytes + padded.scratchBytes,
    ownBytes: countsAt + alignedBytes(blockPixels * countBytes),
    prepare: (shared) => layOut(workspace.heap.buffer, shared),
    decode() {},
    open: (image, shared) => padded.of(workspace, image, zero, shared + offsetsBytes),
    addSums(task, source, shared, gathered, sums, _rows, block) {
      const first = block * blockPixels;
      const count = Math.min(blockPixels, pixels - first);
      const [totals, packed, counts] = [gathered + totalsAt, gathered + planesAt, gathered + countsAt];
      const rowStep = shape.strideHeight * padded.rowBytes;
      const columnStep = shape.strideWidth * inChannels;
      task.push(
        [
          ...(['packPlanes', source, shared, runs, run, first, count, outWidth] as const),
          ...([rowStep, columnStep, planes, words, gathered, packed, totals] as const),
        ],
        [
          'countDifferences',
          weights.planesAt,
          bits * evenRows,
          packed,
          planes * count,
          words,
          counts,
          bits * evenRows,
        ],
        [
          ...(['sumsOfCounts', counts, evenRows, bits, planes, count] as const),
          ...([weights.coefficientsAt(zero), totals, sums, line] as const),
        ],
      );
      return { first, count };
    },
  };
}
