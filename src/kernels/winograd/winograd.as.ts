/*
 * 3 × 3 convolutions of stride 1 by Winograd's F(2×2, 3×3) in float32. What is computed, and in which order, is defined in
 * reference.ts; here lanes are tiles. A group is 4 tiles side by side, 8 × 2 outputs of a plane, a panel is 2 groups.
 */

/**
 * U of panels of weights: [channel][9 taps][4 rows] to [16 places][channel][4 rows].
 * @param panels their number
 */
export function winogradWeights(weights: usize, panels: i32, channels: i32, place: usize, out: usize): void {
  const placeEnd = (<usize>channels) << 4;
  const half = f32x4.splat(0.5);
  for (let panel = 0; panel < panels; panel++) {
    for (let to = out, end = out + placeEnd; to < end; to += 16, weights += 144) {
      const t00 = v128.load(weights);
      const t01 = v128.load(weights, 16);
      const t02 = v128.load(weights, 32);
      rowOfWeights(t00, t01, t02, half, to, place);
      const t30 = v128.load(weights, 96);
      const t31 = v128.load(weights, 112);
      const t32 = v128.load(weights, 128);
      rowOfWeights(t30, t31, t32, half, to + place * 12, place);
      const s0 = f32x4.add(t00, t30);
      const s1 = f32x4.add(t01, t31);
      const s2 = f32x4.add(t02, t32);
      const g0 = v128.load(weights, 48);
      const g1 = v128.load(weights, 64);
      const g2 = v128.load(weights, 80);
      rowOfWeights(
        f32x4.mul(f32x4.add(s0, g0), half), f32x4.mul(f32x4.add(s1, g1), half), f32x4.mul(f32x4.add(s2, g2), half),
        half, to + place * 4, place,
      );
      rowOfWeights(
        f32x4.mul(f32x4.sub(s0, g0), half), f32x4.mul(f32x4.sub(s1, g1), half), f32x4.mul(f32x4.sub(s2, g2), half),
        half, to + place * 8, place,
      );
    }
    out += place << 4;
  }
}

/** One row of (G g) Gᵀ. */
// @ts-ignore: decorator
@inline
function rowOfWeights(t0: v128, t1: v128, t2: v128, half: v128, out: usize, place: usize): void {
  const s = f32x4.add(t0, t2);
  v128.store(out, t0);
  v128.store(out + place, f32x4.mul(f32x4.add(s, t1), half));
  v128.store(out + place * 2, f32x4.mul(f32x4.sub(s, t1), half));
  v128.store(out + place * 3, t2);
}

/**
 * V of groups of tiles `first` … `first + groups - 1`, counted through the images: panels of [16 places][channel][8 tiles].
 * The last panel repeats its group where it has one only.
 *
 * @param x planes padded by zeros: 2 · down + 2 rows at least of 8 · across + 2 floats at least
 * @param across groups side by side; `down` rows of them in an image
 * @param placeBytes from a place to the next in a panel
 */
export function winogradInput(
  x: usize, channels: i32, rowBytes: usize, planeBytes: usize, first: i32, groups: i32, across: i32, down: i32,
  placeBytes: usize, out: usize,
): void {
  const imageBytes = <usize>channels * planeBytes;
  for (let g = 0; g < groups; g += 2) {
    const left = x + groupAt(first + g, across, down, rowBytes, imageBytes);
    const right = g + 1 < groups ? x + groupAt(first + g + 1, across, down, rowBytes, imageBytes) : left;
    for (let c: usize = 0; c < <usize>channels; c++) {
      const at = c * planeBytes;
      tilesOfInput(left + at, rowBytes, out + (c << 5), placeBytes);
      tilesOfInput(right + at, rowBytes, out + (c << 5) + 16, placeBytes);
    }
    out += placeBytes << 4;
  }
}

