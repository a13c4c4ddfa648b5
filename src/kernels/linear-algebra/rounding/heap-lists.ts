import type { Workspace } from '../../wasm/workspace.ts';
import type { LevelLists } from '../contract.ts';
import { threshold } from './levels.ts';

/** Lists as the kernels read them: 2^k levels, then the 2^k thresholds between them, filled up with what is never reached. */
export class HeapLists {
  /** Levels to a list, a power of two. */
  readonly size: number;
  /** Bytes from the lists of a row to those of the next; 0 where rows share them. */
  readonly rowBytes: number;
  readonly address: number;
  readonly #workspace: Workspace;
  readonly #source: LevelLists;
  readonly #perRow: number;
  #isLoaded = false;

  /** @param rows the most that are loaded at a time */
  constructor(workspace: Workspace, take: (byteLength: number) => number, source: LevelLists, rows: number) {
    this.#workspace = workspace;
    this.#source = source;
    this.size = 1;
    while (this.size < source.size) this.size *= 2;
    this.#perRow = 1 + (source.listOf?.reduce((most, list) => Math.max(most, list), 0) ?? 0);
    const bytes = this.#perRow * this.listBytes;
    this.rowBytes = source.stride === 0 ? 0 : bytes;
    this.address = take(source.stride === 0 ? bytes : bytes * rows);
  }

  get listBytes(): number {
    return this.size * 16;
  }

  /** Loads the lists of `rows` rows from `first` on. */
  load(first: number, rows: number): void {
    const isShared = this.rowBytes === 0;
    if (isShared && this.#isLoaded) return;
    this.#isLoaded = true;
    const { levels, size, stride } = this.#source;
    const rowCount = isShared ? 1 : rows;
    const width = 2 * this.size;
    const out = new Float64Array(this.#workspace.heap.buffer, this.address, rowCount * this.#perRow * width);
    out.fill(Number.NaN);
    for (let row = 0; row < rowCount; row++) {
      for (let list = 0; list < this.#perRow; list++) {
        const from = (stride * (first + row) + list) * size;
        const to = (row * this.#perRow + list) * width;
        for (let i = 0; i < size; i++) {
          out[to + i] = levels[from + i];
          if (i + 1 < size) out[to + this.size + i] = threshold(levels[from + i], levels[from + i + 1]);
        }
      }
    }
  }
}
