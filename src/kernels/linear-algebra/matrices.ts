import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';

/** A matrix of float64 in the heap. Rows and columns are padded with zeros to whole tiles of 4 × 4. */
export interface HeapMatrix {
  readonly address: number;
  readonly rows: number;
  readonly columns: number;
  /** Bytes from a row to the next: not a power of two, or the rows of a tile would share their places in the cache. */
  readonly stride: number;
}

/** Runs `body`, which may allocate by `take`; frees all that it took. */
export function withBlocks<T>({ heap }: Workspace, body: (take: (byteLength: number) => number) => T): T {
  const blocks: number[] = [];
  try {
    return body((byteLength) => {
      const block = heap.allocate(byteLength);
      blocks.push(block);
      return block;
    });
  } finally {
    for (const block of blocks) heap.free(block);
  }
}

/** Takes room for a matrix. Its content is undefined until `loadMatrix`. */
export function takeMatrix(take: (byteLength: number) => number, rows: number, columns: number): HeapMatrix {
  const stride = alignedBytes(columns * 8) + 64;
  return { address: take(Math.ceil(rows / 4) * 4 * stride), rows, columns, stride };
}

/** Copies a matrix into the heap, from row `first` on, and zeros into its padding. */
export function loadMatrix({ heap }: Workspace, to: HeapMatrix, from: Float64Array, first = 0): void {
  const { rows, columns, stride, address } = to;
  const width = stride / 8;
  const all = new Float64Array(heap.buffer, address, Math.ceil(rows / 4) * 4 * width);
  for (let i = 0; i < rows; i++) {
    all.set(from.subarray((first + i) * columns, (first + i + 1) * columns), i * width);
    all.fill(0, i * width + columns, (i + 1) * width);
  }
  all.fill(0, rows * width);
}

/** Copies a matrix out of the heap. */
export function storeMatrix({ heap }: Workspace, from: HeapMatrix, to: Float64Array): void {
  const { rows, columns, stride, address } = from;
  for (let i = 0; i < rows; i++) {
    to.set(new Float64Array(heap.buffer, address + i * stride, columns), i * columns);
  }
}
