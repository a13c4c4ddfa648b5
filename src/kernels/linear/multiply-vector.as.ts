/**
 * One fully connected layer applied to one vector: four rows of a panel share a vector of sums, k ascending. Four
 * panels go together to hide the latency of the additions.
 *
 * @param a panels of weights, [k][4], ceil(rows / 4) of them
 * @param x k floats
 * @param sums ceil(rows / 16) · 16 floats: the bare sums, for `finishVector`
 */
export function multiplyVector(a: usize, rows: i32, k: i32, x: usize, sums: usize): void {
  const panelBytes = (<usize>k) << 4;
  const xEnd = x + ((<usize>k) << 2);
  let row = 0;
  for (; row + 12 < rows; row += 16) {
    let c0 = f32x4.splat(0);
    let c1 = f32x4.splat(0);
    let c2 = f32x4.splat(0);
    let c3 = f32x4.splat(0);
    let a0 = a;
    let a1 = a0 + panelBytes;
    let a2 = a1 + panelBytes;
    let a3 = a2 + panelBytes;
    for (let xp = x; xp < xEnd; xp += 4) {
      const s = v128.load32_splat(xp);
      c0 = f32x4.add(c0, f32x4.mul(v128.load(a0), s));
      c1 = f32x4.add(c1, f32x4.mul(v128.load(a1), s));
      c2 = f32x4.add(c2, f32x4.mul(v128.load(a2), s));
      c3 = f32x4.add(c3, f32x4.mul(v128.load(a3), s));
      a0 += 16;
      a1 += 16;
      a2 += 16;
      a3 += 16;
    }
    v128.store(sums, c0);
    v128.store(sums, c1, 16);
    v128.store(sums, c2, 32);
    v128.store(sums, c3, 48);
    sums += 64;
    a += panelBytes << 2;
  }
  for (; row < rows; row += 4) {
    let c0 = f32x4.splat(0);
    for (let xp = x; xp < xEnd; xp += 4) {
      c0 = f32x4.add(c0, f32x4.mul(v128.load(a), v128.load32_splat(xp)));
      a += 16;
    }
    v128.store(sums, c0);
    sums += 16;
  }
}

/** y = epilogue(sums), the channel being the element. `scale`, `bias` and `addend` may be 0. */
export function finishVector(
  sums: usize, count: i32, y: usize, scale: usize, bias: usize, addend: usize, low: f32, high: f32,
): void {
  for (let i: usize = 0, end = (<usize>count) << 2; i < end; i += 4) {
    let v = load<f32>(sums + i);
    if (scale != 0) v *= load<f32>(scale + i);
    if (bias != 0) v += load<f32>(bias + i);
    if (addend != 0) v += load<f32>(addend + i);
    if (v < low) v = low;
    if (high < v) v = high;
    store<f32>(y + i, v);
  }
}
