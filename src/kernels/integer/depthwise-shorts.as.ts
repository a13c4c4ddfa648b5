/*
 * Depthwise integer convolution: a pair of taps of 4 channels to a dot product of 16-bit values.
 */

/**
 * sums[pixel][channel] = Σ_tap weights[channel][tap] · (codes[tap] − zero), of some rows of outputs.
 *
 * @param x the first window of a padded image of codes; up to 8 bytes behind it are read
 * @param offsets of each tap from the first, i32; where their number is odd, the last one a second time
 * @param weights panels of 4 channels, [ceil(taps / 2)][4][2] i16, `panelBytes` apart, an even number of them, a spare tap 0
 * @param start i32 for each channel: −zero · Σ weights
 * @param channels rounded up to 8
 * @param pixels of a row of outputs, of which there are `rows`
 * @param columnStep bytes from a window to the next, rowStep to the one below
 */
export function depthwiseShorts(
  x: usize, offsets: usize, pairs: i32, weights: usize, panelBytes: usize, start: usize, channels: i32, rows: i32, pixels: i32,
  rowStep: usize, columnStep: usize, sums: usize, line: usize,
): void {
  const offsetsEnd = offsets + ((<usize>pairs) << 3);
  for (let c = 0; c < channels; c += 8) {
    const from = x + <usize>c;
    const s0 = v128.load(start + ((<usize>c) << 2));
    const s1 = v128.load(start + ((<usize>c) << 2), 16);
    let to = sums + ((<usize>c) << 2);
    for (let row = 0; row < rows; row++) {
      let at = from + <usize>row * rowStep;
      let p = 0;
      for (; p + 2 <= pixels; p += 2) {
        let c00 = s0;
        let c01 = s1;
        let c10 = s0;
        let c11 = s1;
        let w = weights;
        for (let o = offsets; o < offsetsEnd; o += 8) {
          const w0 = v128.load(w);
          const w1 = v128.load(w + panelBytes);
          let near = at + load<usize>(o);
          let far = at + load<usize>(o, 4);
          let a = v128.load8x8_u(near);
          let b = v128.load8x8_u(far);
          c00 = i32x4.add(c00, i32x4.dot_i16x8_s(i16x8.shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11), w0));
          c01 = i32x4.add(c01, i32x4.dot_i16x8_s(i16x8.shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15), w1));
          near += columnStep;
          far += columnStep;
          a = v128.load8x8_u(near);
          b = v128.load8x8_u(far);
          c10 = i32x4.add(c10, i32x4.dot_i16x8_s(i16x8.shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11), w0));
          c11 = i32x4.add(c11, i32x4.dot_i16x8_s(i16x8.shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15), w1));
          w += 16;
        }
        v128.store(to, c00);
        v128.store(to, c01, 16);
        to += line;
        v128.store(to, c10);
        v128.store(to, c11, 16);
        to += line;
        at += columnStep << 1;
      }
      if (p < pixels) {
        let c00 = s0;
        let c01 = s1;
        let w = weights;
        for (let o = offsets; o < offsetsEnd; o += 8) {
          const a = v128.load8x8_u(at + load<usize>(o));
          const b = v128.load8x8_u(at + load<usize>(o, 4));
          c00 = i32x4.add(c00, i32x4.dot_i16x8_s(i16x8.shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11), v128.load(w)));
          c01 = i32x4.add(c01, i32x4.dot_i16x8_s(i16x8.shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15), v128.load(w + panelBytes)));
          w += 16;
        }
        v128.store(to, c00);
        v128.store(to, c01, 16);
        to += line;
      }
    }
    weights += panelBytes << 1;
  }
}
