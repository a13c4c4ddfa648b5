/*
 * Activations as codes of 8 bits, pixel by pixel: [height, width, channels] u8.
 */

/** 1.5 · 2²³: what is added to it is rounded to a whole number, ties to even, that stands in the lowest bits. */
const ROUNDING: f32 = 12582912;

/**
 * Codes of `pixels` pixels of x [channels, allPixels] as [pixels, channels]: round(clamp(x / scale + before, low, high)) + after, ties
 * to even, whole numbers from 0 to 255; a NaN gives low + after.
 */
export function quantizeCodes(
  x: usize, channels: i32, pixels: i32, allPixels: i32, scale: f32, before: f32, low: f32, high: f32,
  after: f32, y: usize,
): void {
  const plane = (<usize>allPixels) << 2;
  const length = (<usize>pixels) << 2;
  const step = <usize>channels;
  let c = 0;
  for (; c + 4 <= channels; c += 4) {
    const x0 = x + <usize>c * plane;
    const x1 = x0 + plane;
    const x2 = x1 + plane;
    const x3 = x2 + plane;
    let to = y + <usize>c;
    let p: usize = 0;
    for (; p + 16 <= length; p += 16) {
      const v0 = codesOf(v128.load(x0 + p), scale, before, low, high, after);
      const v1 = codesOf(v128.load(x1 + p), scale, before, low, high, after);
      const v2 = codesOf(v128.load(x2 + p), scale, before, low, high, after);
      const v3 = codesOf(v128.load(x3 + p), scale, before, low, high, after);
      const v01 = i8x16.shuffle(v0, v1, 0, 16, 4, 20, 8, 24, 12, 28, 0, 0, 0, 0, 0, 0, 0, 0);
      const v23 = i8x16.shuffle(v2, v3, 0, 16, 4, 20, 8, 24, 12, 28, 0, 0, 0, 0, 0, 0, 0, 0);
      const all = i16x8.shuffle(v01, v23, 0, 8, 1, 9, 2, 10, 3, 11);
      v128.store32_lane(to, all, 0);
      to += step;
      v128.store32_lane(to, all, 1);
      to += step;
      v128.store32_lane(to, all, 2);
      to += step;
      v128.store32_lane(to, all, 3);
      to += step;
    }
    for (; p < length; p += 4, to += step) {
      store<u8>(to, codeOf(load<f32>(x0 + p), scale, before, low, high, after));
      store<u8>(to, codeOf(load<f32>(x1 + p), scale, before, low, high, after), 1);
      store<u8>(to, codeOf(load<f32>(x2 + p), scale, before, low, high, after), 2);
      store<u8>(to, codeOf(load<f32>(x3 + p), scale, before, low, high, after), 3);
    }
  }
  for (; c < channels; c++) {
    let to = y + <usize>c;
    let at = x + <usize>c * plane;
    const end = at + length;
    if (channels == 1) {
      for (; at + 64 <= end; at += 64, to += 16) {
        const v0 = codesOf(v128.load(at), scale, before, low, high, after);
        const v1 = codesOf(v128.load(at, 16), scale, before, low, high, after);
        const v2 = codesOf(v128.load(at, 32), scale, before, low, high, after);
        const v3 = codesOf(v128.load(at, 48), scale, before, low, high, after);
        const v01 = i8x16.shuffle(v0, v1, 0, 4, 8, 12, 16, 20, 24, 28, 0, 0, 0, 0, 0, 0, 0, 0);
        const v23 = i8x16.shuffle(v2, v3, 0, 4, 8, 12, 16, 20, 24, 28, 0, 0, 0, 0, 0, 0, 0, 0);
        v128.store(to, i64x2.shuffle(v01, v23, 0, 2));
      }
    }
    for (; at < end; at += 4, to += step)
      store<u8>(to, codeOf(load<f32>(at), scale, before, low, high, after));
  }
}

/** A code in the lowest byte of each lane. What is rounded is −255 at least, so all sums lie from 2²³ to 2²⁴, and `after` adds exactly. */
// @ts-ignore: decorator
@inline
function codesOf(x: v128, scale: f32, before: f32, low: f32, high: f32, after: f32): v128 {
  const q = f32x4.add(f32x4.div(x, f32x4.splat(scale)), f32x4.splat(before));
  const clamped = f32x4.pmin(f32x4.pmax(f32x4.splat(low), q), f32x4.splat(high));
  return f32x4.add(f32x4.add(clamped, f32x4.splat(ROUNDING)), f32x4.splat(after));
}

// @ts-ignore: decorator
@inline
function codeOf(x: f32, scale: f32, before: f32, low: f32, high: f32, after: f32): u8 {
  const q = x / scale + before;
  const raised: f32 = low < q ? q : low;
  const rounded: f32 = (high < raised ? high : raised) + ROUNDING;
  return <u8>reinterpret<i32>(rounded + after);
}

