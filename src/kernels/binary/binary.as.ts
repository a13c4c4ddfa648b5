/*
 * Layers of one bit by one bit; the definitions are in reference.ts and contract.ts.
 *
 * A `window` is a block of i32: height and width of the input, words of a pixel, height and width of the output, then of the kernel, the
 * strides, the dilations, and the pads at top and left (simd.ts lays it out).
 */

/**
 * The words under the windows of successive output pixels, one window after the other; 0 where a window reaches into the padding.
 *
 * @param x [inHeight, inWidth, words] of one image
 * @param y [count, kernelHeight·kernelWidth·words]
 */
export function gatherWords(x: usize, window: usize, first: i32, count: i32, y: usize): void {
  const inHeight = load<i32>(window), inWidth = load<i32>(window, 4), words = load<i32>(window, 8);
  const outWidth = load<i32>(window, 16);
  const kernelHeight = load<i32>(window, 20), kernelWidth = load<i32>(window, 24);
  const strideHeight = load<i32>(window, 28), strideWidth = load<i32>(window, 32);
  const dilationHeight = load<i32>(window, 36), dilationWidth = load<i32>(window, 40);
  const padTop = load<i32>(window, 44), padLeft = load<i32>(window, 48);
  const bytes = (<usize>words) << 3;
  let to = y;
  for (let p = first; p < first + count; p++) {
    const top = (p / outWidth) * strideHeight - padTop;
    const left = (p % outWidth) * strideWidth - padLeft;
    for (let ky = 0; ky < kernelHeight; ky++) {
      const h = top + ky * dilationHeight;
      for (let kx = 0; kx < kernelWidth; kx++, to += bytes) {
        const w = left + kx * dilationWidth;
        if (<u32>h < <u32>inHeight && <u32>w < <u32>inWidth) {
          const from = x + <usize>(h * inWidth + w) * bytes;
          for (let i: usize = 0; i < bytes; i += 8) store<u64>(to + i, load<u64>(from + i));
        } else memory.fill(to, 0, bytes);
      }
    }
  }
}

/**
 * As gatherWords, of `channels` channels from `bit` on: what a group of a convolution sees.
 *
 * @param y [count, kernelHeight·kernelWidth·words of these channels]; spare bits are 0
 */
export function gatherBits(
  x: usize, window: usize, first: i32, count: i32, bit: i32, channels: i32, y: usize,
): void {
  const inHeight = load<i32>(window), inWidth = load<i32>(window, 4), words = load<i32>(window, 8);
  const outWidth = load<i32>(window, 16);
  const kernelHeight = load<i32>(window, 20), kernelWidth = load<i32>(window, 24);
  const strideHeight = load<i32>(window, 28), strideWidth = load<i32>(window, 32);
  const dilationHeight = load<i32>(window, 36), dilationWidth = load<i32>(window, 40);
  const padTop = load<i32>(window, 44), padLeft = load<i32>(window, 48);
  const shift = <u64>(bit & 63);
  for (let p = first; p < first + count; p++) {
    const top = (p / outWidth) * strideHeight - padTop;
    const left = (p % outWidth) * strideWidth - padLeft;
    for (let ky = 0; ky < kernelHeight; ky++) {
      const h = top + ky * dilationHeight;
      for (let kx = 0; kx < kernelWidth; kx++) {
        const w = left + kx * dilationWidth;
        const isInside = <u32>h < <u32>inHeight && <u32>w < <u32>inWidth;
        let from = x + ((<usize>((h * inWidth + w) * words + (bit >> 6))) << 3);
        for (let rest = channels; rest > 0; rest -= 64, from += 8, y += 8) {
          let bits: u64 = 0;
          if (isInside) {
            bits = load<u64>(from) >> shift;
            const needed = min(rest, 64) + <i32>shift;
            if (needed > 64) bits |= load<u64>(from, 8) << (64 - shift);
            if (rest < 64) bits &= ~(<u64>0) >> (64 - rest);
          }
          store<u64>(y, bits);
        }
      }
    }
  }
}

