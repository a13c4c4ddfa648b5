import type { PreparedWeights } from '../contract.ts';
import { arrangePlanes, codeWords } from '../decode/planes.ts';
import { ownScratch } from '../threads/team.ts';
import type { Workspace } from '../wasm/workspace.ts';
import type { IntegerRows, IntegerWeightShape } from './contract.ts';
import { inTapOrder, rowSums } from './row-codes.ts';

/** The decoder writes whole eights of columns, so up to three pairs of 4 rows beyond the last panel. */
const DECODER_SPILL = 48;
/** Rows that the decoder stages, and their codes. */
export const DECODER_TEMP = 320;
/** Nanoseconds to decode a weight, about. */
const DECODE_NS = 1;
/** The decoder loads 32 bytes wherever a table starts. */
const TABLE_SPILL = 32;

/**
 * Weights of an integer layer in the heap: k bit-planes with the columns in the order (kernel row, kernel column, channel), in which
 * a window of codes lies, and their tables of levels. They are decoded to panels of 16-bit levels in scratch when they are wanted.
 */
export class HeapLevels implements PreparedWeights {
  readonly rows: number;
  readonly columns: number;
  readonly byteLength: number;
  readonly shape: IntegerWeightShape;
  /** Σ level of each row. */
  readonly sums: Int32Array;
  readonly #workspace: Workspace;
  readonly #offset: number;
  readonly #tables: number;
  readonly #bits: number;
  /** Bytes from the table of a row to that of the next. */
  readonly #rowTables: number;
  #released = false;

  constructor(workspace: Workspace, rows: IntegerRows, shape: IntegerWeightShape) {
    const { inChannels, outChannels, kernelHeight, kernelWidth, groups } = shape;
    const { bits } = rows;
    this.#workspace = workspace;
    this.#bits = bits;
    this.shape = shape;
    this.rows = outChannels;
    this.columns = (inChannels / groups) * kernelHeight * kernelWidth;
    const wordBytes = codeWords(outChannels, this.columns, bits) * 4;
    const tableBytes = Math.max(32, 2 << bits);
    const tables = rows.tableStride === 0 ? 1 : outChannels;
    this.#rowTables = rows.tableStride * tableBytes;
    this.byteLength = wordBytes + tables * tableBytes;
    this.#offset = workspace.heap.allocate(this.byteLength + TABLE_SPILL);
    this.#tables = this.#offset + wordBytes;
    const { buffer } = workspace.heap;
    const words = new Uint32Array(buffer, this.#offset, wordBytes / 4).fill(0);
    const ordered = inTapOrder(rows, shape, this.columns);
    arrangePlanes(ordered, outChannels, this.columns, 0, outChannels, words);
    layOutTables(rows, new Uint8Array(buffer, this.#tables, tables * tableBytes), tableBytes);
    this.sums = rowSums(ordered, rows.levels, outChannels, this.columns);
  }

  /** Pairs of successive columns of a row; a spare column is 0. */
  get pairs(): number {
    return Math.ceil(this.columns / 2);
  }

  /** From a panel of 4 rows to the next. */
  get panelBytes(): number {
    return this.pairs * 16;
  }

  /** Scratch that the panels of so many rows want. */
  scratchBytes(rows: number): number {
    return Math.ceil(rows / 8) * 2 * this.panelBytes + DECODER_SPILL;
  }

  /**
   * Decodes rows from `first`, a multiple of 4, on to panels at `scratch`, where there is room for an even number of them. Each thread wants
   * DECODER_TEMP bytes of scratch of its own.
   */
  decode(first: number, rows: number, scratch: number): void {
    // What is written beyond a panel would be another thread's; there is nothing where columns are whole eights.
    const step = this.columns % 8 === 0 ? 8 : Math.max(rows, 1);
    const nanoseconds = rows * this.columns * DECODE_NS;
    this.#workspace.run(
      this.#workspace.ranges(rows, { nanoseconds, step }).map(({ from, to }) => {
        const row = first + from;
        const words = this.#offset + codeWords(row, this.columns, this.#bits) * 4;
        const tables = this.#tables + row * this.#rowTables;
        const out = scratch + (from / 4) * this.panelBytes;
        const { columns } = this;
        const temp = ownScratch(0);
        return [['decodeShorts', words, this.#bits, columns, to - from, tables, this.#rowTables, temp, out]];
      }),
    );
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#workspace.heap.free(this.#offset);
  }
}

/** Tables as decode-shorts.as.ts reads them: to 5 bits the lower bytes of all levels, then the upper ones, 16 or 32 each. */
function layOutTables({ bits, levels }: IntegerRows, into: Uint8Array, tableBytes: number): void {
  into.fill(0);
  const count = 1 << bits;
  const half = tableBytes / 2;
  for (let i = 0; i < levels.length; i++) {
    const table = (i >> bits) * tableBytes;
    const code = i & (count - 1);
    const [lower, upper] = bits <= 5 ? [code, half + code] : [2 * code, 2 * code + 1];
    into[table + lower] = levels[i] & 0xff;
    into[table + upper] = (levels[i] >> 8) & 0xff;
  }
}
