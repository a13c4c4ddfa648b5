/*
 * 3 × 3 convolutions of stride 1 by F(2×2, 3×3) of Winograd's algorithms (Lavin and Gray, arXiv 1509.09308), in integers: 16
 * products where the definition has 36, and the very same sums.
 *
 * Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A with the halves of G taken out: U = (2G) g (2G)ᵀ is whole and gives 4·Y, which is divided
 * by 4 at the end, exactly. Additions of 32 bits may wrap around on the way; what counts is that |4·Y| < 2³¹, which
 * sums below 2²⁹ have. U is at most 9 times a level, V at most 4 · 255: both fit 16 bits, as do not more than 2 products 32.
 *
 *       1  0 −1  0         2  0  0
 *  Bᵀ = 0  1  1  0    2G = 1  1  1    Aᵀ = 1  1  1  0
 *       0 −1  1  0         1 −1  1         0  1 −1 −1
 *       0  1  0 −1         0  0  2
 */
import { tile } from './multiply-shorts.as.ts';

/**
 * U of panels of weights: [9 taps][channels/2][4][2] i16 to [16][channels/2][4][2].
 * @param panels their number
 */
export function transformWeights(weights: usize, panels: i32, pairs: i32, out: usize): void {
  const tap = (<usize>pairs) << 4;
  for (let panel = 0; panel < panels; panel++) {
    for (let at = weights, end = weights + tap, to = out; at < end; at += 16, to += 16) {
      for (let column: usize = 0; column < 3; column++) {
        // (2G) g, column by column, into the places 0, 4, 8, 12 of that column.
        const g0 = v128.load(at + column * tap);
        const g1 = v128.load(at + (column + 3) * tap);
        const g2 = v128.load(at + (column + 6) * tap);
        const sum = i16x8.add(g0, g2);
        v128.store(to + column * tap, i16x8.add(g0, g0));
        v128.store(to + (column + 4) * tap, i16x8.add(sum, g1));
        v128.store(to + (column + 8) * tap, i16x8.sub(sum, g1));
        v128.store(to + (column + 12) * tap, i16x8.add(g2, g2));
      }
      for (let row = to, rowEnd = to + (tap << 4); row < rowEnd; row += tap << 2) {
        const g0 = v128.load(row);
        const g1 = v128.load(row + tap);
        const g2 = v128.load(row + (tap << 1));
        const sum = i16x8.add(g0, g2);
        v128.store(row, i16x8.add(g0, g0));
        v128.store(row + tap, i16x8.add(sum, g1));
        v128.store(row + (tap << 1), i16x8.sub(sum, g1));
        v128.store(row + tap * 3, i16x8.add(g2, g2));
      }
    }
    weights += tap * 9;
    out += tap << 4;
  }
}

/**
 * V of tiles `first` … of an image: [tile][16][channels] i16. Codes are read as they are: only place (1, 1) sums
 * coefficients to something, 4, so that 4 · zero is taken off there.
 *
 * @param x a padded image of codes, two rows and columns to a tile; channels a multiple of 8
 */
export function transformInput(
  x: usize, channels: i32, rowBytes: usize, zero: i32, first: i32, tiles: i32, tilesAcross: i32, out: usize,
): void {
  const step = <usize>channels;
  const place = step << 1;
  const fourZeros = i16x8.splat(<i16>(zero << 2));
  const noZeros = i16x8.splat(0);
  for (let t = first; t < first + tiles; t++, out += place << 4) {
    const ty = t / tilesAcross;
    const tx = t - ty * tilesAcross;
    const base = x + <usize>(ty << 1) * rowBytes + <usize>(tx << 1) * step;
    for (let c: usize = 0; c < step; c += 8) {
      const to = out + (c << 1);
      // Bᵀ d, column by column, then (Bᵀ d) B, row by row and in place.
      for (let column: usize = 0; column < 4; column++) {
        const from = base + c + column * step;
        const d0 = v128.load8x8_u(from);
        const d1 = v128.load8x8_u(from + rowBytes);
        const d2 = v128.load8x8_u(from + (rowBytes << 1));
        const d3 = v128.load8x8_u(from + rowBytes * 3);
        const line = to + column * place;
        v128.store(line, i16x8.sub(d0, d2));
        v128.store(line + (place << 2), i16x8.add(d1, d2));
        v128.store(line + (place << 3), i16x8.sub(d2, d1));
        v128.store(line + place * 12, i16x8.sub(d1, d3));
      }
      for (let row: usize = 0; row < 4; row++) {
        const line = to + ((row * place) << 2);
        const d0 = v128.load(line);
        const d1 = v128.load(line + place);
        const d2 = v128.load(line + (place << 1));
        const d3 = v128.load(line + place * 3);
        v128.store(line, i16x8.sub(d0, d2));
        v128.store(line + place, i16x8.sub(i16x8.add(d1, d2), row == 1 ? fourZeros : noZeros));
        v128.store(line + (place << 1), i16x8.sub(d2, d1));
        v128.store(line + place * 3, i16x8.sub(d1, d3));
      }
    }
  }
}