/** Byte offset of the first input of a group. */
// @ts-ignore: decorator
@inline
function groupAt(group: i32, across: i32, down: i32, rowBytes: usize, imageBytes: usize): usize {
  const line = group / across;
  const n = line / down;
  return <usize>n * imageBytes + (<usize>(line - n * down) * rowBytes << 1) + (<usize>(group - line * across) << 5);
}

/** (Bᵀ d) B of 4 tiles. Columns 0 … 3 of the tiles are the even and odd elements from 0 on, and from 2 on. */
// @ts-ignore: decorator
@inline
function tilesOfInput(d: usize, rowBytes: usize, out: usize, place: usize): void {
  const d1 = d + rowBytes;
  const d2 = d1 + rowBytes;
  const d3 = d2 + rowBytes;
  const a0 = v128.load(d1);
  const a1 = v128.load(d1, 16);
  const a2 = v128.load(d1, 8);
  const a3 = v128.load(d1, 24);
  const b0 = v128.load(d2);
  const b1 = v128.load(d2, 16);
  const b2 = v128.load(d2, 8);
  const b3 = v128.load(d2, 24);
  rowOfInput(
    f32x4.sub(v128.load(d), b0), f32x4.sub(v128.load(d, 16), b1),
    f32x4.sub(v128.load(d, 8), b2), f32x4.sub(v128.load(d, 24), b3), out, place,
  );
  rowOfInput(f32x4.add(a0, b0), f32x4.add(a1, b1), f32x4.add(a2, b2), f32x4.add(a3, b3), out + place * 4, place);
  rowOfInput(f32x4.sub(b0, a0), f32x4.sub(b1, a1), f32x4.sub(b2, a2), f32x4.sub(b3, a3), out + place * 8, place);
  rowOfInput(
    f32x4.sub(a0, v128.load(d3)), f32x4.sub(a1, v128.load(d3, 16)),
    f32x4.sub(a2, v128.load(d3, 8)), f32x4.sub(a3, v128.load(d3, 24)), out + place * 12, place,
  );
}

// @ts-ignore: decorator
@inline
function rowOfInput(v0: v128, v1: v128, v2: v128, v3: v128, out: usize, place: usize): void {
  const c0 = i32x4.shuffle(v0, v1, 0, 2, 4, 6);
  const c1 = i32x4.shuffle(v0, v1, 1, 3, 5, 7);
  const c2 = i32x4.shuffle(v2, v3, 0, 2, 4, 6);
  const c3 = i32x4.shuffle(v2, v3, 1, 3, 5, 7);
  v128.store(out, f32x4.sub(c0, c2));
  v128.store(out + place, f32x4.add(c1, c2));
  v128.store(out + place * 2, f32x4.sub(c2, c1));
  v128.store(out + place * 3, f32x4.sub(c1, c3));
}

/**
 * y = epilogue(Aᵀ [U ⊙ V] A) for `rows` successive channels and the groups of tiles `first` ….
 *
 * @param u as `winogradWeights` gives it, ceil(rows / 4) panels
 * @param v as `winogradInput` gives it
 * @param products 2,112 bytes of scratch
 * @param y first channel of the first image; `first` counts through the images
 * @param scale @param bias of the first channel, or 0
 * @param addend lies like y, or 0
 */
