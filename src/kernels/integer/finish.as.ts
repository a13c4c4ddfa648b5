/*
 * What becomes of the sums of an integer layer, [pixels][rows] i32.
 */

/**
 * Codes: the upper 32 bits of sum · multiplier + offset, clamped. See `CodeFinish` in contract.ts.
 *
 * @param line bytes from the sums of a pixel to those of the next; sums, multipliers (i32) and offsets (i64) have room for
 *   a multiple of 8 rows
 * @param y of the first row of the first pixel; `step` bytes to the next pixel
 */
export function codesOfSums(
  sums: usize, line: usize, rows: i32, pixels: i32, multipliers: usize, offsets: usize, low: i32, high: i32, y: usize,
  step: usize,
): void {
  const lows = i16x8.splat(<i16>low);
  const highs = i16x8.splat(<i16>high);
  const whole = rows & ~7;
  for (let p = 0; p < pixels; p++) {
    let own = sums;
    let m = multipliers;
    let o = offsets;
    let to = y;
    for (let r = 0; r < whole; r += 8) {
      v128.store64_lane(to, eightCodes(own, m, o, lows, highs), 0);
      own += 32;
      m += 32;
      o += 64;
      to += 8;
    }
    if (whole < rows) {
      let codes = i64x2.extract_lane(eightCodes(own, m, o, lows, highs), 0);
      for (let r = whole; r < rows; r++, codes >>= 8) store<u8>(to++, <u8>codes);
    }
    sums += line;
    y += step;
  }
}

// @ts-ignore: decorator
@inline
function eightCodes(sums: usize, m: usize, o: usize, lows: v128, highs: v128): v128 {
  const q0 = upperWords(v128.load(sums), v128.load(m), v128.load(o), v128.load(o, 16));
  const q1 = upperWords(v128.load(sums, 16), v128.load(m, 16), v128.load(o, 32), v128.load(o, 48));
  const q = i16x8.min_s(i16x8.max_s(i16x8.narrow_i32x4_s(q0, q1), lows), highs);
  return i8x16.narrow_i16x8_u(q, q);
}

// @ts-ignore: decorator
@inline
function upperWords(s: v128, m: v128, o0: v128, o1: v128): v128 {
  const p0 = i64x2.add(i64x2.extmul_low_i32x4_s(s, m), o0);
  const p1 = i64x2.add(i64x2.extmul_high_i32x4_s(s, m), o1);
  return i32x4.shuffle(p0, p1, 1, 3, 5, 7);
}

/**
 * Floats: clamp((alpha·sum)·scale + bias + addend), each step rounded, as [rows, pixels].
 *
 * @param scale @param bias @param addend 0 where there is none; the addend lies like y
 * @param y of the first row and pixel; `plane` floats to the next row
 */
export function planesOfSums(
  sums: usize, line: usize, rows: i32, pixels: i32, alpha: usize, scale: usize, bias: usize, addend: usize, low: f32,
  high: f32, y: usize, plane: i32,
): void {
  const rowBytes = (<usize>plane) << 2;
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  const wholePixels = pixels & ~3;
  let r = 0;
  for (; r + 4 <= rows; r += 4) {
    const first = (<usize>r) << 2;
    for (let p = 0; p < wholePixels; p += 4) {
      let at = sums + <usize>p * line + first;
      const s0 = f32x4.convert_i32x4_s(v128.load(at));
      at += line;
      const s1 = f32x4.convert_i32x4_s(v128.load(at));
      at += line;
      const s2 = f32x4.convert_i32x4_s(v128.load(at));
      at += line;
      const s3 = f32x4.convert_i32x4_s(v128.load(at));
      const low01 = i32x4.shuffle(s0, s1, 0, 4, 1, 5);
      const low23 = i32x4.shuffle(s2, s3, 0, 4, 1, 5);
      const high01 = i32x4.shuffle(s0, s1, 2, 6, 3, 7);
      const high23 = i32x4.shuffle(s2, s3, 2, 6, 3, 7);
      const to = y + <usize>r * rowBytes + ((<usize>p) << 2);
      const add: usize = addend == 0 ? 0 : addend + (to - y);
      const add1: usize = add == 0 ? 0 : add + rowBytes;
      const add2: usize = add == 0 ? 0 : add1 + rowBytes;
      const add3: usize = add == 0 ? 0 : add2 + rowBytes;
      finishFour(i64x2.shuffle(low01, low23, 0, 2), first, alpha, scale, bias, add, lows, highs, to);
      const to1 = to + rowBytes;
      finishFour(i64x2.shuffle(low01, low23, 1, 3), first + 4, alpha, scale, bias, add1, lows, highs, to1);
      const to2 = to1 + rowBytes;
      finishFour(i64x2.shuffle(high01, high23, 0, 2), first + 8, alpha, scale, bias, add2, lows, highs, to2);
      const to3 = to2 + rowBytes;
      finishFour(i64x2.shuffle(high01, high23, 1, 3), first + 12, alpha, scale, bias, add3, lows, highs, to3);
    }
  }
  // Pixels that fill no vector, then rows that do not.
  for (let row = 0; row < rows; row++) {
    const place = (<usize>row) << 2;
    for (let p = row < r ? wholePixels : 0; p < pixels; p++) {
      const to = y + <usize>row * rowBytes + ((<usize>p) << 2);
      const sum = load<i32>(sums + <usize>p * line + place);
      const add: usize = addend == 0 ? 0 : addend + (to - y);
      store<f32>(to, finishOne(sum, place, alpha, scale, bias, add, low, high));
    }
  }
}

/** The same as [pixels, rows]; the addend lies like y. */
export function rowsOfSums(
  sums: usize, line: usize, rows: i32, pixels: i32, alpha: usize, scale: usize, bias: usize, addend: usize, low: f32,
  high: f32, y: usize, step: usize,
): void {
  for (let p = 0; p < pixels; p++) {
    for (let place: usize = 0, end = (<usize>rows) << 2; place < end; place += 4) {
      const sum = load<i32>(sums + place);
      const add: usize = addend == 0 ? 0 : addend + place;
      store<f32>(y + place, finishOne(sum, place, alpha, scale, bias, add, low, high));
    }
    sums += line;
    y += step;
    if (addend != 0) addend += step;
  }
}

/** Four pixels of one row. */
// @ts-ignore: decorator
@inline
function finishFour(
  sum: v128, place: usize, alpha: usize, scale: usize, bias: usize, addend: usize, lows: v128, highs: v128, to: usize,
): void {
  let v = f32x4.mul(sum, v128.load32_splat(alpha + place));
  if (scale != 0) v = f32x4.mul(v, v128.load32_splat(scale + place));
  if (bias != 0) v = f32x4.add(v, v128.load32_splat(bias + place));
  if (addend != 0) v = f32x4.add(v, v128.load(addend));
  v128.store(to, f32x4.pmin(f32x4.pmax(v, lows), highs));
}

// @ts-ignore: decorator
@inline
function finishOne(
  sum: i32, place: usize, alpha: usize, scale: usize, bias: usize, addend: usize, low: f32, high: f32,
): f32 {
  let v: f32 = <f32>sum * load<f32>(alpha + place);
  if (scale != 0) v *= load<f32>(scale + place);
  if (bias != 0) v += load<f32>(bias + place);
  if (addend != 0) v += load<f32>(addend);
  if (v < low) v = low;
  if (high < v) v = high;
  return v;
}
