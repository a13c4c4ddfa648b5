/*
 * Fixed-point values, 32-bit integers pixel by pixel; see fixed-contract.ts.
 */

/**
 * Values of sums, [pixels][rows] i32: clamp(⌊(clamp(sum, −limit, limit) · multiplier + offset) / 2^shift⌋ + addend, low, high).
 *
 * @param line bytes from the sums of a pixel to those of the next; sums, multipliers and limits (i32) and offsets (i64) have room for
 *   a multiple of 8 rows
 * @param addend of the first row of the first pixel, or 0; it lies like y, `step` bytes to the next pixel
 */
export function fixedOfSums(
  sums: usize, line: usize, rows: i32, pixels: i32, multipliers: usize, offsets: usize, limits: usize, shift: i32, low: i32,
  high: i32, addend: usize, y: usize, step: usize,
): void {
  const lows = i32x4.splat(low);
  const highs = i32x4.splat(high);
  const whole = rows & ~3;
  const rest = rows & 3;
  for (let p = 0; p < pixels; p++) {
    let at: usize = 0;
    for (const end = (<usize>whole) << 2; at < end; at += 16) {
      let v = fourFixed(sums + at, multipliers + at, offsets + (at << 1), limits + at, shift);
      if (addend != 0) v = i32x4.add(v, v128.load(addend + at));
      v128.store(y + at, i32x4.min_s(i32x4.max_s(v, lows), highs));
    }
    if (rest != 0) {
      const v = fourFixed(sums + at, multipliers + at, offsets + (at << 1), limits + at, shift);
      storeFixed(y + at, i32x4.extract_lane(v, 0), addend, at, low, high);
      if (rest > 1) storeFixed(y + at + 4, i32x4.extract_lane(v, 1), addend, at + 4, low, high);
      if (rest > 2) storeFixed(y + at + 8, i32x4.extract_lane(v, 2), addend, at + 8, low, high);
    }
    sums += line;
    y += step;
    if (addend != 0) addend += step;
  }
}

// @ts-ignore: decorator
@inline
function storeFixed(to: usize, value: i32, addend: usize, at: usize, low: i32, high: i32): void {
  const v = addend == 0 ? value : value + load<i32>(addend + at);
  store<i32>(to, min(max(v, low), high));
}

// @ts-ignore: decorator
@inline
function fourFixed(sums: usize, m: usize, o: usize, limits: usize, shift: i32): v128 {
  const most = v128.load(limits);
  const s = i32x4.min_s(i32x4.max_s(v128.load(sums), i32x4.neg(most)), most);
  const factors = v128.load(m);
  // Bits shift … shift + 31: shifted to the upper words, because x86 shifts 64-bit lanes to the right without their sign alone.
  const p0 = i64x2.shl(i64x2.add(i64x2.extmul_low_i32x4_s(s, factors), v128.load(o)), 32 - shift);
  const p1 = i64x2.shl(i64x2.add(i64x2.extmul_high_i32x4_s(s, factors), v128.load(o, 16)), 32 - shift);
  return i32x4.shuffle(p0, p1, 1, 3, 5, 7);
}

/** Codes: clamp(⌊v · multiplier / 2³² + zero + ½⌋, 0, high). */
export function codesOfFixed(x: usize, count: i32, multiplier: i32, zero: i32, high: i32, y: usize): void {
  const offset: i64 = ((2 * <i64>zero) + 1) << 31;
  const offsets = i64x2.splat(offset);
  const factors = i32x4.splat(multiplier);
  const highs = i8x16.splat(<i8>high);
  const end = y + <usize>count;
  for (; y + 16 <= end; y += 16, x += 64) {
    const q01 = i16x8.narrow_i32x4_s(
      fourCodes(v128.load(x), factors, offsets),
      fourCodes(v128.load(x, 16), factors, offsets),
    );
    const q23 = i16x8.narrow_i32x4_s(
      fourCodes(v128.load(x, 32), factors, offsets),
      fourCodes(v128.load(x, 48), factors, offsets),
    );
    v128.store(y, i8x16.min_u(i8x16.narrow_i16x8_u(q01, q23), highs));
  }
  for (; y < end; y++, x += 4) {
    const code = (<i64>load<i32>(x) * <i64>multiplier + offset) >> 32;
    store<u8>(y, <u8>min<i64>(max<i64>(code, 0), <i64>high));
  }
}

