/*
 * The micro-kernel of everything in float64 here: C −= A · B. Each element of C takes the products in ascending k, each
 * rounded, so a triple loop gives the same bits however the work is cut into blocks of k. Lanes are different columns.
 *
 * Matrices are row-major with a number of bytes from a row to the next; there are whole tiles of 4 × 4 to write to, for
 * the memory is padded (matrices.ts).
 */

/** Rows, columns or k to a block: 64 × 64 float64 are 32 KiB, a first-level cache. */
export const BLOCK: i32 = 64;

/**
 * c −= a · b for `rows` × `columns` elements, both rounded up to 4.
 * @param panels b in panels of four columns, [k][4], missing ones zero
 */
export function subtractProducts(
  c: usize, strideC: usize, rows: i32, columns: i32, a: usize, strideA: usize, panels: usize, k: i32,
): void {
  const panelBytes = (<usize>k) << 5;
  for (let row = 0; row < rows; row += 4) {
    let panel = panels;
    for (let column = 0; column < columns; column += 4) {
      subtractTile(c + ((<usize>column) << 3), strideC, a, strideA, panel, panelBytes);
      panel += panelBytes;
    }
    c += strideC << 2;
    a += strideA << 2;
  }
}

/**
 * c −= a · b for a [rows, n] and b [n, columns], block by block.
 * @param panels scratch, 32 KiB
 */
export function subtractMatrixProduct(
  c: usize, strideC: usize, rows: i32, columns: i32, a: usize, strideA: usize, b: usize, strideB: usize, n: i32,
  panels: usize,
): void {
  for (let at = 0; at < n; at += BLOCK) {
    const k = min(BLOCK, n - at);
    for (let column = 0; column < columns; column += BLOCK) {
      const width = min(BLOCK, columns - column);
      packColumns(b + <usize>at * strideB + ((<usize>column) << 3), strideB, width, k, panels);
      subtractProducts(
        c + ((<usize>column) << 3), strideC, rows, width, a + ((<usize>at) << 3), strideA, panels, k,
      );
    }
  }
}

/** Lays columns [from, from + columns) of `k` rows out in panels. The source is padded with zeros. */
export function packColumns(source: usize, stride: usize, columns: i32, k: i32, out: usize): void {
  for (let column = 0; column < columns; column += 4) {
    let s = source + ((<usize>column) << 3);
    for (let i = 0; i < k; i++) {
      v128.store(out, v128.load(s));
      v128.store(out, v128.load(s, 16), 16);
      s += stride;
      out += 32;
    }
  }
}

/** Lays the transposed of `columns` rows of length `k` out in panels. The source is padded with rows of zeros. */
export function packRowsAsColumns(source: usize, stride: usize, columns: i32, k: i32, out: usize): void {
  for (let column = 0; column < columns; column += 4) {
    const s0 = source + <usize>column * stride;
    const s1 = s0 + stride;
    const s2 = s1 + stride;
    const s3 = s2 + stride;
    for (let i: usize = 0, end = (<usize>k) << 3; i < end; i += 8) {
      store<f64>(out, load<f64>(s0 + i));
      store<f64>(out, load<f64>(s1 + i), 8);
      store<f64>(out, load<f64>(s2 + i), 16);
      store<f64>(out, load<f64>(s3 + i), 24);
      out += 32;
    }
  }
}

function subtractTile(c: usize, strideC: usize, a0: usize, strideA: usize, b: usize, panelBytes: usize): void {
  const c1 = c + strideC;
  const c2 = c1 + strideC;
  const c3 = c2 + strideC;
  let c00 = v128.load(c);
  let c01 = v128.load(c, 16);
  let c10 = v128.load(c1);
  let c11 = v128.load(c1, 16);
  let c20 = v128.load(c2);
  let c21 = v128.load(c2, 16);
  let c30 = v128.load(c3);
  let c31 = v128.load(c3, 16);
  let a1 = a0 + strideA;
  let a2 = a1 + strideA;
  let a3 = a2 + strideA;
  const end = b + panelBytes;
  const last = end - 32;
  // Two steps a turn with an exit between them, as in gemm/multiply.as.ts, for the same reason.
  while (b < end) {
    let b0 = v128.load(b);
    let b1 = v128.load(b, 16);
    let s = v128.load_splat<f64>(a0);
    c00 = f64x2.sub(c00, f64x2.mul(s, b0));
    c01 = f64x2.sub(c01, f64x2.mul(s, b1));
    s = v128.load_splat<f64>(a1);
    c10 = f64x2.sub(c10, f64x2.mul(s, b0));
    c11 = f64x2.sub(c11, f64x2.mul(s, b1));
    s = v128.load_splat<f64>(a2);
    c20 = f64x2.sub(c20, f64x2.mul(s, b0));
    c21 = f64x2.sub(c21, f64x2.mul(s, b1));
    s = v128.load_splat<f64>(a3);
    c30 = f64x2.sub(c30, f64x2.mul(s, b0));
    c31 = f64x2.sub(c31, f64x2.mul(s, b1));
    if (b >= last) break;
    b0 = v128.load(b, 32);
    b1 = v128.load(b, 48);
    s = v128.load_splat<f64>(a0, 8);
    c00 = f64x2.sub(c00, f64x2.mul(s, b0));
    c01 = f64x2.sub(c01, f64x2.mul(s, b1));
    s = v128.load_splat<f64>(a1, 8);
    c10 = f64x2.sub(c10, f64x2.mul(s, b0));
    c11 = f64x2.sub(c11, f64x2.mul(s, b1));
    s = v128.load_splat<f64>(a2, 8);
    c20 = f64x2.sub(c20, f64x2.mul(s, b0));
    c21 = f64x2.sub(c21, f64x2.mul(s, b1));
    s = v128.load_splat<f64>(a3, 8);
    c30 = f64x2.sub(c30, f64x2.mul(s, b0));
    c31 = f64x2.sub(c31, f64x2.mul(s, b1));
    a0 += 16;
    a1 += 16;
    a2 += 16;
    a3 += 16;
    b += 64;
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(c1, c10);
  v128.store(c1, c11, 16);
  v128.store(c2, c20);
  v128.store(c2, c21, 16);
  v128.store(c3, c30);
  v128.store(c3, c31, 16);
}