export function winogradMultiply(
  u: usize, rows: i32, channels: i32, weightBytes: usize, v: usize, placeBytes: usize, first: i32, groups: i32, across: i32, down: i32,
  products: usize, y: usize, outHeight: i32, outWidth: i32, imageBytes: usize, scale: usize, bias: usize, addend: usize,
  low: f32, high: f32,
): void {
  const placeEnd = (<usize>channels) << 4;
  const weightPanel = weightBytes << 4;
  const outBytes = (<usize>outWidth) << 2;
  const planeBytes = <usize>outHeight * outBytes;
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  for (let g = 0; g < groups; g += 2) {
    for (let row = 0; row < rows; row += 4) {
      if ((row & 15) == 0) {
        let up = u + <usize>(row >> 2) * weightPanel;
        const panels = min(16, rows - row);
        let vp = v;
        for (let to = products, end = products + 2048; to < end; to += 128) {
          for (let r = 0, a = up; r < panels; r += 4, a += weightPanel) tile(a, a + placeEnd, vp, to + (<usize>r << 9));
          up += weightBytes;
          vp += placeBytes;
        }
      }
      for (let i = 0; i < min(groups - g, 2); i++) {
        const line = (first + g + i) / across;
        const n = line / down;
        const oy = (line - n * down) << 1;
        const ox = (first + g + i - line * across) << 3;
        const place = <usize>n * imageBytes + <usize>row * planeBytes + <usize>oy * outBytes + ((<usize>ox) << 2);
        const f = (<usize>row) << 2;
        finish(
          products + ((row & 15) << 9) + (i << 4), min(4, rows - row), y + place, outBytes, planeBytes, outWidth - ox, oy + 1 < outHeight,
          scale ? scale + f : 0, bias ? bias + f : 0, addend ? addend + place : 0, products + 8192, lows, highs,
        );
      }
    }
    v += placeBytes << 4;
  }
}

/** 4 rows × 8 tiles of one place: sums from +0 over ascending channels. */
// @ts-ignore: decorator
@inline
function tile(ap: usize, end: usize, bp: usize, to: usize): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  const last = end - 16;
  // Two steps a turn with an exit between, as in gemm/multiply.as.ts: it keeps V8 from mixing them.
  while (ap < end) {
    let b0 = v128.load(bp);
    let b1 = v128.load(bp, 16);
    let s = v128.load_splat<f32>(ap);
    c00 = f32x4.add(c00, f32x4.mul(s, b0));
    c01 = f32x4.add(c01, f32x4.mul(s, b1));
    s = v128.load_splat<f32>(ap, 4);
    c10 = f32x4.add(c10, f32x4.mul(s, b0));
    c11 = f32x4.add(c11, f32x4.mul(s, b1));
    s = v128.load_splat<f32>(ap, 8);
    c20 = f32x4.add(c20, f32x4.mul(s, b0));
    c21 = f32x4.add(c21, f32x4.mul(s, b1));
    s = v128.load_splat<f32>(ap, 12);
    c30 = f32x4.add(c30, f32x4.mul(s, b0));
    c31 = f32x4.add(c31, f32x4.mul(s, b1));
    if (ap >= last) break;
    b0 = v128.load(bp, 32);
    b1 = v128.load(bp, 48);
    s = v128.load_splat<f32>(ap, 16);
    c00 = f32x4.add(c00, f32x4.mul(s, b0));
    c01 = f32x4.add(c01, f32x4.mul(s, b1));
    s = v128.load_splat<f32>(ap, 20);
    c10 = f32x4.add(c10, f32x4.mul(s, b0));
    c11 = f32x4.add(c11, f32x4.mul(s, b1));
    s = v128.load_splat<f32>(ap, 24);
    c20 = f32x4.add(c20, f32x4.mul(s, b0));
    c21 = f32x4.add(c21, f32x4.mul(s, b1));
    s = v128.load_splat<f32>(ap, 28);
    c30 = f32x4.add(c30, f32x4.mul(s, b0));
    c31 = f32x4.add(c31, f32x4.mul(s, b1));
    ap += 32;
    bp += 64;
  }
  v128.store(to, c00);
  v128.store(to, c01, 16);
  v128.store(to, c10, 32);
  v128.store(to, c11, 48);
  v128.store(to, c20, 64);
  v128.store(to, c21, 80);
  v128.store(to, c30, 96);
  v128.store(to, c31, 112);
}

