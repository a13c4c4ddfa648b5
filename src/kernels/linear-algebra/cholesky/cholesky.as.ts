/* Blocked factorization and forward substitution; the definitions are in reference.ts. */
import { BLOCK, packRowsAsColumns, subtractProducts } from '../subtract.as.ts';

const BLOCK_BYTES: usize = 64 * 64 * 8;

/**
 * Lower factor of a symmetric matrix in place; what is above the diagonal is undefined afterwards. −1, or the index of the
 * first pivot that is not positive and finite.
 *
 * The columns go block by block: the square on the diagonal is factored, the rows below it are substituted through it,
 * and their products are subtracted from all that is to the right.
 *
 * @param scratch 64 KiB
 */
export function cholesky(a: usize, n: i32, stride: usize, scratch: usize): i32 {
  for (let at = 0; at < n; at += BLOCK) {
    const width = min(BLOCK, n - at);
    const square = a + <usize>at * (stride + 8);
    const failed = factorSquare(square, width, stride);
    if (failed >= 0) return at + failed;
    substituteBlock(a, n, stride, at, a, at + width, n, stride, true, scratch);
  }
  return -1;
}

/**
 * y · lᵀ = r for m rows r, in place: a forward substitution for each.
 * @param isUpper whether row i has only zeros before column i, which saves half of the work or more
 * @param scratch 64 KiB
 */
export function substitute(
  l: usize, n: i32, strideL: usize, r: usize, m: i32, strideR: usize, isUpper: bool, scratch: usize,
): void {
  for (let at = 0; at < n; at += BLOCK) {
    const rows = isUpper ? min(m, at + BLOCK) : m;
    substituteBlock(l, n, strideL, at, r, 0, rows, strideR, false, scratch);
  }
}

/** One block of columns of the substitution, for rows [first, end) of r; with `isLower` no more of r than its lower triangle. */
function substituteBlock(
  l: usize, n: i32, strideL: usize, at: i32, r: usize, first: i32, end: i32, strideR: usize,
  isLower: bool, scratch: usize,
): void {
  const width = min(BLOCK, n - at);
  const columnBytes = (<usize>at) << 3;
  transposeSquare(l + <usize>at * (strideL + 8), width, strideL, scratch);
  for (let row = first; row < end; row++) substituteSquare(r + <usize>row * strideR + columnBytes, width, scratch);
  const panels = scratch + BLOCK_BYTES;
  for (let column = at + BLOCK; column < n; column += BLOCK) {
    const columns = min(BLOCK, n - column);
    packRowsAsColumns(l + <usize>column * strideL + columnBytes, strideL, columns, width, panels);
    const from = isLower ? column : first;
    const rows = r + <usize>from * strideR;
    subtractProducts(
      rows + ((<usize>column) << 3), strideR, end - from, columns, rows + columnBytes, strideR, panels, width,
    );
  }
}

/** Row by row, element by element. */
function factorSquare(a: usize, n: i32, stride: usize): i32 {
  for (let j = 0; j < n; j++) {
    const rowJ = a + <usize>j * stride;
    for (let i = j; i < n; i++) {
      const rowI = a + <usize>i * stride;
      const at = rowI + ((<usize>j) << 3);
      let v = load<f64>(at);
      for (let k: usize = 0, end = (<usize>j) << 3; k < end; k += 8) v -= load<f64>(rowI + k) * load<f64>(rowJ + k);
      if (i == j) {
        if (!(v > 0 && v < Infinity)) return j;
        store<f64>(at, sqrt(v));
      } else {
        store<f64>(at, v / load<f64>(rowJ + ((<usize>j) << 3)));
      }
    }
  }
  return -1;
}

/** The transposed of a lower triangle, 64 float64 to a row, zeros elsewhere. */
function transposeSquare(l: usize, n: i32, stride: usize, out: usize): void {
  memory.fill(out, 0, BLOCK_BYTES);
  for (let i: usize = 0; i < <usize>n; i++) {
    for (let j: usize = 0; j <= i; j++) store<f64>(out + (j << 9) + (i << 3), load<f64>(l + i * stride + (j << 3)));
  }
}

/** One row: as soon as an element is known its products are subtracted from those behind it. */
function substituteSquare(row: usize, n: i32, transposed: usize): void {
  const end = (<usize>n) << 3;
  for (let k: usize = 0; k < end; k += 8) {
    const lineK = transposed + (k << 6);
    const y = load<f64>(row + k) / load<f64>(lineK + k);
    store<f64>(row + k, y);
    let j = k + 8;
    if ((j & 8) != 0 && j < end) {
      store<f64>(row + j, load<f64>(row + j) - y * load<f64>(lineK + j));
      j += 8;
    }
    const ys = f64x2.splat(y);
    for (; j < end; j += 16) v128.store(row + j, f64x2.sub(v128.load(row + j), f64x2.mul(ys, v128.load(lineK + j))));
  }
}
