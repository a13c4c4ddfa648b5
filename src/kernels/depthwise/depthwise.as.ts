/*
 * Depthwise convolution: each output channel reads one input channel. Every input plane is copied into a zero-padded
 * one, in which the columns of a row are sorted by their remainder modulo the stride; so the inputs of successive
 * outputs lie side by side for each tap, whatever the stride. The sum of an output takes its taps in row-major order.
 */
import { copyFloats, zeroFloats } from '../gemm/pad.as.ts';
import { planeByFours, planeByRows } from './plane.as.ts';
import { plane3x3, plane3x3Stride2 } from './plane3x3.as.ts';

/**
 * y [images, channels · multiplier, outHeight, outWidth] from x [images, channels, inHeight, inWidth].
 *
 * @param weights panels of 4 rows, [taps][4]
 * @param offsets byte offset of each tap in the padded plane (i32)
 * @param phaseWidth columns of a padded row that share a remainder; a padded row is strideWidth · phaseWidth floats
 * @param padded two padded planes of `paddedBytes`, each with 64 bytes to spare behind it
 * @param sums outHeight rows of outWidth + 4 floats
 * @param kind one of the constants below
 * @param scale @param bias @param addend may be 0
 */
export function depthwise(
  x: usize, weights: usize, offsets: usize, taps: i32, padded: usize, paddedBytes: usize, sums: usize, y: usize,
  images: i32, channels: i32, multiplier: i32, inHeight: i32, inWidth: i32, outHeight: i32, outWidth: i32,
  padTop: i32, padLeft: i32, phaseWidth: i32, strideHeight: i32, strideWidth: i32, kind: i32,
  scale: usize, bias: usize, addend: usize, low: f32, high: f32,
): void {
  const phaseBytes = (<usize>phaseWidth) << 2;
  const pitch = phaseBytes * <usize>strideWidth;
  const rowStep = pitch * <usize>strideHeight;
  const addendOffset = addend - y;
  const rowBytes = (<usize>outWidth) << 2;
  // Rows go straight to y, unless they are still to be added to something or are narrower than a vector.
  const direct = addend == 0 && outWidth >= 4;
  const outStep = direct ? rowBytes : rowBytes + 16;
  const sumLow: f32 = addend ? <f32>-Infinity : low;
  const sumHigh: f32 = addend ? <f32>Infinity : high;
  const inside = <usize>padTop * pitch;
  const inBytes = (<usize>(inHeight * inWidth)) << 2;
  const planes = images * channels;
  zeroFloats(padded, paddedBytes * 2);
  sortPlane(x, inHeight, inWidth, padded + inside, padLeft, strideWidth, phaseBytes);
  for (let p = 0; p < planes; p++) {
    // The next plane is copied before this one is read, so that this one has left the store buffer.
    const plane = padded + <usize>(p & 1) * paddedBytes;
    x += inBytes;
    if (p + 1 < planes) {
      const next = padded + <usize>(~p & 1) * paddedBytes;
      sortPlane(x, inHeight, inWidth, next + inside, padLeft, strideWidth, phaseBytes);
    }
    for (let m = 0; m < multiplier; m++) {
      const channel = (p % channels) * multiplier + m;
      const w = weights + ((<usize>((channel >> 2) * taps * 4 + (channel & 3))) << 2);
      const at = (<usize>channel) << 2;
      // Times 1 and plus −0 change nothing, so a missing scale or bias needs no case of its own.
      const f: f32 = scale ? load<f32>(scale + at) : 1;
      const g: f32 = bias ? load<f32>(bias + at) : -0.0;
      const out = direct ? y : sums;
      if (kind == PLAIN_3X3) {
        plane3x3(plane, pitch, w, out, outStep, outHeight, outWidth, f, g, sumLow, sumHigh);
      } else if (kind == PLAIN_3X3_STRIDE_2) {
        plane3x3Stride2(
          plane, pitch, rowStep, phaseBytes, w, out, outStep, outHeight, outWidth, f, g, sumLow, sumHigh,
        );
      } else if (outHeight >= 4) {
        planeByFours(plane, rowStep, offsets, taps, w, out, outStep, outHeight, outWidth, f, g, sumLow, sumHigh);
      } else {
        planeByRows(plane, rowStep, offsets, taps, w, out, outStep, outHeight, outWidth, f, g, sumLow, sumHigh);
      }
      if (!direct) {
        for (let r = 0; r < outHeight; r++) {
          const to = y + <usize>r * rowBytes;
          addRow(sums + <usize>r * outStep, outWidth, to, addend ? to + addendOffset : 0, low, high);
        }
      }
      y += rowBytes * <usize>outHeight;
    }
  }
}

// Kinds of kernel; the same numbers in plan.ts.

/** 3 × 3, no dilation, stride 1 × 1, two output rows or more. */
const PLAIN_3X3 = 1;
/** 3 × 3, no dilation, stride any × 2. */
const PLAIN_3X3_STRIDE_2 = 2;

/** Copies a plane into the padded one, the columns of each row sorted. */
function sortPlane(
  x: usize, height: i32, width: i32, to: usize, padLeft: i32, stride: i32, phaseBytes: usize,
): void {
  for (let r = 0; r < height; r++) {
    sortColumns(x, width, to, padLeft, stride, phaseBytes);
    x += (<usize>width) << 2;
    to += phaseBytes * <usize>stride;
  }
}

/** Writes column i of a row to position (padLeft + i) / stride of the phase (padLeft + i) % stride. */
function sortColumns(x: usize, width: i32, to: usize, padLeft: i32, stride: i32, phaseBytes: usize): void {
  if (stride == 1) {
    copyFloats(to + ((<usize>padLeft) << 2), x, (<usize>width) << 2);
    return;
  }
  let i = 0;
  if (stride == 2) {
    let even = to + ((<usize>((padLeft + 1) >> 1)) << 2);
    let odd = to + phaseBytes + ((<usize>(padLeft >> 1)) << 2);
    if (padLeft & 1) {
      // Column 0 has an odd place.
      const swap = even;
      even = odd;
      odd = swap;
    }
    for (; i + 8 <= width; i += 8) {
      const v0 = v128.load(x);
      const v1 = v128.load(x, 16);
      v128.store(even, i32x4.shuffle(v0, v1, 0, 2, 4, 6));
      v128.store(odd, i32x4.shuffle(v0, v1, 1, 3, 5, 7));
      x += 32;
      even += 16;
      odd += 16;
    }
  }
  let phase = (padLeft + i) % stride;
  let place = to + ((<usize>((padLeft + i) / stride)) << 2);
  for (; i < width; i++) {
    store<f32>(place + <usize>phase * phaseBytes, load<f32>(x));
    x += 4;
    if (++phase == stride) {
      phase = 0;
      place += 4;
    }
  }
}

/** to = clamp(row + addend), or clamp(row) where `addend` is 0; in ascending order, so that addend may be to. */
function addRow(row: usize, width: i32, to: usize, addend: usize, low: f32, high: f32): void {
  for (let i: usize = 0, end = (<usize>width) << 2; i < end; i += 4) {
    let v = load<f32>(row + i);
    if (addend != 0) v += load<f32>(addend + i);
    if (v < low) v = low;
    if (high < v) v = high;
    store<f32>(to + i, v);
  }
}
