/* Sign maps: made of floats, turned into floats, joined, rearranged, padded; the definitions are in reference.ts and contract.ts. */

/**
 * Signs of pixels of one image: bit 1 where a value is below its threshold. Returns whether a value is neither above nor below. Measured on
 * 256 channels of 784 pixels: 16 pixels at a time, comparisons narrowed to bytes, a channel a bit of them, take half the time of 4
 * at a time in lanes of 64 bits.
 *
 * @param x [channels, plane] float32 from the first of `pixels` pixels on
 * @param thresholds [outChannels] of channel c mod `channels`; 0 for none, which are zeros
 * @param y [pixels, words] u64; spare bits of the last word are 0
 */
export function packSigns(
  x: usize, channels: i32, pixels: i32, plane: i32, thresholds: usize, outChannels: i32, y: usize, words: i32,
): bool {
  const row = (<usize>plane) << 2;
  const pixelBytes = (<usize>words) << 3;
  const limit = i8x16.splat(-1);
  let all = limit;
  let oddScalar = false;
  let p = 0;
  for (; p + 16 <= pixels; p += 16) {
    for (let first = 0, to = y + <usize>p * pixelBytes; first < words << 6; first += 16, to += 2) {
      let low = i8x16.splat(0);
      let high = i8x16.splat(0);
      const count = min(16, outChannels - first);
      for (let i = 0; i < count; i++) {
        const at = x + <usize>((first + i) % channels) * row + ((<usize>p) << 2);
        const t = thresholds == 0 ? f32x4.splat(0) : v128.load32_splat(thresholds + ((<usize>(first + i)) << 2));
        const a = v128.load(at), b = v128.load(at, 16), c = v128.load(at, 32), d = v128.load(at, 48);
        const below = i8x16.narrow_i16x8_s(
          i16x8.narrow_i32x4_s(f32x4.lt(a, t), f32x4.lt(b, t)), i16x8.narrow_i32x4_s(f32x4.lt(c, t), f32x4.lt(d, t)),
        );
        const above = i8x16.narrow_i16x8_s(
          i16x8.narrow_i32x4_s(f32x4.gt(a, t), f32x4.gt(b, t)), i16x8.narrow_i32x4_s(f32x4.gt(c, t), f32x4.gt(d, t)),
        );
        all = v128.and(all, v128.or(below, above));
        const bit = v128.and(below, i8x16.splat((<i8>1) << (<i8>(i & 7))));
        if (i < 8) low = v128.or(low, bit);
        else high = v128.or(high, bit);
      }
      const left = i8x16.shuffle(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      const right = i8x16.shuffle(low, high, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
      storeLanes(left, to, pixelBytes);
      storeLanes(right, to + (pixelBytes << 3), pixelBytes);
    }
  }
  for (; p < pixels; p++) {
    for (let word = 0; word < words; word++) {
      let bits: u64 = 0;
      const first = word << 6;
      const count = min(64, outChannels - first);
      for (let i = 0; i < count; i++) {
        const v = load<f32>(x + <usize>((first + i) % channels) * row + ((<usize>p) << 2));
        const t: f32 = thresholds == 0 ? 0 : load<f32>(thresholds + ((<usize>(first + i)) << 2));
        bits |= (<u64>(v < t)) << i;
        oddScalar = oddScalar || !(v < t || v > t);
      }
      store<u64>(y + <usize>p * pixelBytes + ((<usize>word) << 3), bits);
    }
  }
  return oddScalar || !i8x16.all_true(all);
}

/** Eight lanes of 16 bits, `step` bytes apart. */
// @ts-ignore: decorator
@inline
function storeLanes(v: v128, to: usize, step: usize): void {
  v128.store_lane<u16>(to, v, 0);
  v128.store_lane<u16>(to + step, v, 1);
  v128.store_lane<u16>(to + step * 2, v, 2);
  v128.store_lane<u16>(to + step * 3, v, 3);
  v128.store_lane<u16>(to + step * 4, v, 4);
  v128.store_lane<u16>(to + step * 5, v, 5);
  v128.store_lane<u16>(to + step * 6, v, 6);
  v128.store_lane<u16>(to + step * 7, v, 7);
}

/** @param x [pixels, words] u64 @param y [channels, pixels] float32 */
export function unpackSigns(x: usize, channels: i32, pixels: i32, words: i32, y: usize): void {
  const step = (<usize>words) << 3;
  for (let c = 0; c < channels; c++) {
    let from = x + (<usize>(c >> 3));
    for (let p = 0; p < pixels; p++, from += step, y += 4)
      store<u32>(y, 0x3f800000 | (((<u32>load<u8>(from)) >> (c & 7)) << 31));
  }
}

/** @param how 0 for xor, 1 for and, 2 for or @param bytes a multiple of 8 */
export function combineSigns(how: i32, a: usize, b: usize, y: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 8) {
    const u = load<u64>(a + i);
    const v = load<u64>(b + i);
    store<u64>(y + i, how == 0 ? u ^ v : how == 1 ? u & v : u | v);
  }
}

/** @param runs [count] of i32 from, to, length */
export function moveChannels(
  x: usize, pixels: i32, words: i32, y: usize, outWords: i32, runs: usize, count: i32,
): void {
  const end = runs + <usize>count * 12;
  for (let p = 0; p < pixels; p++) {
    for (let run = runs; run < end; run += 12) {
      let from = load<i32>(run), to = load<i32>(run, 4), length = load<i32>(run, 8);
      while (length > 0) {
        const n = min(length, 64 - max(from & 63, to & 63));
        const bits = (load<u64>(x + (<usize>(from >> 6) << 3)) >> (from & 63)) & (~(<u64>0) >> (64 - n));
        const at = y + (<usize>(to >> 6) << 3);
        store<u64>(at, load<u64>(at) | (bits << (to & 63)));
        from += n;
        to += n;
        length -= n;
      }
    }
    x += (<usize>words) << 3;
    y += (<usize>outWords) << 3;
  }
}

/** 64 words of 64 bits, in place: bit c of word p becomes bit p of word c (Warren, Hacker's Delight, section 7-3). */
function transposeBits(at: usize): void {
  let mask: u64 = 0x00000000ffffffff;
  let width = 32;
  for (; width > 1; width >>= 1, mask ^= mask << width) {
    const lanes = i64x2.splat(mask);
    const step = (<usize>width) << 3;
    for (let k = 0; k < 64; k = (k + width + 2) & ~width) {
      const upper = at + ((<usize>k) << 3);
      const a = v128.load(upper);
      const b = v128.load(upper + step);
      const t = v128.and(v128.xor(i64x2.shr_u(a, width), b), lanes);
      v128.store(upper, v128.xor(a, i64x2.shl(t, width)));
      v128.store(upper + step, v128.xor(b, t));
    }
  }
  for (let upper = at; upper < at + 512; upper += 16) {
    const a = load<u64>(upper);
    const b = load<u64>(upper, 8);
    const t = ((a >> 1) ^ b) & mask;
    store<u64>(upper, a ^ (t << 1));
    store<u64>(upper, b ^ t, 8);
  }
}

/** Up to 64 pixels [pixels, words] as words of 64 pixels, one for each channel. */
export function channelsOfPixels(x: usize, pixels: i32, words: i32, y: usize): void {
  for (let word = 0; word < words; word++, y += 512) {
    for (let p = 0; p < 64; p++)
      store<u64>(y + ((<usize>p) << 3), p < pixels ? load<u64>(x + ((<usize>(p * words + word)) << 3)) : 0);
    transposeBits(y);
  }
}

/**
 * Up to 64 pixels made of words of 64 pixels.
 *
 * @param sources [64·words] i32: where the word of each channel is, from x on; −1 for zeros
 * @param y [pixels, words] @param block scratch of 512 bytes
 */
export function pixelsOfChannels(x: usize, sources: usize, pixels: i32, words: i32, y: usize, block: usize): void {
  for (let word = 0; word < words; word++, sources += 256) {
    for (let c = 0; c < 64; c++) {
      const from = load<i32>(sources + ((<usize>c) << 2));
      store<u64>(block + ((<usize>c) << 3), from < 0 ? 0 : load<u64>(x + ((<usize>from) << 3)));
    }
    transposeBits(block);
    for (let p = 0; p < pixels; p++)
      store<u64>(y + ((<usize>(p * words + word)) << 3), load<u64>(block + ((<usize>p) << 3)));
  }
}

/** One image with pixels around it: those of the nearest edge, or 0. */
export function padSigns(
  x: usize, inHeight: i32, inWidth: i32, bytes: usize, y: usize, outHeight: i32, outWidth: i32, padTop: i32, padLeft: i32,
  isEdge: bool,
): void {
  for (let oy = 0; oy < outHeight; oy++) {
    const h = min(max(oy - padTop, 0), inHeight - 1);
    for (let ox = 0; ox < outWidth; ox++, y += bytes) {
      const w = min(max(ox - padLeft, 0), inWidth - 1);
      if (isEdge || (h == oy - padTop && w == ox - padLeft))
        memory.copy(y, x + <usize>(h * inWidth + w) * bytes, bytes);
      else memory.fill(y, 0, bytes);
    }
  }
}

/** The largest signs under windows (see binary.as.ts): a bit is 1 (−1) where it is under all of the window, whose padding counts as such. */
export function poolSigns(x: usize, window: usize, y: usize): void {
  const inHeight = load<i32>(window), inWidth = load<i32>(window, 4), words = load<i32>(window, 8);
  const outHeight = load<i32>(window, 12), outWidth = load<i32>(window, 16);
  const kernelHeight = load<i32>(window, 20), kernelWidth = load<i32>(window, 24);
  const strideHeight = load<i32>(window, 28), strideWidth = load<i32>(window, 32);
  const dilationHeight = load<i32>(window, 36), dilationWidth = load<i32>(window, 40);
  const padTop = load<i32>(window, 44), padLeft = load<i32>(window, 48);
  const bytes = (<usize>words) << 3;
  for (let oy = 0; oy < outHeight; oy++) {
    for (let ox = 0; ox < outWidth; ox++, y += bytes) {
      memory.fill(y, 255, bytes);
      for (let ky = 0; ky < kernelHeight; ky++) {
        const h = oy * strideHeight - padTop + ky * dilationHeight;
        if (<u32>h >= <u32>inHeight) continue;
        for (let kx = 0; kx < kernelWidth; kx++) {
          const w = ox * strideWidth - padLeft + kx * dilationWidth;
          if (<u32>w >= <u32>inWidth) continue;
          const from = x + <usize>(h * inWidth + w) * bytes;
          for (let i: usize = 0; i < bytes; i += 8) store<u64>(y + i, load<u64>(y + i) & load<u64>(from + i));
        }
      }
    }
  }
}
