import type { CodedRows, Heap, PreparedWeights } from '../contract.ts';
import { alignedBytes } from '../heap.ts';
import { type BitSteps, bitStepsOf } from './bit-steps.ts';
import type { IntegerRows, IntegerWeightShape } from './contract.ts';
import { codesOfRow, inTapOrder, rowSums } from './row-codes.ts';

/** Codes of four bits are taken 32 at a time. */
const BLOCK_BYTES = 16;
const BLOCK = 32;

/**
 * How the codes lie, see vector.as.ts: `planes` where levels are sums over the bits of a code, two bits at most or more than four;
 * `steps` for three and four bits in equal steps; `nibbles` and `bytes` for any levels of up to four bits, and of more, which take a
 * byte each.
 */
type VectorKind = 'planes' | 'steps' | 'nibbles' | 'bytes';

/** Weights of a fully connected layer for one vector at a time, in the heap. */
export class VectorLevels implements PreparedWeights {
  readonly kind: VectorKind;
  readonly rows: number;
  readonly columns: number;
  readonly byteLength: number;
  readonly shape: IntegerWeightShape;
  readonly bits: number;
  /** Σ level of each row. */
  readonly sums: Int32Array;
  /** The level of bits that are all 0, a row; 0 where there are tables. */
  readonly bases: Int32Array;
  /** Rows as they lie. */
  readonly evenRows: number;
  /** Bytes of a row of a plane, or blocks of 32 codes. */
  readonly units: number;
  /** From the table of a row to that of the next. */
  readonly tableBytes: number;
  readonly #heap: Heap;
  readonly #offset: number;
  readonly #codeBytes: number;
  #released = false;

  constructor(heap: Heap, rows: IntegerRows, shape: IntegerWeightShape) {
    const { inChannels, outChannels, kernelHeight, kernelWidth } = shape;
    const { bits } = rows;
    const steps = bitStepsOf(rows);
    const kind = kindOf(bits, steps);
    this.kind = kind;
    this.#heap = heap;
    this.shape = shape;
    this.rows = outChannels;
    this.columns = inChannels * kernelHeight * kernelWidth;
    this.bits = bits;
    const hasTables = kind === 'nibbles' || kind === 'bytes';
    const multiple = { planes: 16, steps: 4, nibbles: 2, bytes: 1 }[kind];
    this.evenRows = Math.ceil(outChannels / multiple) * multiple;
    this.units = kind === 'planes' ? Math.ceil(this.columns / 16) * 2 : Math.ceil(this.columns / BLOCK);
    const unitBytes = { planes: bits, steps: BLOCK_BYTES, nibbles: BLOCK_BYTES, bytes: BLOCK }[kind];
    this.#codeBytes = alignedBytes(this.evenRows * this.units * unitBytes);
    const tableBytes = Math.max(32, 2 << bits);
    this.tableBytes = rows.tableStride * tableBytes;
    const tables = rows.tableStride === 0 ? 1 : this.evenRows;
    const coefficients = kind === 'planes' ? bits : 2;
    this.byteLength = this.#codeBytes + (hasTables ? tables * tableBytes : coefficients * this.evenRows * 4);
    this.#offset = heap.allocate(this.byteLength);
    new Uint8Array(heap.buffer, this.#offset, this.byteLength).fill(0);
    const ordered = inTapOrder(rows, shape, this.columns);
    this.sums = rowSums(ordered, rows.levels, outChannels, this.columns);
    this.bases = new Int32Array(outChannels);
    if (hasTables) this.#layOutTables(ordered, rows, tableBytes);
    else this.#layOutSteps(ordered, steps!);
  }

  get codesAt(): number {
    return this.#offset;
  }

  /** `planes`: steps [planes, evenRows] i32; `steps`: steps, then bases, i32; else tables of levels, of four bits 16
   * lower bytes, then 16 upper ones, of more i16. */
  get tablesAt(): number {
    return this.#offset + this.#codeBytes;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#heap.free(this.#offset);
  }

  #layOutSteps(rows: CodedRows, all: readonly BitSteps[]): void {
    const { buffer } = this.#heap;
    const { evenRows, kind } = this;
    const bytes = new Uint8Array(buffer, this.#offset, this.#codeBytes);
    const coefficients = new Int32Array(buffer, this.tablesAt, (this.byteLength - this.#codeBytes) / 4);
    const codes = new Uint8Array(this.columns);
    for (let r = 0; r < this.rows; r++) {
      const { base, steps, order } = all[all.length === 1 ? 0 : r]!;
      this.bases[r] = base;
      codesOfRow(rows, this.rows, r, codes);
      for (let c = 0; c < codes.length; c++) codes[c] = order[codes[c]]!;
      if (kind === 'planes') {
        steps.forEach((step, b) => {
          coefficients[b * evenRows + r] = step;
        });
        this.#layOutPlanes(codes, r, bytes);
      } else {
        coefficients[r] = steps[0]!;
        coefficients[evenRows + r] = base;
        const start = r * this.units * BLOCK_BYTES;
        for (let c = 0; c < codes.length; c++) {
          const at = start + (c >> 5) * BLOCK_BYTES + 2 * (c & 7) + ((c >> 4) & 1);
          bytes[at] |= codes[c] << ((c >> 1) & 4);
        }
      }
    }
  }

  /** [rows / 16][planes][bytes][16]. */
  #layOutPlanes(codes: Uint8Array, row: number, bytes: Uint8Array): void {
    const { bits, units } = this;
    for (let b = 0; b < bits; b++) {
      const plane = ((row >> 4) * bits + b) * units * 16 + (row & 15);
      for (let c = 0; c < codes.length; c++) bytes[plane + (c >> 3) * 16] |= ((codes[c] >> b) & 1) << (c & 7);
    }
  }

  #layOutTables(rows: CodedRows, { levels, bits }: IntegerRows, tableBytes: number): void {
    const { buffer } = this.#heap;
    const isNibble = this.kind === 'nibbles';
    const bytes = new Uint8Array(buffer, this.#offset, this.#codeBytes);
    const tables = new Uint8Array(buffer, this.tablesAt, this.byteLength - this.#codeBytes);
    for (let i = 0; i < levels.length; i++) {
      const code = i & ((1 << bits) - 1);
      const at = (i >> bits) * tableBytes + (isNibble ? code : 2 * code);
      tables[at] = levels[i] & 0xff;
      tables[at + (isNibble ? 16 : 1)] = (levels[i] >> 8) & 0xff;
    }
    const rowBytes = this.units * (isNibble ? BLOCK_BYTES : BLOCK);
    const codes = new Uint8Array(this.columns);
    for (let r = 0; r < this.rows; r++) {
      codesOfRow(rows, this.rows, r, codes);
      const start = r * rowBytes;
      if (!isNibble) bytes.set(codes, start);
      else
        for (let c = 0; c < codes.length; c++)
          bytes[start + (c >> 5) * BLOCK_BYTES + (c & 15)] |= codes[c] << ((c >> 2) & 4);
    }
  }
}

/** How rows are laid out best. */
function kindOf(bits: number, steps: readonly BitSteps[] | undefined): VectorKind {
  if (steps === undefined) return bits <= 4 ? 'nibbles' : 'bytes';
  const isEqual = steps.every((one) => one.steps.every((step, b) => step === one.steps[0]! * 2 ** b));
  return isEqual && (bits === 3 || bits === 4) ? 'steps' : 'planes';
}