/** Aᵀ M A and the epilogue for `rows` rows of a group; `width` outputs of a line and, if `isBelow`, the line below are there. */
function finish(
  m: usize, rows: i32, at: usize, outBytes: usize, planeBytes: usize, width: i32, isBelow: bool, scale: usize, bias: usize,
  addend: usize, edge: usize, lows: v128, highs: v128,
): void {
  for (let r = 0; r < rows; r++) {
    let m0 = v128.load(m);
    let m1 = v128.load(m, 512);
    let m2 = v128.load(m, 1024);
    let m3 = v128.load(m, 1536);
    const a0 = f32x4.add(f32x4.add(m0, m1), m2);
    const b0 = f32x4.sub(f32x4.sub(m1, m2), m3);
    m0 = v128.load(m, 128);
    m1 = v128.load(m, 640);
    m2 = v128.load(m, 1152);
    m3 = v128.load(m, 1664);
    const a1 = f32x4.add(f32x4.add(m0, m1), m2);
    const b1 = f32x4.sub(f32x4.sub(m1, m2), m3);
    m0 = v128.load(m, 256);
    m1 = v128.load(m, 768);
    m2 = v128.load(m, 1280);
    m3 = v128.load(m, 1792);
    const a2 = f32x4.add(f32x4.add(m0, m1), m2);
    const b2 = f32x4.sub(f32x4.sub(m1, m2), m3);
    m0 = v128.load(m, 384);
    m1 = v128.load(m, 896);
    m2 = v128.load(m, 1408);
    m3 = v128.load(m, 1920);
    const a3 = f32x4.add(f32x4.add(m0, m1), m2);
    const b3 = f32x4.sub(f32x4.sub(m1, m2), m3);
    const factor = scale ? v128.load_splat<f32>(scale) : lows;
    const shift = bias ? v128.load_splat<f32>(bias) : lows;
    storeLine(
      f32x4.add(f32x4.add(a0, a1), a2), f32x4.sub(f32x4.sub(a1, a2), a3), at, width,
      scale != 0, factor, bias != 0, shift, addend, edge, lows, highs,
    );
    if (isBelow) {
      storeLine(
        f32x4.add(f32x4.add(b0, b1), b2), f32x4.sub(f32x4.sub(b1, b2), b3), at + outBytes, width,
        scale != 0, factor, bias != 0, shift, addend ? addend + outBytes : 0, edge, lows, highs,
      );
    }
    m += 32;
    at += planeBytes;
    if (scale) scale += 4;
    if (bias) bias += 4;
    if (addend) addend += planeBytes;
  }
}

/** Finishes and stores a line of 4 tiles, `width` of its 8 outputs. */
// @ts-ignore: decorator
@inline
function storeLine(
  evens: v128, odds: v128, at: usize, width: i32, hasScale: bool, factor: v128, hasBias: bool, shift: v128, addend: usize,
  edge: usize, lows: v128, highs: v128,
): void {
  let left = i32x4.shuffle(evens, odds, 0, 4, 1, 5);
  let right = i32x4.shuffle(evens, odds, 2, 6, 3, 7);
  if (hasScale) {
    left = f32x4.mul(left, factor);
    right = f32x4.mul(right, factor);
  }
  if (hasBias) {
    left = f32x4.add(left, shift);
    right = f32x4.add(right, shift);
  }
  const isWhole = width >= 8;
  if (addend) {
    let from = addend;
    if (!isWhole) {
      from = edge;
      for (let i: usize = 0, end = (<usize>width) << 2; i < end; i += 4) store<u32>(from + i, load<u32>(addend + i));
    }
    left = f32x4.add(left, v128.load(from));
    right = f32x4.add(right, v128.load(from, 16));
  }
  left = f32x4.pmin(f32x4.pmax(left, lows), highs);
  right = f32x4.pmin(f32x4.pmax(right, lows), highs);
  const to = isWhole ? at : edge;
  v128.store(to, left);
  v128.store(to, right, 16);
  if (!isWhole) {
    for (let i: usize = 0, end = (<usize>width) << 2; i < end; i += 4) store<u32>(at + i, load<u32>(edge + i));
  }
}
