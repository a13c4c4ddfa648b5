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

/** The first `rows` rows and their padding, set to zero; `stride` ÷ 8 elements to a row. */
export function clearedRows({ heap }: Workspace, matrix: HeapMatrix, rows: number): Float64Array {
  const length = (Math.ceil(rows / 4) * 4 * matrix.stride) / 8;
  return new Float64Array(heap.buffer, matrix.address, length).fill(0);
}

/** Copies `rows` rows into the heap (all of them unless said otherwise), and zeros into their padding. */
export function loadMatrix(
  workspace: Workspace,
  to: HeapMatrix,
  from: Float64Array,
  rows: number = to.rows,
): void {
  const { columns, stride } = to;
  const all = clearedRows(workspace, to, rows);
  for (let i = 0; i < rows; i++) all.set(from.subarray(i * columns, (i + 1) * columns), (i * stride) / 8);
}

/** Copies a matrix out of the heap. */
export function storeMatrix({ heap }: Workspace, from: HeapMatrix, to: Float64Array): void {
  const { rows, columns, stride, address } = from;
  for (let i = 0; i < rows; i++) {
    to.set(new Float64Array(heap.buffer, address + i * stride, columns), i * columns);
  }
}