/**
 * Sums of tiles: products of U and V, transformed back.
 *
 * @param u of panels of weights, `panelBytes` apart, an even number of them
 * @param rows a multiple of 8
 * @param v of the tiles `first` …, as `transformInput` gives it
 * @param products 2,048 bytes of scratch
 * @param sums [outHeight · outWidth][rows], from the first pixel of the row of tile `first` on
 */
export function multiplyTiles(
  u: usize, panelBytes: usize, rows: i32, pairs: i32, v: usize, first: i32, tiles: i32, tilesAcross: i32, outHeight: i32,
  outWidth: i32, products: usize, sums: usize, line: usize,
): void {
  const placeBytes = (<usize>pairs) << 4;
  const channelBytes = (<usize>pairs) << 2;
  const tileBytes = channelBytes << 4;
  const topRow = (first / tilesAcross) << 1;
  for (let row = 0; row < rows; row += 8) {
    for (let t = 0; t < tiles; t += 4) {
      const left = tiles - t;
      const b0 = v + <usize>t * tileBytes;
      const b1 = left > 1 ? b0 + tileBytes : b0;
      const b2 = left > 2 ? b1 + tileBytes : b1;
      const b3 = left > 3 ? b2 + tileBytes : b2;
      for (let place: usize = 0; place < 16; place++) {
        const a = u + place * placeBytes;
        const d = place * channelBytes;
        const to = products + (place << 7);
        tile(a, a + panelBytes, pairs, b0 + d, b1 + d, b2 + d, b3 + d, to, to + 32, to + 64, to + 96);
      }
      for (let i = 0; i < min(left, 4); i++) {
        const ty = (first + t + i) / tilesAcross;
        const tx = first + t + i - ty * tilesAcross;
        const y = ty << 1;
        const x = tx << 1;
        const to = sums + <usize>((y - topRow) * outWidth + x) * line + ((<usize>row) << 2);
        const from = products + ((<usize>i) << 5);
        const toRight: usize = x + 1 < outWidth ? line : 0;
        const toBelow: usize = y + 1 < outHeight ? <usize>outWidth * line : 0;
        backToSums(from, to, toRight, toBelow);
        backToSums(from + 16, to + 16, toRight, toBelow);
      }
    }
    u += panelBytes << 1;
  }
}

/** Aᵀ M A / 4 for four rows of one tile; pixels that are not there (a distance of 0) are overwritten by those that are. */
// @ts-ignore: decorator
@inline
function backToSums(m: usize, to: usize, toRight: usize, toBelow: usize): void {
  let m0 = v128.load(m);
  let m1 = v128.load(m, 512);
  let m2 = v128.load(m, 1024);
  let m3 = v128.load(m, 1536);
  const a0 = i32x4.add(i32x4.add(m0, m1), m2);
  const b0 = i32x4.sub(i32x4.sub(m1, m2), m3);
  m0 = v128.load(m, 128);
  m1 = v128.load(m, 640);
  m2 = v128.load(m, 1152);
  m3 = v128.load(m, 1664);
  const a1 = i32x4.add(i32x4.add(m0, m1), m2);
  const b1 = i32x4.sub(i32x4.sub(m1, m2), m3);
  m0 = v128.load(m, 256);
  m1 = v128.load(m, 768);
  m2 = v128.load(m, 1280);
  m3 = v128.load(m, 1792);
  const a2 = i32x4.add(i32x4.add(m0, m1), m2);
  const b2 = i32x4.sub(i32x4.sub(m1, m2), m3);
  m0 = v128.load(m, 384);
  m1 = v128.load(m, 896);
  m2 = v128.load(m, 1408);
  m3 = v128.load(m, 1920);
  const a3 = i32x4.add(i32x4.add(m0, m1), m2);
  const b3 = i32x4.sub(i32x4.sub(m1, m2), m3);
  v128.store(to + toBelow + toRight, quarter(i32x4.sub(i32x4.sub(b1, b2), b3)));
  v128.store(to + toBelow, quarter(i32x4.add(i32x4.add(b0, b1), b2)));
  v128.store(to + toRight, quarter(i32x4.sub(i32x4.sub(a1, a2), a3)));
  v128.store(to, quarter(i32x4.add(i32x4.add(a0, a1), a2)));
}

// @ts-ignore: decorator
@inline
function quarter(v: v128): v128 {
  return i32x4.shr_s(v, 2);
}