// @ts-ignore: decorator
@inline
function fourCodes(v: v128, m: v128, o: v128): v128 {
  const p0 = i64x2.add(i64x2.extmul_low_i32x4_s(v, m), o);
  const p1 = i64x2.add(i64x2.extmul_high_i32x4_s(v, m), o);
  return i32x4.shuffle(p0, p1, 1, 3, 5, 7);
}

/** Fixed-point values of codes, by a table of 256. */
export function fixedOfCodes(codes: usize, count: i32, table: usize, y: usize): void {
  for (const end = codes + <usize>count; codes < end; codes++, y += 4)
    store<i32>(y, load<i32>(table + (<usize>load<u8>(codes) << 2)));
}

/** clamp(x + addend, low, high); the addend is at 0 where there is none. */
export function addFixed(x: usize, addend: usize, count: i32, low: i32, high: i32, y: usize): void {
  const lows = i32x4.splat(low);
  const highs = i32x4.splat(high);
  const end = y + ((<usize>count) << 2);
  for (; y + 16 <= end; y += 16, x += 16) {
    let v = v128.load(x);
    if (addend != 0) {
      v = i32x4.add(v, v128.load(addend));
      addend += 16;
    }
    v128.store(y, i32x4.min_s(i32x4.max_s(v, lows), highs));
  }
  for (; y < end; y += 4, x += 4) {
    let v = load<i32>(x);
    if (addend != 0) {
      v += load<i32>(addend);
      addend += 4;
    }
    store<i32>(y, min(max(v, low), high));
  }
}

/** The largest, or the average, under each window of `rows` rows of outputs from `firstRow` on; what lies in the padding is left out. */
export function poolFixed(
  x: usize, channels: i32, inHeight: i32, inWidth: i32, kernelHeight: i32, kernelWidth: i32, dilationHeight: i32,
  dilationWidth: i32, strideHeight: i32, strideWidth: i32, padTop: i32, padLeft: i32, firstRow: i32, rows: i32,
  outWidth: i32, isAverage: i32, y: usize,
): void {
  const pixelBytes = (<usize>channels) << 2;
  for (let oy = firstRow; oy < firstRow + rows; oy++) {
    const top = oy * strideHeight - padTop;
    for (let ox = 0; ox < outWidth; ox++, y += pixelBytes) {
      const left = ox * strideWidth - padLeft;
      memory.fill(y, 0, pixelBytes);
      if (isAverage != 0) {
        for (let c: usize = 0; c < pixelBytes; c += 4) {
          let sum: i64 = 0;
          let count: i64 = 0;
          for (let ky = 0, iy = top; ky < kernelHeight; ky++, iy += dilationHeight) {
            if (iy < 0 || iy >= inHeight) continue;
            for (let kx = 0, ix = left; kx < kernelWidth; kx++, ix += dilationWidth) {
              if (ix < 0 || ix >= inWidth) continue;
              sum += <i64>load<i32>(x + <usize>(iy * inWidth + ix) * pixelBytes + c);
              count++;
            }
          }
          if (count > 0) store<i32>(y + c, <i32>floorDivide(2 * sum + count, 2 * count));
        }
        continue;
      }
      let isFirst = true;
      for (let ky = 0, iy = top; ky < kernelHeight; ky++, iy += dilationHeight) {
        if (iy < 0 || iy >= inHeight) continue;
        for (let kx = 0, ix = left; kx < kernelWidth; kx++, ix += dilationWidth) {
          if (ix < 0 || ix >= inWidth) continue;
          const from = x + <usize>(iy * inWidth + ix) * pixelBytes;
          if (isFirst) memory.copy(y, from, pixelBytes);
          else largerInto(y, from, channels);
          isFirst = false;
        }
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function floorDivide(a: i64, b: i64): i64 {
  const quotient = a / b;
  return quotient * b > a ? quotient - 1 : quotient;
}

// @ts-ignore: decorator
@inline
function largerInto(y: usize, x: usize, count: i32): void {
  const end = y + ((<usize>count) << 2);
  for (; y + 16 <= end; y += 16, x += 16) v128.store(y, i32x4.max_s(v128.load(y), v128.load(x)));
  for (; y < end; y += 4, x += 4) store<i32>(y, max(load<i32>(y), load<i32>(x)));
}
