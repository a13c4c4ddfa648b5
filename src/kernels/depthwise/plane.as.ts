/*
 * Planes of outputs of any depthwise kernel, given the byte offset of each tap from the first input. The other
 * parameters and the way rows are written are those of plane3x3.as.ts.
 */

/** clamp(v · scale + shift). */
// @ts-ignore: decorator
@inline
function finish(v: v128, scale: f32, shift: f32, low: f32, high: f32): v128 {
  const finished = f32x4.add(f32x4.mul(v, f32x4.splat(scale)), f32x4.splat(shift));
  return f32x4.pmin(f32x4.pmax(finished, f32x4.splat(low)), f32x4.splat(high));
}

/**
 * Four or more rows: four at a time, because independent sums hide the latency of additions. The last four overlap
 * those before when their number is no multiple.
 */
export function planeByFours(
  x: usize, rowStep: usize, offsets: usize, taps: i32, w: usize, out: usize, outStep: usize, height: i32, width: i32,
  scale: f32, shift: f32, low: f32, high: f32,
): void {
  const offsetsEnd = offsets + ((<usize>taps) << 2);
  const lastColumn: usize = width > 4 ? (<usize>(width - 4)) << 2 : 0;
  const end = (<usize>width) << 2;
  for (let y = 0; y < height; y += 4) {
    const first: usize = min(y, height - 4);
    const row = x + first * rowStep;
    const out0 = out + first * outStep;
    for (let column: usize = 0; column < end; column += 16) {
      const at = min(column, lastColumn);
      const r0 = row + at;
      const r1 = r0 + rowStep;
      const r2 = r1 + rowStep;
      const r3 = r2 + rowStep;
      let c0 = f32x4.splat(0);
      let c1 = f32x4.splat(0);
      let c2 = f32x4.splat(0);
      let c3 = f32x4.splat(0);
      let wp = w;
      for (let o = offsets; o < offsetsEnd; o += 4) {
        const offset = load<usize>(o);
        const s = v128.load32_splat(wp);
        c0 = f32x4.add(c0, f32x4.mul(s, v128.load(r0 + offset)));
        c1 = f32x4.add(c1, f32x4.mul(s, v128.load(r1 + offset)));
        c2 = f32x4.add(c2, f32x4.mul(s, v128.load(r2 + offset)));
        c3 = f32x4.add(c3, f32x4.mul(s, v128.load(r3 + offset)));
        wp += 16;
      }
      let to = out0 + at;
      v128.store(to, finish(c0, scale, shift, low, high));
      to += outStep;
      v128.store(to, finish(c1, scale, shift, low, high));
      to += outStep;
      v128.store(to, finish(c2, scale, shift, low, high));
      to += outStep;
      v128.store(to, finish(c3, scale, shift, low, high));
    }
  }
}

/** Any number of rows, one after the other. */
export function planeByRows(
  x: usize, rowStep: usize, offsets: usize, taps: i32, w: usize, out: usize, outStep: usize, height: i32, width: i32,
  scale: f32, shift: f32, low: f32, high: f32,
): void {
  const offsetsEnd = offsets + ((<usize>taps) << 2);
  const lastColumn: usize = width > 4 ? (<usize>(width - 4)) << 2 : 0;
  const end = (<usize>width) << 2;
  for (let y = 0; y < height; y++) {
    const row = x + <usize>y * rowStep;
    const out0 = out + <usize>y * outStep;
    for (let column: usize = 0; column < end; column += 16) {
      const at = min(column, lastColumn);
      let c = f32x4.splat(0);
      let wp = w;
      for (let o = offsets; o < offsetsEnd; o += 4) {
        c = f32x4.add(c, f32x4.mul(v128.load32_splat(wp), v128.load(row + at + load<usize>(o))));
        wp += 16;
      }
      v128.store(out0 + at, finish(c, scale, shift, low, high));
    }
  }
}