/**
 * Numbers of bits in which rows differ, a tile of 2 rows by 2 pixels at a time: the counters and the words that are compared
 * stay in registers. Measured on one busy core, 256 rows of 36 words by 784 pixels, best of 40, GMAC/s: this loop 140, unrolled four
 * times 144, i8x16.popcnt alone 110, vectors and scalars side by side 148.
 *
 * @param a weights [rows, words]; rows is even (one of zeros more where it was not)
 * @param b patches [pixels, words]
 * @param y [pixels, lineRows] i32
 */
export function countDifferences(
  a: usize, rows: i32, b: usize, pixels: i32, words: i32, y: usize, lineRows: i32,
): void {
  const bytes = (<usize>words) << 3;
  const line = (<usize>lineRows) << 2;
  let p = 0;
  for (; p + 2 <= pixels; p += 2) {
    const b0 = b + <usize>p * bytes;
    let to = y + <usize>p * line;
    let a0 = a;
    for (let r = 0; r < rows; r += 2) {
      let n00: i64 = 0;
      let n01: i64 = 0;
      let n10: i64 = 0;
      let n11: i64 = 0;
      const a1 = a0 + bytes;
      const b1 = b0 + bytes;
      for (let i: usize = 0; i < bytes; i += 8) {
        const u = load<i64>(a0 + i);
        const v = load<i64>(a1 + i);
        const s = load<i64>(b0 + i);
        const t = load<i64>(b1 + i);
        n00 += popcnt(u ^ s);
        n10 += popcnt(v ^ s);
        n01 += popcnt(u ^ t);
        n11 += popcnt(v ^ t);
      }
      store<i32>(to, <i32>n00);
      store<i32>(to, <i32>n10, 4);
      store<i32>(to + line, <i32>n01);
      store<i32>(to + line, <i32>n11, 4);
      a0 = a1 + bytes;
      to += 8;
    }
  }
  if (p == pixels) return;
  const b0 = b + <usize>p * bytes;
  let to = y + <usize>p * line;
  for (let a0 = a, end = a + <usize>rows * bytes; a0 < end; a0 += bytes << 1, to += 8) {
    let n0: i64 = 0;
    let n1: i64 = 0;
    const a1 = a0 + bytes;
    for (let i: usize = 0; i < bytes; i += 8) {
      const s = load<i64>(b0 + i);
      n0 += popcnt(load<i64>(a0 + i) ^ s);
      n1 += popcnt(load<i64>(a1 + i) ^ s);
    }
    store<i32>(to, <i32>n0);
    store<i32>(to, <i32>n1, 4);
  }
}

/**
 * Differences become sums of products, Σ = total − 2·n, less what windows of pixels have in the padding.
 *
 * @param n [pixels, rows] i32, in place
 * @param tapSums [taps, rows] i32: sums of the signs of the weights under each tap
 */
export function toSums(n: usize, rows: i32, total: i32, first: i32, pixels: i32, window: usize, tapSums: usize): void {
  const inHeight = load<i32>(window), inWidth = load<i32>(window, 4);
  const outWidth = load<i32>(window, 16);
  const kernelHeight = load<i32>(window, 20), kernelWidth = load<i32>(window, 24);
  const strideHeight = load<i32>(window, 28), strideWidth = load<i32>(window, 32);
  const dilationHeight = load<i32>(window, 36), dilationWidth = load<i32>(window, 40);
  const padTop = load<i32>(window, 44), padLeft = load<i32>(window, 48);
  const line = (<usize>rows) << 2;
  const whole = i32x4.splat(total);
  for (let q = 0; q < pixels; q++) {
    const own = n + <usize>q * line;
    let at: usize = 0;
    for (; at + 16 <= line; at += 16) v128.store(own + at, i32x4.sub(whole, i32x4.shl(v128.load(own + at), 1)));
    for (; at < line; at += 4) store<i32>(own + at, total - (load<i32>(own + at) << 1));
    const top = ((first + q) / outWidth) * strideHeight - padTop;
    const left = ((first + q) % outWidth) * strideWidth - padLeft;
    const bottom = top + (kernelHeight - 1) * dilationHeight;
    const right = left + (kernelWidth - 1) * dilationWidth;
    if (top >= 0 && left >= 0 && bottom < inHeight && right < inWidth) continue;
    let sums = tapSums;
    for (let ky = 0; ky < kernelHeight; ky++) {
      for (let kx = 0; kx < kernelWidth; kx++, sums += line) {
        const isInside = <u32>(top + ky * dilationHeight) < <u32>inHeight && <u32>(left + kx * dilationWidth) < <u32>inWidth;
        if (isInside) continue;
        for (let r: usize = 0; r < line; r += 4) store<i32>(own + r, load<i32>(own + r) - load<i32>(sums + r));
      }
    }
  }
}

