/*
 * The micro-kernel of convolutions, fully connected layers and matrix products. See docs/numerics.md, "Kernels".
 *
 * A panel of weights holds 4 rows as [k][4], a panel of pixels holds 8 pixels as [k][8]. A tile is 4 × 8 sums in eight
 * vectors; each sum starts at +0 and takes its products in ascending k, as the reference does.
 */

import { tilePlace } from '../wasm/thread-memory.as.ts';

/**
 * y = epilogue(weights · pixels) for `rows` successive channels and `pixels` successive pixels.
 *
 * @param a panels of weights, ceil(rows / 4) of them
 * @param b panels of pixels, ceil(pixels / 8) of them
 * @param y first channel of the first image
 * @param plane pixels of an image; `firstPixel` counts through the images
 * @param imageBytes from an image to the next in y
 * @param scale @param bias of the first channel, or 0
 * @param addend lies like y, or 0
 */
export function multiply(
  a: usize,
  rows: i32,
  k: i32,
  b: usize,
  firstPixel: i32,
  pixels: i32,
  y: usize,
  plane: i32,
  imageBytes: usize,
  scale: usize,
  bias: usize,
  addend: usize,
  low: f32,
  high: f32,
): void {
  const rowBytes = (<usize>plane) << 2;
  const panelBytes = (<usize>k) << 4;
  const firstImage = firstPixel / plane;
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  for (let row = 0; row < rows; row += 4) {
    let image: usize = y + <usize>firstImage * imageBytes + <usize>row * rowBytes;
    let q = firstPixel - firstImage * plane;
    let bp = b;
    const end = a + panelBytes;
    const last = end - 16;
    for (let p = 0; p < pixels; p += 8) {
      let c00 = f32x4.splat(0);
      let c01 = f32x4.splat(0);
      let c10 = f32x4.splat(0);
      let c11 = f32x4.splat(0);
      let c20 = f32x4.splat(0);
      let c21 = f32x4.splat(0);
      let c30 = f32x4.splat(0);
      let c31 = f32x4.splat(0);
      let ap = a;
      // Two steps a turn. The exit in the middle also keeps V8 from mixing the two steps, which would spill registers
      // (measured: 13 GMAC/s without it, 19 with it).
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
      bp = b + (panelBytes << 1) * <usize>((p >> 3) + 1);

      if (p + 8 <= pixels && q + 8 <= plane && row + 4 <= rows) {
        let at = image + ((<usize>q) << 2);
        if (scale != 0) {
          const f = scale + ((<usize>row) << 2);
          let s = v128.load_splat<f32>(f);
          c00 = f32x4.mul(c00, s);
          c01 = f32x4.mul(c01, s);
          s = v128.load_splat<f32>(f, 4);
          c10 = f32x4.mul(c10, s);
          c11 = f32x4.mul(c11, s);
          s = v128.load_splat<f32>(f, 8);
          c20 = f32x4.mul(c20, s);
          c21 = f32x4.mul(c21, s);
          s = v128.load_splat<f32>(f, 12);
          c30 = f32x4.mul(c30, s);
          c31 = f32x4.mul(c31, s);
        }
        if (bias != 0) {
          const f = bias + ((<usize>row) << 2);
          let s = v128.load_splat<f32>(f);
          c00 = f32x4.add(c00, s);
          c01 = f32x4.add(c01, s);
          s = v128.load_splat<f32>(f, 4);
          c10 = f32x4.add(c10, s);
          c11 = f32x4.add(c11, s);
          s = v128.load_splat<f32>(f, 8);
          c20 = f32x4.add(c20, s);
          c21 = f32x4.add(c21, s);
          s = v128.load_splat<f32>(f, 12);
          c30 = f32x4.add(c30, s);
          c31 = f32x4.add(c31, s);
        }
        if (addend != 0) {
          let r = at - y + addend;
          c00 = f32x4.add(c00, v128.load(r));
          c01 = f32x4.add(c01, v128.load(r, 16));
          r += rowBytes;
          c10 = f32x4.add(c10, v128.load(r));
          c11 = f32x4.add(c11, v128.load(r, 16));
          r += rowBytes;
          c20 = f32x4.add(c20, v128.load(r));
          c21 = f32x4.add(c21, v128.load(r, 16));
          r += rowBytes;
          c30 = f32x4.add(c30, v128.load(r));
          c31 = f32x4.add(c31, v128.load(r, 16));
        }
        v128.store(at, clamp(c00, lows, highs));
        v128.store(at, clamp(c01, lows, highs), 16);
        at += rowBytes;
        v128.store(at, clamp(c10, lows, highs));
        v128.store(at, clamp(c11, lows, highs), 16);
        at += rowBytes;
        v128.store(at, clamp(c20, lows, highs));
        v128.store(at, clamp(c21, lows, highs), 16);
        at += rowBytes;
        v128.store(at, clamp(c30, lows, highs));
        v128.store(at, clamp(c31, lows, highs), 16);
      } else {
        const tile = tilePlace();
        v128.store(tile, c00);
        v128.store(tile, c01, 16);
        v128.store(tile, c10, 32);
        v128.store(tile, c11, 48);
        v128.store(tile, c20, 64);
        v128.store(tile, c21, 80);
        v128.store(tile, c30, 96);
        v128.store(tile, c31, 112);
        storeEdge(
          min(rows - row, 4), min(pixels - p, 8), image, q, plane, imageBytes,
          scale ? scale + ((<usize>row) << 2) : 0, bias ? bias + ((<usize>row) << 2) : 0,
          addend ? addend - y : 0, addend != 0, low, high,
        );
      }
      q += 8;
      while (q >= plane) {
        q -= plane;
        image += imageBytes;
      }
    }
    a = end;
  }
}

/** max(low, v), then min(high, ·), as the reference: NaN and −0 stay. */
// @ts-ignore: decorator
@inline
function clamp(v: v128, lows: v128, highs: v128): v128 {
  return f32x4.pmin(f32x4.pmax(v, lows), highs);
}

/** Finishes and stores the tile in the thread's place where it overhangs the channels, the pixels or an image. */
function storeEdge(
  rows: i32, pixels: i32, image: usize, q: i32, plane: i32, imageBytes: usize,
  scale: usize, bias: usize, addend: usize, hasAddend: bool, low: f32, high: f32,
): void {
  const tile = tilePlace();
  const rowBytes = (<usize>plane) << 2;
  for (let p = 0; p < pixels; p++) {
    let at = image + ((<usize>q) << 2);
    for (let r = 0; r < rows; r++) {
      let v = load<f32>(tile + ((<usize>(r * 8 + p)) << 2));
      if (scale != 0) v *= load<f32>(scale + ((<usize>r) << 2));
      if (bias != 0) v += load<f32>(bias + ((<usize>r) << 2));
      if (hasAddend) v += load<f32>(at + addend);
      if (v < low) v = low;
      if (high < v) v = high;
      store<f32>(at, v);
      at += rowBytes;
    }
    q++;
    if (q >= plane) {
      q = 0;
      image += imageBytes;
    }
  }
}
