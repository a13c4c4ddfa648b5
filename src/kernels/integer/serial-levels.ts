import type { PreparedWeights } from '../contract.ts';
import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { bitStepsOf } from './bit-steps.ts';
import type { IntegerRows, IntegerWeightShape } from './contract.ts';
import { codesOfRow, inTapOrder, rowSums } from './row-codes.ts';

/**
 * Weights whose levels are sums over bits, as bit-planes in the heap: words [bits, rows, words of a row], each row with columns in
 * the order (kernel row, kernel column, channel) and 0 in spare bits. They multiply codes of few bits, see serial.ts.
 */
export class SerialLevels implements PreparedWeights {
  readonly rows: number;
  readonly columns: number;
  readonly byteLength: number;
  readonly shape: IntegerWeightShape;
  readonly bits: number;
  /** Bit-planes of the codes that these weights meet. */
  readonly planes: number;
  /** Rows as they lie. */
  readonly evenRows: number;
  /** Words of 64 bits of a row of a plane. */
  readonly words: number;
  /** Σ level of each row. */
  readonly #sums: Int32Array;
  /** The level of bits that are all 0, a row. */
  readonly #bases: Int32Array;
  /** What a bit adds to it, [bits, evenRows]. */
  readonly #steps: Int32Array;
  readonly #workspace: Workspace;
  readonly #offset: number;
  readonly #planeBytes: number;
  /** Of the coefficients that are there; none at first. */
  #zero = -1;
  #released = false;

  /** @param high the largest code that these weights will meet */
  constructor(workspace: Workspace, rows: IntegerRows, shape: IntegerWeightShape, high: number) {
    const all = bitStepsOf(rows);
    if (all === undefined || shape.groups !== 1)
      throw new RangeError('kernels: prepareInteger: expected one group, and levels that are sums over bits');
    const { inChannels, outChannels, kernelHeight, kernelWidth } = shape;
    const { bits } = rows;
    this.#workspace = workspace;
    this.shape = shape;
    this.rows = outChannels;
    this.columns = inChannels * kernelHeight * kernelWidth;
    this.bits = bits;
    this.planes = planesOf(high);
    this.evenRows = Math.ceil(outChannels / 4) * 4;
    this.words = Math.ceil(this.columns / 64);
    this.#planeBytes = alignedBytes(bits * this.evenRows * this.words * 8);
    this.byteLength = this.#planeBytes + (2 + bits) * this.evenRows * 4;
    this.#offset = workspace.heap.allocate(this.byteLength);
    const bytes = new Uint8Array(workspace.heap.buffer, this.#offset, this.#planeBytes).fill(0);
    const ordered = inTapOrder(rows, shape, this.columns);
    this.#sums = rowSums(ordered, rows.levels, outChannels, this.columns);
    this.#bases = new Int32Array(outChannels);
    this.#steps = new Int32Array(bits * this.evenRows);
    const codes = new Uint8Array(this.columns);
    for (let r = 0; r < outChannels; r++) {
      const { base, steps, order } = all[all.length === 1 ? 0 : r]!;
      this.#bases[r] = base;
      codesOfRow(ordered, outChannels, r, codes);
      for (let b = 0; b < bits; b++) {
        this.#steps[b * this.evenRows + r] = steps[b]!;
        const start = (b * this.evenRows + r) * this.words * 8;
        for (let c = 0; c < codes.length; c++)
          bytes[start + (c >> 3)] |= ((order[codes[c]]! >> b) & 1) << (c & 7);
      }
    }
  }

  /** Where the planes are. */
  get planesAt(): number {
    return this.#offset;
  }

  /**
   * Where start, middle and steps are, i32 [2 + bits, evenRows], for codes that stand for (code − zero); serial.ts derives them.
   * They are kept until another zero is asked for.
   */
  coefficientsAt(zero: number): number {
    const at = this.#offset + this.#planeBytes;
    if (zero === this.#zero) return at;
    const { rows, bits, evenRows, columns } = this;
    const most = 2 ** this.planes - 1;
    const into = new Int32Array(this.#workspace.heap.buffer, at, (2 + bits) * evenRows).fill(0);
    into.set(this.#steps, 2 * evenRows);
    for (let r = 0; r < rows; r++) {
      const base = this.#bases[r]!;
      let middle = 2 * base;
      for (let b = 0; b < bits; b++) middle += this.#steps[b * evenRows + r]!;
      // Below 2⁵³, and wrapped to 32 bits as all sums are.
      into[r] = (most - 2 * zero) * this.#sums[r]! - most * columns * base;
      into[evenRows + r] = middle;
    }
    this.#zero = zero;
    return at;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#workspace.heap.free(this.#offset);
  }
}

/** Bit-planes of codes up to `high`. */
export function planesOf(high: number): number {
  return 32 - Math.clz32(high);
}