/**
 * Signs of sums: bit = (sum < threshold) ≠ flip.
 *
 * @param sums [pixels, rows] i32, followed by room for a vector more
 * @param thresholds i32 a row, rounded up to 64 by the least i32, where no sum is below
 * @param flips a u64 for 64 rows
 * @param lineRows of sums from pixel to pixel
 * @param y of the first pixel; `words` are written, there are `stepWords` to the next
 */
export function signsOfSums(
  sums: usize, rows: i32, lineRows: i32, pixels: i32, thresholds: usize, flips: usize, y: usize, words: i32, stepWords: i32,
): void {
  const line = (<usize>lineRows) << 2;
  for (let p = 0; p < pixels; p++) {
    const own = sums + <usize>p * line;
    for (let word = 0; word < words; word++) {
      let bits: u64 = 0;
      const from = (<usize>word) << 8;
      const steps = min(16, (rows - (word << 6) + 3) >> 2);
      for (let i = 0; i < steps; i++) {
        const at = from + ((<usize>i) << 4);
        const below = i32x4.lt_s(v128.load(own + at), v128.load(thresholds + at));
        bits |= (<u64>(<u32>i32x4.bitmask(below))) << (<u64>i << 2);
      }
      store<u64>(y + ((<usize>word) << 3), bits ^ load<u64>(flips + ((<usize>word) << 3)));
    }
    y += (<usize>stepWords) << 3;
  }
}

/**
 * Sums as floats: ((alpha·sum)·scale + bias), clamped, each step rounded.
 *
 * @param sums [pixels, rows + spare] i32
 * @param y of the first pixel and row; `toRow` and `toPixel` floats to the next
 * @param scale @param bias 0 where there is none
 */
export function floatsOfSums(
  sums: usize, rows: i32, spare: i32, pixels: i32, alpha: usize, scale: usize, bias: usize, low: f32, high: f32, y: usize,
  toRow: i32, toPixel: i32,
): void {
  const line = (<usize>(rows + spare)) << 2;
  const step = (<usize>toPixel) << 2;
  for (let r: usize = 0, end = (<usize>rows) << 2; r < end; r += 4) {
    const a = load<f32>(alpha + r);
    let to = y + r * <usize>toRow;
    let from = sums + r;
    for (let p = 0; p < pixels; p++, to += step, from += line) {
      let v: f32 = a * <f32>load<i32>(from);
      if (scale != 0) v = v * load<f32>(scale + r);
      if (bias != 0) v = v + load<f32>(bias + r);
      v = v < low ? low : v;
      store<f32>(to, v > high ? high : v);
    }
  }
}

/** Sums [pixels, lineRows] as [pixels, times·rows]. */
export function repeatRows(sums: usize, lineRows: i32, rows: i32, pixels: i32, times: i32, y: usize): void {
  const bytes = (<usize>rows) << 2;
  for (let p = 0; p < pixels; p++, sums += (<usize>lineRows) << 2)
    for (let i = 0; i < times; i++, y += bytes) memory.copy(y, sums, bytes);
}
