import type { BinaryWeightShape } from './contract.ts';

/** Inputs of a table of sums, see tables.as.ts. */
export const CODE_INPUTS = 5;
/** 32 sums of 32 pixels. */
export const TABLE_BYTES = 1024;
/**
 * Tables that rows look up before their sums leave the registers: bytes hold 25·5 at most, and 24 KiB leave room in the first-level
 * cache.
 */
export const TABLES_AT_ONCE = 24;

/** Rows of a group for which tables are worth making: 32 sums are made for each. Measured, 256 channels, 3×3: 32 rows 111 GMAC/s, 48 rows 146; by counting
 * 124 and 135. */
const LEAST_ROWS = 48;
/** Terms of a sum at most, as it has 16 bits. */
const MOST_TERMS = 0x7ffe;
/** Output pixels from which on a layer has any use of tables. */
const LEAST_PIXELS = 20;

/** Whether a layer may be computed by tables, so that codes are laid out for it. */
export function wantsCodes(shape: BinaryWeightShape): boolean {
  const { inChannels, outChannels, groups, kernelHeight, kernelWidth, pixels = LEAST_PIXELS } = shape;
  const terms = (inChannels / groups) * kernelHeight * kernelWidth;
  return outChannels / groups >= LEAST_ROWS && terms <= MOST_TERMS && terms > 0 && pixels >= LEAST_PIXELS;
}

/** Codes of a layer: of each group and run of tables [rows, tables of the run], u16. */
export function codeCount({
  inChannels,
  outChannels,
  groups,
  kernelHeight,
  kernelWidth,
}: BinaryWeightShape): number {
  return Math.ceil(((inChannels / groups) * kernelHeight * kernelWidth) / CODE_INPUTS) * outChannels;
}

/**
 * What rows look up: five weights, tap by tap and channel by channel, are the number of a sum in the table of their five inputs, a
 * code its offset from the first table of its run.
 * @param negative as for `prepareBinary`
 */
export function layOutCodes(negative: Uint8Array, shape: BinaryWeightShape, codes: Uint16Array): void {
  const { inChannels, outChannels, groups, kernelHeight, kernelWidth } = shape;
  const [channels, taps, groupRows] = [inChannels / groups, kernelHeight * kernelWidth, outChannels / groups];
  const tables = Math.ceil((channels * taps) / CODE_INPUTS);
  for (let r = 0; r < outChannels; r++) {
    const [group, row] = [Math.floor(r / groupRows), r % groupRows];
    for (let table = 0; table < tables; table++) {
      const place = table % TABLES_AT_ONCE;
      const first = table - place;
      let code = 0;
      for (let bit = 0; bit < CODE_INPUTS; bit++) {
        const k = table * CODE_INPUTS + bit;
        if (k >= channels * taps) break;
        const [tap, c] = [Math.floor(k / channels), k % channels];
        code |= negative[(r * channels + c) * taps + tap] << bit;
      }
      const run = Math.min(TABLES_AT_ONCE, tables - first);
      const at = (group * tables + first) * groupRows + row * run + place;
      codes[at] = place * TABLE_BYTES + code * (TABLE_BYTES >> CODE_INPUTS);
    }
  }
}
