/*
 * Depthwise convolution: each output channel reads one input channel. Every plane is copied into a zero-padded one,
 * then four outputs of a row at a time are summed over the taps in row-major order.
 */
import { spreadRows, zeroFloats } from '../gemm/pad.as.ts';

/**
 * y [images, channels · multiplier, outHeight, outWidth] from x [images, channels, inHeight, inWidth].
 *
 * @param weights panels of 4 rows, [taps][4]
 * @param offsets byte offset of each tap in the padded plane (i32)
 * @param padded one plane of paddedHeight × paddedWidth, with 64 bytes to spare behind it
 * @param scale @param bias @param addend may be 0
 */
export function depthwise(
  x: usize, weights: usize, offsets: usize, taps: i32, padded: usize, y: usize,
  images: i32, channels: i32, multiplier: i32, inHeight: i32, inWidth: i32,
  outHeight: i32, outWidth: i32, padTop: i32, padLeft: i32, paddedHeight: i32, paddedWidth: i32,
  strideHeight: i32, strideWidth: i32, isThreeByThree: bool,
  scale: usize, bias: usize, addend: usize, low: f32, high: f32,
): void {
  const inBytes = (<usize>(inHeight * inWidth)) << 2;
  const pitch = (<usize>paddedWidth) << 2;
  const addendOffset: usize = addend ? addend - y : 0;
  const rowStep = pitch * <usize>strideHeight;
  const inRowBytes = (<usize>inWidth) << 2;
  const inside = padded + <usize>padTop * pitch + ((<usize>padLeft) << 2);
  zeroFloats(padded, <usize>paddedHeight * pitch);
  for (let n = 0; n < images; n++) {
    for (let c = 0; c < channels; c++) {
      spreadRows(x, inHeight, inRowBytes, inside, pitch);
      x += inBytes;
      for (let m = 0; m < multiplier; m++) {
        const channel = c * multiplier + m;
        const w = weights + (((<usize>(channel >> 2) * <usize>taps << 2) + <usize>(channel & 3)) << 2);
        const at = (<usize>channel) << 2;
        const factor: f32 = scale ? load<f32>(scale + at) : 1;
        const shift: f32 = bias ? load<f32>(bias + at) : 0;
        setEpilogue(scale != 0, factor, bias != 0, shift, addendOffset, addend != 0, low, high);
        let row = padded;
        for (let oy = 0; oy < outHeight; oy++) {
          const out = y + ((<usize>(oy * outWidth)) << 2);
          if (isThreeByThree && strideWidth == 1) row3(row, pitch, w, out, outWidth);
          else if (isThreeByThree && strideWidth == 2) row3Stride2(row, pitch, w, out, outWidth);
          else rowOfAny(row, offsets, taps, w, out, outWidth, strideWidth);
          row += rowStep;
        }
        y += (<usize>(outHeight * outWidth)) << 2;
      }
    }
  }
}

// The epilogue of the channel at hand.
let hasScale: bool = false;
let hasBias: bool = false;
let hasAddend: bool = false;
let theScale: f32 = 1;
let theBias: f32 = 0;
let toAddend: usize = 0;
let lowest: f32 = 0;
let highest: f32 = 0;

function setEpilogue(
  withScale: bool, scale: f32, withBias: bool, bias: f32, addend: usize, withAddend: bool, low: f32, high: f32,
): void {
  hasScale = withScale;
  theScale = scale;
  hasBias = withBias;
  theBias = bias;
  toAddend = addend;
  hasAddend = withAddend;
  lowest = low;
  highest = high;
}

/** Finishes 4 sums and stores the first `count` of them. */
// @ts-ignore: decorator
@inline
function finish(sum: v128, out: usize, count: i32): void {
  let v = sum;
  if (hasScale) v = f32x4.mul(v, f32x4.splat(theScale));
  if (hasBias) v = f32x4.add(v, f32x4.splat(theBias));
  if (count >= 4) {
    if (hasAddend) v = f32x4.add(v, v128.load(out + toAddend));
    v128.store(out, f32x4.pmin(f32x4.pmax(v, f32x4.splat(lowest)), f32x4.splat(highest)));
  } else finishFew(v, out, count);
}

function finishFew(sums: v128, out: usize, count: i32): void {
  v128.store(FEW, sums);
  for (let i: usize = 0, end = (<usize>count) << 2; i < end; i += 4) {
    let v = load<f32>(FEW + i);
    if (hasAddend) v += load<f32>(out + i + toAddend);
    if (v < lowest) v = lowest;
    if (highest < v) v = highest;
    store<f32>(out + i, v);
  }
}
const FEW: usize = memory.data(16, 16);

