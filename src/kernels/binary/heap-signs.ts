import type { PreparedWeights } from '../contract.ts';
import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { type BinaryWeightShape, mapBytes } from './contract.ts';

/**
 * Signs of the weights of a layer in the heap: words [rows, taps, words of the channels], laid like the windows of a sign map, one
 * row of zeros more where their number is odd; behind them the sums of the signs under each tap, i32 [taps, rows].
 */
export class HeapSigns implements PreparedWeights {
  readonly rows: number;
  readonly columns: number;
  readonly byteLength: number;
  readonly shape: BinaryWeightShape;
  /** Rows with the one that makes their number even. */
  readonly evenRows: number;
  /** Bytes of a row. */
  readonly rowBytes: number;
  readonly #workspace: Workspace;
  readonly #offset: number;
  #released = false;

  constructor(workspace: Workspace, negative: Uint8Array, shape: BinaryWeightShape) {
    const { inChannels, outChannels, kernelHeight, kernelWidth } = shape;
    const taps = kernelHeight * kernelWidth;
    this.#workspace = workspace;
    this.shape = shape;
    this.rows = outChannels;
    this.columns = inChannels * taps;
    this.evenRows = outChannels + (outChannels % 2);
    this.rowBytes = taps * mapBytes(inChannels);
    const wordBytes = alignedBytes(this.evenRows * this.rowBytes);
    this.byteLength = wordBytes + taps * this.evenRows * 4;
    this.#offset = workspace.heap.allocate(this.byteLength);
    const { buffer } = workspace.heap;
    const words = new Uint8Array(buffer, this.#offset, wordBytes).fill(0);
    const sums = new Int32Array(buffer, this.#offset + wordBytes, taps * this.evenRows).fill(0);
    for (let r = 0, i = 0; r < outChannels; r++)
      for (let c = 0; c < inChannels; c++)
        for (let tap = 0; tap < taps; tap++, i++) {
          const at = r * this.rowBytes + tap * mapBytes(inChannels) + (c >> 3);
          words[at] |= negative[i] << (c & 7);
          sums[tap * this.evenRows + r] += negative[i] === 1 ? -1 : 1;
        }
  }

  /** Where the words are. */
  get words(): number {
    return this.#offset;
  }

  get tapSums(): number {
    return this.#offset + alignedBytes(this.evenRows * this.rowBytes);
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#workspace.heap.free(this.#offset);
  }
}
