/*
 * The micro-kernel of integer layers. A panel of weights holds 4 rows as [k/2][4][2] i16, so that a vector is a pair of
 * successive k of each row; a pixel holds its k values one after the other, of which a pair is splatted. A tile is 8 rows ×
 * 4 pixels, 8 vectors of 32-bit sums. Integer sums are exact in any order.
 */

/**
 * sums[pixel][row] = Σ_k weights[row][k] · values[pixel][k].
 *
 * @param a panels of weights, an even number of them, `panelBytes` apart
 * @param rows a multiple of 8
 * @param pairs half of k, rounded up
 * @param b values, i16, `pixelBytes` from a pixel to the next
 * @param line bytes from the sums of a pixel to those of the next
 */
export function multiplyShorts(
  a: usize, panelBytes: usize, rows: i32, pairs: i32, b: usize, pixelBytes: usize, pixels: i32, sums: usize, line: usize,
): void {
  for (let row = 0; row < rows; row += 8) {
    for (let p = 0; p < pixels; p += 4) {
      // Pixels that are not there repeat the last one.
      const left = pixels - p;
      const b0 = b + <usize>p * pixelBytes;
      const b1 = left > 1 ? b0 + pixelBytes : b0;
      const b2 = left > 2 ? b1 + pixelBytes : b1;
      const b3 = left > 3 ? b2 + pixelBytes : b2;
      const s0 = sums + <usize>p * line;
      const s1 = left > 1 ? s0 + line : s0;
      const s2 = left > 2 ? s1 + line : s1;
      const s3 = left > 3 ? s2 + line : s2;
      tile(a, a + panelBytes, pairs, b0, b1, b2, b3, s0, s1, s2, s3);
    }
    a += panelBytes << 1;
    sums += 32;
  }
}

/** One tile: two panels of weights and four pixels. Stores 8 sums of each pixel. */
// @ts-ignore: decorator
@inline
export function tile(
  a: usize, a1: usize, pairs: i32, b0: usize, b1: usize, b2: usize, b3: usize,
  s0: usize, s1: usize, s2: usize, s3: usize,
): void {
  const end = a + ((<usize>pairs) << 4);
  const last = end - 16;
  let c00 = i32x4.splat(0);
  let c01 = i32x4.splat(0);
  let c10 = i32x4.splat(0);
  let c11 = i32x4.splat(0);
  let c20 = i32x4.splat(0);
  let c21 = i32x4.splat(0);
  let c30 = i32x4.splat(0);
  let c31 = i32x4.splat(0);
  // Two steps a turn with an exit between, as in gemm/multiply.as.ts: it keeps V8 from mixing them.
  while (a < end) {
    let w0 = v128.load(a);
    let w1 = v128.load(a1);
    let s = v128.load32_splat(b0);
    c00 = i32x4.add(c00, i32x4.dot_i16x8_s(s, w0));
    c01 = i32x4.add(c01, i32x4.dot_i16x8_s(s, w1));
    s = v128.load32_splat(b1);
    c10 = i32x4.add(c10, i32x4.dot_i16x8_s(s, w0));
    c11 = i32x4.add(c11, i32x4.dot_i16x8_s(s, w1));
    s = v128.load32_splat(b2);
    c20 = i32x4.add(c20, i32x4.dot_i16x8_s(s, w0));
    c21 = i32x4.add(c21, i32x4.dot_i16x8_s(s, w1));
    s = v128.load32_splat(b3);
    c30 = i32x4.add(c30, i32x4.dot_i16x8_s(s, w0));
    c31 = i32x4.add(c31, i32x4.dot_i16x8_s(s, w1));
    if (a >= last) break;
    w0 = v128.load(a, 16);
    w1 = v128.load(a1, 16);
    s = v128.load32_splat(b0, 4);
    c00 = i32x4.add(c00, i32x4.dot_i16x8_s(s, w0));
    c01 = i32x4.add(c01, i32x4.dot_i16x8_s(s, w1));
    s = v128.load32_splat(b1, 4);
    c10 = i32x4.add(c10, i32x4.dot_i16x8_s(s, w0));
    c11 = i32x4.add(c11, i32x4.dot_i16x8_s(s, w1));
    s = v128.load32_splat(b2, 4);
    c20 = i32x4.add(c20, i32x4.dot_i16x8_s(s, w0));
    c21 = i32x4.add(c21, i32x4.dot_i16x8_s(s, w1));
    s = v128.load32_splat(b3, 4);
    c30 = i32x4.add(c30, i32x4.dot_i16x8_s(s, w0));
    c31 = i32x4.add(c31, i32x4.dot_i16x8_s(s, w1));
    a += 32;
    a1 += 32;
    b0 += 8;
    b1 += 8;
    b2 += 8;
    b3 += 8;
  }
  v128.store(s0, c00);
  v128.store(s0, c01, 16);
  v128.store(s1, c10);
  v128.store(s1, c11, 16);
  v128.store(s2, c20);
  v128.store(s2, c21, 16);
  v128.store(s3, c30);
  v128.store(s3, c31, 16);
}