/** Stores the least and the largest of all values and 0: a NaN is neither less nor more. */
export function valueRange(x: usize, count: i32, y: usize): void {
  const end = x + ((<usize>count) << 2);
  let least0 = f32x4.splat(0);
  let most0 = f32x4.splat(0);
  let least1 = f32x4.splat(0);
  let most1 = f32x4.splat(0);
  for (; x + 32 <= end; x += 32) {
    const v0 = v128.load(x);
    const v1 = v128.load(x, 16);
    least0 = f32x4.pmin(least0, v0);
    most0 = f32x4.pmax(most0, v0);
    least1 = f32x4.pmin(least1, v1);
    most1 = f32x4.pmax(most1, v1);
  }
  least0 = f32x4.pmin(least0, least1);
  most0 = f32x4.pmax(most0, most1);
  let least = min(
    min(f32x4.extract_lane(least0, 0), f32x4.extract_lane(least0, 1)),
    min(f32x4.extract_lane(least0, 2), f32x4.extract_lane(least0, 3)),
  );
  let most = max(
    max(f32x4.extract_lane(most0, 0), f32x4.extract_lane(most0, 1)),
    max(f32x4.extract_lane(most0, 2), f32x4.extract_lane(most0, 3)),
  );
  for (; x < end; x += 4) {
    const value = load<f32>(x);
    if (value < least) least = value;
    if (value > most) most = value;
  }
  store<f32>(y, least);
  store<f32>(y, most, 4);
}

/** A copy of an image of codes with `fill` around it. */
export function padCodes(
  x: usize, height: i32, rowBytes: usize, fill: i32, out: usize, topBytes: usize, leftBytes: usize, outRowBytes: usize,
  outBytes: usize,
): void {
  memory.fill(out, <u8>fill, outBytes);
  let to = out + topBytes + leftBytes;
  for (let y = 0; y < height; y++) {
    memory.copy(to, x, rowBytes);
    x += rowBytes;
    to += outRowBytes;
  }
}

/**
 * The values under windows as i16, code less zero: pixel after pixel, each `pixelBytes` long, `runs` runs of `run` codes.
 * Up to 14 bytes beyond the last pixel are overwritten. A spare value at the end of a pixel is undefined.
 *
 * @param x a padded image; @param offsets of each run from the first code of a window, i32
 * @param rowStep bytes from a row of windows to the next, columnStep from one to the next in a row
 */
export function packShorts(
  x: usize, offsets: usize, runs: i32, run: i32, zero: i32, first: i32, pixels: i32, outWidth: i32, rowStep: usize,
  columnStep: usize, out: usize, pixelBytes: usize,
): void {
  const zeros = i16x8.splat(<i16>zero);
  const offsetsEnd = offsets + ((<usize>runs) << 2);
  const runBytes = <usize>run;
  let oy = first / outWidth;
  let ox = first - oy * outWidth;
  let base = x + <usize>oy * rowStep + <usize>ox * columnStep;
  for (let p = 0; p < pixels; p++) {
    let to = out;
    for (let o = offsets; o < offsetsEnd; o += 4) {
      const from = base + load<usize>(o);
      for (let i: usize = 0; i < runBytes; i += 8) {
        v128.store(to + (i << 1), i16x8.sub(v128.load8x8_u(from + i), zeros));
      }
      to += runBytes << 1;
    }
    out += pixelBytes;
    base += columnStep;
    if (++ox == outWidth) {
      ox = 0;
      oy++;
      base = x + <usize>oy * rowStep;
    }
  }
}

/** The largest code under each window of a padded image, [outHeight, outWidth, channels]. */
export function poolCodes(
  x: usize, channels: i32, rowBytes: usize, kernelHeight: i32, kernelWidth: i32, dilationHeight: i32, dilationWidth: i32,
  strideHeight: i32, strideWidth: i32, outHeight: i32, outWidth: i32, y: usize,
): void {
  const step = <usize>channels;
  const whole = channels & ~15;
  for (let oy = 0; oy < outHeight; oy++) {
    for (let ox = 0; ox < outWidth; ox++, y += step) {
      const base = x + <usize>(oy * strideHeight) * rowBytes + <usize>(ox * strideWidth) * step;
      for (let c: usize = 0; c < <usize>whole; c += 16) {
        let most = i8x16.splat(0);
        for (let ky = 0; ky < kernelHeight; ky++) {
          let at = base + c + <usize>(ky * dilationHeight) * rowBytes;
          for (let kx = 0; kx < kernelWidth; kx++, at += <usize>dilationWidth * step)
            most = i8x16.max_u(most, v128.load(at));
        }
        v128.store(y + c, most);
      }
      for (let c = whole; c < channels; c++) {
        let most: u8 = 0;
        for (let ky = 0; ky < kernelHeight; ky++) {
          let at = base + <usize>c + <usize>(ky * dilationHeight) * rowBytes;
          for (let kx = 0; kx < kernelWidth; kx++, at += <usize>dilationWidth * step) most = max(most, load<u8>(at));
        }
        store<u8>(y + <usize>c, most);
      }
    }
  }
}
