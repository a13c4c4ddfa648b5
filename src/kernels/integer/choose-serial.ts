import { bitStepsOf } from './bit-steps.ts';
import type { IntegerRows, IntegerUse, IntegerWeightShape } from './contract.ts';
import { planesOf } from './serial-levels.ts';
import { hasWinogradWeights } from './winograd.ts';

/**
 * Columns from which on counting bits is faster, by bits of a weight × bits of a code, 1 to 4.
 *
 * GMAC/s on one busy core, best of 12 rounds of `bench/integer-kernels.mjs`' layers, the kernel for any bits first:
 *
 * | layer | columns | other | 1 | 2 | 3 | 4 |
 * | --- | --- | --- | --- | --- | --- | --- |
 * | 1 × 1, 64 → 64 at 28 | 64 | 23 | 34 | 23 | 17 | 13 |
 * | 1 × 1, 128 → 128 at 28 | 128 | 29 | 59 | 36 | 26 | 21 |
 * | 1 × 1, 256 → 256 at 14 | 256 | 32 | 88 | 50 | 34 | 26 |
 * | 1 × 1, 512 → 512 at 14 | 512 | 30 | 105 | 59 | 40 | 30 |
 * | matrix 1024 × 1024, 16 images | 1024 | 23 | 109 | 63 | 42 | 32 |
 * | 3 × 3, 16 → 16 at 32, Winograd | 144 | 33 | 33 | 22 | 16 | 14 |
 * | 3 × 3, 32 → 32 at 16, Winograd | 288 | 41 | 58 | 37 | 28 | 22 |
 * | 3 × 3, 64 → 64 at 32, Winograd | 576 | 50 | 94 | 54 | 38 | 30 |
 * | 3 × 3, 256 → 256 at 28, Winograd | 2304 | 62 | 132 | 69 | 47 | 35 |
 */
const LEAST_COLUMNS: readonly number[] = [64, 128, 256, 512];
/** The same where the other kernel is Winograd's. */
const LEAST_COLUMNS_WINOGRAD: readonly number[] = [
  144,
  576,
  Number.POSITIVE_INFINITY,
  Number.POSITIVE_INFINITY,
];
/** Fewer rows do not pay for the packing of a window: 16 rows of 144 columns 33, 22, 16 and 14, others 24 without Winograd. */
const LEAST_ROWS = 16;
const MOST_PRODUCT = 4;

/** Whether such weights are to meet codes up to `high` as bit-planes. */
export function isSerial(
  rows: IntegerRows,
  shape: IntegerWeightShape,
  use: IntegerUse,
  high: number,
  threads: number,
): boolean {
  const planes = planesOf(high);
  const product = rows.bits * planes;
  if (product > MOST_PRODUCT || shape.groups !== 1 || bitStepsOf(rows) === undefined) return false;
  // One vector of 1024 or 4096 by as many rows: tables of subset sums, which hold codes whole, give 38 for one bit and 23 to 10 for
  // more, bit-planes 1×1 77 and 46, 1×2 57 and 40, 1×3 37 and 29, 1×4 31 and 26, 2×1 46 and 23, 2×2 30 and 22, 4×1 24 and 12.
  // Pixels are what is divided over threads, of which a vector is one, whereas rows of tables are.
  if (use === 'vector') return threads === 1 && (rows.bits > 1 || planes <= 2);
  const least = hasWinogradWeights(shape) ? LEAST_COLUMNS_WINOGRAD : LEAST_COLUMNS;
  const columns = shape.inChannels * shape.kernelHeight * shape.kernelWidth;
  return shape.outChannels >= LEAST_ROWS && columns >= least[product - 1]!;
}
