import type { CodedRows, Heap, PreparedWeights } from '../contract.ts';
import { alignedBytes } from '../heap.ts';
import type { IntegerRows, IntegerWeightShape } from './contract.ts';
import { codesOfRow, inTapOrder, rowSums } from './row-codes.ts';

/** Codes of four bits are looked up 32 at a time. */
const BLOCK = 32;

/**
 * How the levels of a row follow from the bits of its codes: base + Σ_b step[b] · bit b of order[code]. Equal steps do so by rank, as do
 * any two levels, and four that lie evenly about a centre; then a dot product is one of bit-planes.
 */
interface BitSteps {
  readonly base: number;
  readonly steps: readonly number[];
  readonly order: readonly number[];
}

/**
 * Weights of a fully connected layer for one vector at a time, in the heap: bit-planes 16 rows abreast where the levels of every
 * row are sums over the bits of a code, else codes of four bits with tables of levels.
 */
export class VectorLevels implements PreparedWeights {
  readonly rows: number;
  readonly columns: number;
  readonly byteLength: number;
  readonly shape: IntegerWeightShape;
  readonly bits: number;
  /** Σ level of each row. */
  readonly sums: Int32Array;
  /** The level of bits that are all 0, a row; absent where there are tables. */
  readonly bases: Int32Array | undefined;
  /** Rows as they lie: rounded up to 16, or to 2. */
  readonly evenRows: number;
  /** Bytes of a row of a plane, or blocks of 32 codes. */
  readonly units: number;
  /** From the table of a row to that of the next. */
  readonly tableBytes: number;
  readonly #heap: Heap;
  readonly #offset: number;
  readonly #codeBytes: number;
  #released = false;

  /** Whether weights of so many bits can be laid out so: any whose levels are sums over bits, else up to four bits. */
  static fits(rows: IntegerRows): boolean {
    return rows.bits <= 4 || stepsOfAll(rows) !== undefined;
  }

  constructor(heap: Heap, rows: IntegerRows, shape: IntegerWeightShape) {
    const { inChannels, outChannels, kernelHeight, kernelWidth } = shape;
    this.#heap = heap;
    this.shape = shape;
    this.rows = outChannels;
    this.columns = inChannels * kernelHeight * kernelWidth;
    this.bits = rows.bits;
    const ordered = inTapOrder(rows, shape, this.columns);
    this.sums = rowSums(ordered, rows.levels, outChannels, this.columns);
    const steps = stepsOfAll(rows);
    if (steps !== undefined) {
      this.evenRows = Math.ceil(outChannels / 16) * 16;
      this.units = Math.ceil(this.columns / 16) * 2;
      this.tableBytes = 0;
      this.#codeBytes = this.evenRows * this.units * rows.bits;
      this.byteLength = this.#codeBytes + rows.bits * this.evenRows * 4;
      this.#offset = heap.allocate(this.byteLength);
      this.bases = Int32Array.from({ length: outChannels }, (_, r) => stepsAt(steps, r).base);
      this.#layOutPlanes(ordered, steps);
      return;
    }
    this.evenRows = Math.ceil(outChannels / 2) * 2;
    this.units = Math.ceil(this.columns / BLOCK);
    this.tableBytes = rows.tableStride * 32;
    this.#codeBytes = alignedBytes(this.evenRows * this.units * 16);
    this.byteLength = this.#codeBytes + (rows.tableStride === 0 ? 32 : this.evenRows * 32);
    this.#offset = heap.allocate(this.byteLength);
    this.#layOutNibbles(ordered, rows);
  }

  get codesAt(): number {
    return this.#offset;
  }

  /** Steps [planes, evenRows] i32, or tables of levels. */
  get tablesAt(): number {
    return this.#offset + this.#codeBytes;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#heap.free(this.#offset);
  }

  /** [rows / 16][planes][bytes][16]. */
  #layOutPlanes(rows: CodedRows, all: readonly BitSteps[]): void {
    const { bits, evenRows, units } = this;
    const { buffer } = this.#heap;
    const bytes = new Uint8Array(buffer, this.#offset, this.#codeBytes).fill(0);
    const coefficients = new Int32Array(buffer, this.tablesAt, bits * evenRows).fill(0);
    const codes = new Uint8Array(this.columns);
    for (let r = 0; r < this.rows; r++) {
      const { steps, order } = stepsAt(all, r);
      codesOfRow(rows, this.rows, r, codes);
      const start = (r >> 4) * bits * units * 16 + (r & 15);
      for (let b = 0; b < bits; b++) {
        coefficients[b * evenRows + r] = steps[b]!;
        const plane = start + b * units * 16;
        for (let c = 0; c < codes.length; c++)
          bytes[plane + (c >> 3) * 16] |= ((order[codes[c]]! >> b) & 1) << (c & 7);
      }
    }
  }

  #layOutNibbles(rows: CodedRows, { levels, bits }: IntegerRows): void {
    const { buffer } = this.#heap;
    const bytes = new Uint8Array(buffer, this.#offset, this.#codeBytes).fill(0);
    const tables = new Uint8Array(buffer, this.tablesAt, this.byteLength - this.#codeBytes).fill(0);
    for (let i = 0; i < levels.length; i++) {
      const at = (i >> bits) * 32 + (i & ((1 << bits) - 1));
      tables[at] = levels[i] & 0xff;
      tables[at + 16] = (levels[i] >> 8) & 0xff;
    }
    const codes = new Uint8Array(this.columns);
    for (let r = 0; r < this.rows; r++) {
      codesOfRow(rows, this.rows, r, codes);
      const start = r * this.units * 16;
      for (let c = 0; c < codes.length; c++)
        bytes[start + (c >> 5) * 16 + (c & 15)] |= codes[c] << ((c >> 2) & 4);
    }
  }
}

function stepsAt(all: readonly BitSteps[], row: number): BitSteps {
  return all[all.length === 1 ? 0 : row]!;
}

/** Of every table; undefined where one has levels that are no sums over bits. */
function stepsOfAll({ bits, levels }: IntegerRows): BitSteps[] | undefined {
  const all: BitSteps[] = [];
  for (let at = 0; at < levels.length; at += 1 << bits) {
    const found = bitStepsOf(levels.subarray(at, at + (1 << bits)), bits);
    if (found === undefined) return undefined;
    all.push(found);
  }
  return all;
}

function bitStepsOf(levels: Int16Array, bits: number): BitSteps | undefined {
  const byRank = [...levels.keys()].sort((a, b) => levels[a] - levels[b] || a - b);
  const sorted = Int16Array.from(byRank, (code) => levels[code]);
  const base = sorted[0];
  const steps = Array.from({ length: bits }, (_, b) => sorted[1 << b] - base);
  const isSum = sorted.every(
    (level, rank) => level === base + steps.reduce((sum, step, b) => sum + ((rank >> b) & 1) * step, 0),
  );
  if (!isSum) return undefined;
  const order = new Array<number>(levels.length);
  byRank.forEach((code, rank) => {
    order[code] = rank;
  });
  return { base, steps, order };
}
