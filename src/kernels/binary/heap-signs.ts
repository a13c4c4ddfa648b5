import type { PreparedWeights } from '../contract.ts';
import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { type BinaryWeightShape, mapBytes } from './contract.ts';
import { codeCount, layOutCodes, type TableLayout, wantsCodes } from './lookup-codes.ts';

/**
 * Signs of the weights of a layer in the heap: of each group words [rows, taps, words of the channels], laid like the windows of a sign
 * map, one row of zeros more where their number is odd; behind them the sums of the signs under each tap, i32 [taps, lineRows]; and, where they
 * are of use, codes for tables (lookup-codes.ts).
 */
export class HeapSigns implements PreparedWeights {
  readonly rows: number;
  readonly columns: number;
  readonly byteLength: number;
  readonly shape: BinaryWeightShape;
  /** Rows of a group with the one that makes their number even. */
  readonly evenRows: number;
  /** Rows of all groups, and the one that is spare behind the last. */
  readonly lineRows: number;
  /** Bytes of a row. */
  readonly rowBytes: number;
  readonly #workspace: Workspace;
  readonly #offset: number;
  #codes = 0;
  #layout = '';
  #last: TableLayout | undefined;
  #released = false;

  constructor(workspace: Workspace, negative: Uint8Array, shape: BinaryWeightShape) {
    const { outChannels, kernelHeight, kernelWidth, groups } = shape;
    const taps = kernelHeight * kernelWidth;
    const channels = shape.inChannels / groups;
    const groupRows = outChannels / groups;
    this.#workspace = workspace;
    this.shape = shape;
    this.rows = outChannels;
    this.columns = channels * taps;
    this.evenRows = groupRows + (groupRows % 2);
    this.lineRows = outChannels + (groupRows % 2);
    this.rowBytes = taps * mapBytes(channels);
    const wordBytes = alignedBytes(groups * this.evenRows * this.rowBytes);
    const sumBytes = alignedBytes(taps * this.lineRows * 4);
    const codes = wantsCodes(shape) ? codeCount(shape) : 0;
    this.byteLength = wordBytes + sumBytes + codes * 2;
    this.#offset = workspace.heap.allocate(this.byteLength);
    const { buffer } = workspace.heap;
    if (codes > 0) this.#codes = this.#offset + wordBytes + sumBytes;
    const words = new Uint8Array(buffer, this.#offset, wordBytes).fill(0);
    const sums = new Int32Array(buffer, this.#offset + wordBytes, taps * this.lineRows).fill(0);
    for (let r = 0, i = 0; r < outChannels; r++) {
      const row = Math.floor(r / groupRows) * this.evenRows + (r % groupRows);
      for (let c = 0; c < channels; c++)
        for (let tap = 0; tap < taps; tap++, i++) {
          const at = row * this.rowBytes + tap * mapBytes(channels) + (c >> 3);
          words[at] |= negative[i] << (c & 7);
          sums[tap * this.lineRows + r] += negative[i] === 1 ? -1 : 1;
        }
    }
  }

  /** Whether there is room for codes. */
  get hasCodes(): boolean {
    return this.#codes !== 0;
  }

  /** Where codes for that layout are. They are those of the last call, mostly; else they are made anew. */
  codesFor(layout: TableLayout): number {
    if (layout === this.#last) return this.#codes;
    this.#last = layout;
    const { sumBytes, together, taps } = layout;
    const key = `${sumBytes} ${together} ${taps}`;
    if (key === this.#layout) return this.#codes;
    const { buffer } = this.#workspace.heap;
    const words = new Uint8Array(buffer, this.#offset, this.shape.groups * this.evenRows * this.rowBytes);
    const codes = new Uint16Array(buffer, this.#codes, codeCount(this.shape));
    layOutCodes(words, this.evenRows, this.shape, layout, codes);
    this.#layout = key;
    return this.#codes;
  }

  /** Where the words are. */
  get words(): number {
    return this.#offset;
  }

  get tapSums(): number {
    return this.#offset + alignedBytes(this.shape.groups * this.evenRows * this.rowBytes);
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#workspace.heap.free(this.#offset);
  }
}

/** Signs of this set of kernels. @throws TypeError for those of another */
export function ownSigns(weights: PreparedWeights): HeapSigns {
  if (weights instanceof HeapSigns) return weights;
  throw new TypeError('kernels: these weights were prepared by another set of kernels');
}
