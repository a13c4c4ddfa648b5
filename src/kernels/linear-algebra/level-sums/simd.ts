import { alignedBytes } from '../../heap.ts';
import type { Workspace } from '../../wasm/workspace.ts';
import type { CodedRows } from '../contract.ts';
import { withBlocks } from '../matrices.ts';
import { checkLevelSums } from './check.ts';

/** Columns to a tile: what eight vectors hold. */
const TILE = 16;
/** Rows for which a tile is read at a time, and the bytes that their sums may take, which decides first. */
const MOST_ROWS = 64;
const SUM_BYTES = 1 << 23;
/** Fewer would have the matrix come from memory again and again. */
const LEAST_ROWS = 8;

/** As `addLevelSumsReference`. */
export function addLevelSumsSimd(
  workspace: Workspace,
  coded: CodedRows,
  hessian: Float64Array,
  n: number,
  from: number,
  sums: Float64Array,
): void {
  const step = checkLevelSums(coded, hessian, n, from, sums);
  const { rows, columns, codes, size } = coded;
  // Not a power of two: the sums of all codes at a column are read one after the other.
  const strideBytes = alignedBytes(Math.ceil(columns / TILE) * TILE * 8) + 64;
  const fitting = Math.floor(SUM_BYTES / (size * strideBytes));
  const block = Math.min(rows, MOST_ROWS, Math.max(LEAST_ROWS, fitting));
  const square = size * size;
  withBlocks(workspace, (take) => {
    const { heap, exports } = workspace;
    const tiles = take(tileLength(columns) * 8);
    const diagonal = take(columns * 8);
    const codesAt = take(block * columns);
    const sumsAt = take(block * square * 8);
    const lists = take(block * (2 * size + columns) * 4);
    const below = take(block * size * strideBytes);
    layTiles(hessian, n, from, columns, new Float64Array(heap.buffer, tiles, tileLength(columns)));
    const diagonals = new Float64Array(heap.buffer, diagonal, columns);
    for (let k = 0; k < columns; k++) diagonals[k] = hessian[(from + k) * (n + 1)];
    for (let first = 0; first < rows; first += block) {
      const count = Math.min(block, rows - first);
      new Uint8Array(heap.buffer, codesAt, count * columns).set(
        codes.subarray(first * columns, (first + count) * columns),
      );
      const own = sums.subarray(first * step, (first + count - 1) * step + square);
      const inHeap = new Float64Array(heap.buffer, sumsAt, own.length);
      inHeap.set(own);
      exports.addLevelSums(
        tiles,
        diagonal,
        columns,
        codesAt,
        count,
        size,
        sumsAt,
        step * 8,
        lists,
        below,
        strideBytes,
      );
      own.set(inHeap);
    }
  });
}

/** Elements in the tiles of a lower triangle: tile t has the rows from its first column on. */
function tileLength(n: number): number {
  let length = 0;
  for (let k = 0; k < n; k += TILE) length += (n - k) * TILE;
  return length;
}

/** Tile by tile the rows from its first column on, 16 columns each: what is below the diagonal, and zeros. */
function layTiles(hessian: Float64Array, n: number, from: number, columns: number, out: Float64Array): void {
  let at = 0;
  for (let k = 0; k < columns; k += TILE) {
    for (let j = k; j < columns; j++, at += TILE) {
      const line = (from + j) * n + from + k;
      const width = Math.min(TILE, j - k);
      for (let i = 0; i < width; i++) out[at + i] = hessian[line + i];
      for (let i = width; i < TILE; i++) out[at + i] = 0;
    }
  }
}
