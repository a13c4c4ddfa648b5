import { alignedBytes } from '../../heap.ts';
import type { Workspace } from '../../wasm/workspace.ts';
import type { Gram } from '../contract.ts';
import { checkAdded } from './check.ts';

/** Rows to a panel and to a side of a tile; columns to a chunk: those of gram.as.ts. */
const PANEL = 8;
const CHUNK = 128;
const TILE = PANEL * PANEL;

const EMPTY = new Float32Array(0);

/** `Gram` with its sums in the heap, in tiles of 8 × 8; of a symmetric matrix only those on and above the diagonal. */
export class SimdGram implements Gram {
  readonly rowsA: number;
  readonly rowsB: number;
  readonly isSymmetric: boolean;
  readonly #workspace: Workspace;
  readonly #tiles: number;
  readonly #tileCount: number;
  #disposed = false;

  constructor(workspace: Workspace, rowsA: number, rowsB?: number) {
    this.rowsA = rowsA;
    this.rowsB = rowsB ?? rowsA;
    this.isSymmetric = rowsB === undefined;
    this.#workspace = workspace;
    const [panelsA, panelsB] = [panels(this.rowsA), panels(this.rowsB)];
    this.#tileCount = this.isSymmetric ? (panelsA * (panelsA + 1)) / 2 : panelsA * panelsB;
    this.#tiles = workspace.heap.allocate(this.#tileCount * TILE * 8);
    this.#sums().fill(0);
  }

  add(a: Float32Array, length: number, b?: Float32Array): void {
    checkAdded(this, a, length, b);
    const width = Math.min(length, CHUNK) * PANEL * 4;
    const bytesA = alignedBytes(panels(this.rowsA) * width);
    const bytesB = this.isSymmetric ? 0 : panels(this.rowsB) * width;
    this.#workspace.call(EMPTY, [a, b], bytesA + bytesB, (_output, scratch, [aAt, bAt]) => {
      const panelsB = this.isSymmetric ? scratch : scratch + bytesA;
      const other = this.isSymmetric ? aAt! : bAt!;
      const { addProducts } = this.#workspace.exports;
      addProducts(aAt!, this.rowsA, other, this.rowsB, length, scratch, panelsB, this.#tiles);
    });
  }

  result(): Float64Array {
    const { rowsA, rowsB } = this;
    const out = new Float64Array(rowsA * rowsB);
    const sums = this.#sums();
    let tile = 0;
    for (let p = 0; p < rowsA; p += PANEL) {
      for (let q = this.isSymmetric ? p : 0; q < rowsB; q += PANEL) {
        const [endI, endJ] = [Math.min(p + PANEL, rowsA), Math.min(q + PANEL, rowsB)];
        for (let i = p; i < endI; i++) {
          for (let j = q; j < endJ; j++) {
            const sum = sums[tile + (i - p) * PANEL + (j - q)];
            out[i * rowsB + j] = sum;
            if (this.isSymmetric) out[j * rowsB + i] = sum;
          }
        }
        tile += TILE;
      }
    }
    return out;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#workspace.heap.free(this.#tiles);
  }

  #sums(): Float64Array {
    return new Float64Array(this.#workspace.heap.buffer, this.#tiles, this.#tileCount * TILE);
  }
}

function panels(rows: number): number {
  return Math.ceil(rows / PANEL);
}
