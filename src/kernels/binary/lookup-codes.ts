import { type BinaryWeightShape, mapBytes } from './contract.ts';

/** Channels of a table of sums, see tables.as.ts. */
export const CODE_INPUTS = 6;
/** Sums of a table. */
export const TABLE_SUMS = 64;
/** Sums that a byte surely holds: 6·21 < 128. */
export const MOST_LOOKUPS = 21;

/** Rows of a group for which tables may be worth making, see table-plan.ts. */
const LEAST_ROWS = 24;
/** Terms of a sum at most, as it has 16 bits. */
const MOST_TERMS = 0x7ffe;
/** Output pixels from which on a layer has any use of tables. */
const LEAST_PIXELS = 20;

/** Whether a layer may be computed by tables, so that room is made for codes. */
export function wantsCodes(shape: BinaryWeightShape): boolean {
  const { inChannels, outChannels, groups, kernelHeight, kernelWidth, pixels = LEAST_PIXELS } = shape;
  const terms = (inChannels / groups) * kernelHeight * kernelWidth;
  return outChannels / groups >= LEAST_ROWS && terms <= MOST_TERMS && terms > 0 && pixels >= LEAST_PIXELS;
}

/** Tables of a group. */
export function tablesOf({ inChannels, groups }: BinaryWeightShape): number {
  return Math.ceil(inChannels / groups / CODE_INPUTS);
}

/** Codes of a layer, each a u16. */
export function codeCount(shape: BinaryWeightShape): number {
  return tablesOf(shape) * shape.kernelHeight * shape.kernelWidth * shape.outChannels;
}

/** How tables lie, which depends on the width of an image. */
export interface TableLayout {
  /** Bytes of a sum at all its places. */
  readonly sumBytes: number;
  /** Tables that are made at once. */
  readonly together: number;
  /** Where the 32 pixels of a tap begin in a sum. */
  readonly taps: readonly number[];
}

/**
 * What rows look up: of tables that are made together all taps, in runs that a byte holds, [rows, run] for each run. Six weights are
 * the number of a sum, a code where that sum is for the pixels of a tap, counted from the first table.
 *
 * @param words signs of the weights, [groups, evenRows, taps, words of the channels] as in HeapSigns
 */
export function layOutCodes(
  words: Uint8Array,
  evenRows: number,
  shape: BinaryWeightShape,
  layout: TableLayout,
  codes: Uint16Array,
): void {
  const { groups } = shape;
  const channels = shape.inChannels / groups;
  const groupRows = shape.outChannels / groups;
  const tapBytes = mapBytes(channels);
  const { sumBytes, taps } = layout;
  let at = 0;
  for (let group = 0; group < groups; group++)
    for (const run of runsOf(tablesOf(shape), layout))
      for (let row = 0; row < groupRows; row++) {
        const own = (group * evenRows + row) * taps.length * tapBytes;
        for (let i = 0; i < run.count; i++) {
          const place = Math.floor((run.first + i) / taps.length);
          const tap = (run.first + i) % taps.length;
          const c = (run.table + place) * CODE_INPUTS;
          const byte = own + tap * tapBytes + (c >> 3);
          // Bits beyond the channels are 0 and what they belong to is an input of 0.
          const next = (c >> 3) + 1 < tapBytes ? words[byte + 1] : 0;
          const sum = ((words[byte] | (next << 8)) >> (c & 7)) & (TABLE_SUMS - 1);
          codes[at++] = (place * TABLE_SUMS + sum) * sumBytes + taps[tap];
        }
      }
}

/** Lookups whose sums stay in registers. */
export interface Run {
  /** First table of those that are made together, and how many these are. */
  readonly table: number;
  readonly tables: number;
  /** First of their lookups, which are counted table by table, and how many. */
  readonly first: number;
  readonly count: number;
}

/** All lookups of a group in their order. */
export function runsOf(tables: number, { together, taps }: TableLayout): Run[] {
  const runs: Run[] = [];
  for (let table = 0; table < tables; table += together) {
    const made = Math.min(together, tables - table);
    for (let first = 0; first < made * taps.length; first += MOST_LOOKUPS)
      runs.push({ table, tables: made, first, count: Math.min(MOST_LOOKUPS, made * taps.length - first) });
  }
  return runs;
}