function row3(row: usize, pitch: usize, w: usize, out: usize, width: i32): void {
  const w0 = v128.load32_splat(w);
  const w1 = v128.load32_splat(w, 16);
  const w2 = v128.load32_splat(w, 32);
  const w3 = v128.load32_splat(w, 48);
  const w4 = v128.load32_splat(w, 64);
  const w5 = v128.load32_splat(w, 80);
  const w6 = v128.load32_splat(w, 96);
  const w7 = v128.load32_splat(w, 112);
  const w8 = v128.load32_splat(w, 128);
  let r0 = row;
  let r1 = row + pitch;
  let r2 = r1 + pitch;
  const zero = f32x4.splat(0);
  for (let left = width; left > 0; left -= 4) {
    let c = f32x4.add(zero, f32x4.mul(w0, v128.load(r0)));
    c = f32x4.add(c, f32x4.mul(w1, v128.load(r0, 4)));
    c = f32x4.add(c, f32x4.mul(w2, v128.load(r0, 8)));
    c = f32x4.add(c, f32x4.mul(w3, v128.load(r1)));
    c = f32x4.add(c, f32x4.mul(w4, v128.load(r1, 4)));
    c = f32x4.add(c, f32x4.mul(w5, v128.load(r1, 8)));
    c = f32x4.add(c, f32x4.mul(w6, v128.load(r2)));
    c = f32x4.add(c, f32x4.mul(w7, v128.load(r2, 4)));
    c = f32x4.add(c, f32x4.mul(w8, v128.load(r2, 8)));
    finish(c, out, left);
    r0 += 16;
    r1 += 16;
    r2 += 16;
    out += 16;
  }
}

/** x[0], x[2], x[4], x[6]. */
// @ts-ignore: decorator
@inline
function everySecond(x: usize): v128 {
  return i32x4.shuffle(v128.load(x), v128.load(x, 16), 0, 2, 4, 6);
}

function row3Stride2(row: usize, pitch: usize, w: usize, out: usize, width: i32): void {
  const w0 = v128.load32_splat(w);
  const w1 = v128.load32_splat(w, 16);
  const w2 = v128.load32_splat(w, 32);
  const w3 = v128.load32_splat(w, 48);
  const w4 = v128.load32_splat(w, 64);
  const w5 = v128.load32_splat(w, 80);
  const w6 = v128.load32_splat(w, 96);
  const w7 = v128.load32_splat(w, 112);
  const w8 = v128.load32_splat(w, 128);
  let r0 = row;
  let r1 = row + pitch;
  let r2 = r1 + pitch;
  const zero = f32x4.splat(0);
  for (let left = width; left > 0; left -= 4) {
    let c = f32x4.add(zero, f32x4.mul(w0, everySecond(r0)));
    c = f32x4.add(c, f32x4.mul(w1, everySecond(r0 + 4)));
    c = f32x4.add(c, f32x4.mul(w2, everySecond(r0 + 8)));
    c = f32x4.add(c, f32x4.mul(w3, everySecond(r1)));
    c = f32x4.add(c, f32x4.mul(w4, everySecond(r1 + 4)));
    c = f32x4.add(c, f32x4.mul(w5, everySecond(r1 + 8)));
    c = f32x4.add(c, f32x4.mul(w6, everySecond(r2)));
    c = f32x4.add(c, f32x4.mul(w7, everySecond(r2 + 4)));
    c = f32x4.add(c, f32x4.mul(w8, everySecond(r2 + 8)));
    finish(c, out, left);
    r0 += 32;
    r1 += 32;
    r2 += 32;
    out += 16;
  }
}

/** 4 successive outputs' inputs for one tap. */
// @ts-ignore: decorator
@inline
function gather(x: usize, stride: i32): v128 {
  if (stride == 1) return v128.load(x);
  if (stride == 2) return everySecond(x);
  const step = (<usize>stride) << 2;
  let v = v128.load32_zero(x);
  v = v128.load_lane<f32>(x + step, v, 1);
  v = v128.load_lane<f32>(x + step * 2, v, 2);
  return v128.load_lane<f32>(x + step * 3, v, 3);
}

/** Any kernel, stride and dilation; 16 outputs at a time, then 4. */
function rowOfAny(row: usize, offsets: usize, taps: i32, w: usize, out: usize, width: i32, stride: i32): void {
  const step = (<usize>stride) << 4;
  const offsetsEnd = offsets + ((<usize>taps) << 2);
  let left = width;
  for (; left >= 16; left -= 16) {
    let c0 = f32x4.splat(0);
    let c1 = f32x4.splat(0);
    let c2 = f32x4.splat(0);
    let c3 = f32x4.splat(0);
    let wp = w;
    for (let o = offsets; o < offsetsEnd; o += 4) {
      const s = v128.load32_splat(wp);
      const x = row + load<usize>(o);
      c0 = f32x4.add(c0, f32x4.mul(s, gather(x, stride)));
      c1 = f32x4.add(c1, f32x4.mul(s, gather(x + step, stride)));
      c2 = f32x4.add(c2, f32x4.mul(s, gather(x + step * 2, stride)));
      c3 = f32x4.add(c3, f32x4.mul(s, gather(x + step * 3, stride)));
      wp += 16;
    }
    finish(c0, out, 4);
    finish(c1, out + 16, 4);
    finish(c2, out + 32, 4);
    finish(c3, out + 48, 4);
    row += step * 4;
    out += 64;
  }
  for (; left > 0; left -= 4) {
    let c = f32x4.splat(0);
    let wp = w;
    for (let o = offsets; o < offsetsEnd; o += 4) {
      c = f32x4.add(c, f32x4.mul(v128.load32_splat(wp), gather(row + load<usize>(o), stride)));
      wp += 16;
    }
    finish(c, out, left);
    row += step;
    out += 16;
  }
}
