/*
 * Planes of outputs of a 3 × 3 depthwise kernel. `x` is the padded plane, `w` a row of a panel (weights 16 bytes apart).
 * Output rows are `outStep` bytes apart and written in whole vectors, the last one overlapping the one before; a row
 * narrower than a vector has room behind it.
 */

/** clamp(v · scale + shift). */
// @ts-ignore: decorator
@inline
function finish(v: v128, scale: v128, shift: v128, low: v128, high: v128): v128 {
  return f32x4.pmin(f32x4.pmax(f32x4.add(f32x4.mul(v, scale), shift), low), high);
}

/**
 * Stride 1, two or more rows: two at a time, because they share two of their four input rows. The last pair overlaps
 * the one before when their number is odd.
 */
export function plane3x3(
  x: usize, pitch: usize, w: usize, out: usize, outStep: usize, height: i32, width: i32,
  scale: f32, shift: f32, low: f32, high: f32,
): void {
  const w0 = v128.load32_splat(w);
  const w1 = v128.load32_splat(w, 16);
  const w2 = v128.load32_splat(w, 32);
  const w3 = v128.load32_splat(w, 48);
  const w4 = v128.load32_splat(w, 64);
  const w5 = v128.load32_splat(w, 80);
  const w6 = v128.load32_splat(w, 96);
  const w7 = v128.load32_splat(w, 112);
  const w8 = v128.load32_splat(w, 128);
  const zero = f32x4.splat(0);
  const scales = f32x4.splat(scale);
  const shifts = f32x4.splat(shift);
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  const lastColumn: usize = width > 4 ? (<usize>(width - 4)) << 2 : 0;
  const end = (<usize>width) << 2;
  for (let y = 0; y < height; y += 2) {
    const first: usize = min(y, height - 2);
    const row = x + first * pitch;
    const out0 = out + first * outStep;
    const out1 = out0 + outStep;
    for (let column: usize = 0; column < end; column += 16) {
      const at = min(column, lastColumn);
      let r = row + at;
      let c0 = f32x4.add(zero, f32x4.mul(w0, v128.load(r)));
      c0 = f32x4.add(c0, f32x4.mul(w1, v128.load(r, 4)));
      c0 = f32x4.add(c0, f32x4.mul(w2, v128.load(r, 8)));
      r += pitch;
      let b = v128.load(r);
      c0 = f32x4.add(c0, f32x4.mul(w3, b));
      let c1 = f32x4.add(zero, f32x4.mul(w0, b));
      b = v128.load(r, 4);
      c0 = f32x4.add(c0, f32x4.mul(w4, b));
      c1 = f32x4.add(c1, f32x4.mul(w1, b));
      b = v128.load(r, 8);
      c0 = f32x4.add(c0, f32x4.mul(w5, b));
      c1 = f32x4.add(c1, f32x4.mul(w2, b));
      r += pitch;
      b = v128.load(r);
      c0 = f32x4.add(c0, f32x4.mul(w6, b));
      c1 = f32x4.add(c1, f32x4.mul(w3, b));
      b = v128.load(r, 4);
      c0 = f32x4.add(c0, f32x4.mul(w7, b));
      c1 = f32x4.add(c1, f32x4.mul(w4, b));
      b = v128.load(r, 8);
      c0 = f32x4.add(c0, f32x4.mul(w8, b));
      c1 = f32x4.add(c1, f32x4.mul(w5, b));
      r += pitch;
      c1 = f32x4.add(c1, f32x4.mul(w6, v128.load(r)));
      c1 = f32x4.add(c1, f32x4.mul(w7, v128.load(r, 4)));
      c1 = f32x4.add(c1, f32x4.mul(w8, v128.load(r, 8)));
      v128.store(out0 + at, finish(c0, scales, shifts, lows, highs));
      v128.store(out1 + at, finish(c1, scales, shifts, lows, highs));
    }
  }
}

/** Stride 2 along a row: even columns, then odd ones `odd` bytes further. Any stride from row to row. */
export function plane3x3Stride2(
  x: usize, pitch: usize, rowStep: usize, odd: usize, w: usize, out: usize, outStep: usize, height: i32, width: i32,
  scale: f32, shift: f32, low: f32, high: f32,
): void {
  const w0 = v128.load32_splat(w);
  const w1 = v128.load32_splat(w, 16);
  const w2 = v128.load32_splat(w, 32);
  const w3 = v128.load32_splat(w, 48);
  const w4 = v128.load32_splat(w, 64);
  const w5 = v128.load32_splat(w, 80);
  const w6 = v128.load32_splat(w, 96);
  const w7 = v128.load32_splat(w, 112);
  const w8 = v128.load32_splat(w, 128);
  const zero = f32x4.splat(0);
  const scales = f32x4.splat(scale);
  const shifts = f32x4.splat(shift);
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  const lastColumn: usize = width > 4 ? (<usize>(width - 4)) << 2 : 0;
  const end = (<usize>width) << 2;
  for (let y = 0; y < height; y++) {
    const row = x + <usize>y * rowStep;
    const out0 = out + <usize>y * outStep;
    for (let column: usize = 0; column < end; column += 16) {
      const at = min(column, lastColumn);
      let r = row + at;
      let c = f32x4.add(zero, f32x4.mul(w0, v128.load(r)));
      c = f32x4.add(c, f32x4.mul(w1, v128.load(r + odd)));
      c = f32x4.add(c, f32x4.mul(w2, v128.load(r, 4)));
      r += pitch;
      c = f32x4.add(c, f32x4.mul(w3, v128.load(r)));
      c = f32x4.add(c, f32x4.mul(w4, v128.load(r + odd)));
      c = f32x4.add(c, f32x4.mul(w5, v128.load(r, 4)));
      r += pitch;
      c = f32x4.add(c, f32x4.mul(w6, v128.load(r)));
      c = f32x4.add(c, f32x4.mul(w7, v128.load(r + odd)));
      c = f32x4.add(c, f32x4.mul(w8, v128.load(r, 4)));
      v128.store(out0 + at, finish(c, scales, shifts, lows, highs));
    }
  }
}
