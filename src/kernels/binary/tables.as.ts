/*
 * Sums of ±1 products from tables, the method of the four Russians (Arlazarov and others 1970): signs of inputs are bytes, pixels side by
 * side; of six channels all 64 sums ±x0 ±x1 … ±x5 are made once at every place that a window reaches from 32 neighbouring pixels. Each
 * row of weights then looks up one sum a tap: two loads and two additions of 16 bytes for 6·32 products. See tables.ts for the loops
 * around.
 */

/** Channels of a table. */
// @ts-ignore: decorator
@inline
const INPUTS: i32 = 6;

/**
 * One row of pixels as bytes, 1 or −1, 0 in the padding, in a plane for each channel.
 *
 * @param x [inWidth, words] the row; 0 where it is one of padding
 * @param first column of the first pixel, may be outside; `step` columns to the next
 * @param y of the first channel; 16 bytes a time are written, up to 15 more than `count`
 * @param line scratch: `count` pixels rounded up to 16, of `words` words and a byte each
 */
export function spreadSigns(
  x: usize, inWidth: i32, words: i32, channels: i32, first: i32, step: i32, count: i32, y: usize, planeBytes: usize, line: usize,
): void {
  const bytes = (<usize>words) << 3;
  const rounded = (count + 15) & ~15;
  const inside = line + <usize>rounded * bytes;
  for (let j = 0; j < rounded; j++) {
    const w = first + j * step;
    const isInside = x != 0 && j < count && <u32>w < <u32>inWidth;
    store<i8>(inside + j, isInside ? -1 : 0);
    if (!isInside) continue;
    const from = x + <usize>w * bytes;
    const to = line + <usize>j * bytes;
    for (let i: usize = 0; i < bytes; i += 8) store<u64>(to + i, load<u64>(from + i));
  }
  const one = i8x16.splat(1);
  for (let c = 0; c < channels; c += 8) {
    for (let j = 0; j < rounded; j += 16) {
      const own = v128.load(inside + j);
      let v = i8x16.splat(0);
      let at = line + <usize>j * bytes + <usize>(c >> 3);
      v = v128.load_lane<u8>(at, v, 0);
      v = v128.load_lane<u8>(at += bytes, v, 1);
      v = v128.load_lane<u8>(at += bytes, v, 2);
      v = v128.load_lane<u8>(at += bytes, v, 3);
      v = v128.load_lane<u8>(at += bytes, v, 4);
      v = v128.load_lane<u8>(at += bytes, v, 5);
      v = v128.load_lane<u8>(at += bytes, v, 6);
      v = v128.load_lane<u8>(at += bytes, v, 7);
      v = v128.load_lane<u8>(at += bytes, v, 8);
      v = v128.load_lane<u8>(at += bytes, v, 9);
      v = v128.load_lane<u8>(at += bytes, v, 10);
      v = v128.load_lane<u8>(at += bytes, v, 11);
      v = v128.load_lane<u8>(at += bytes, v, 12);
      v = v128.load_lane<u8>(at += bytes, v, 13);
      v = v128.load_lane<u8>(at += bytes, v, 14);
      v = v128.load_lane<u8>(at += bytes, v, 15);
      const end = min(channels - c, 8);
      let to = y + <usize>c * planeBytes + <usize>j;
      for (let bit = 0; bit < end; bit++, to += planeBytes) {
        const isNegative = i8x16.ne(v128.and(v, i8x16.splat((<i8>1) << <i8>bit)), i8x16.splat(0));
        v128.store(to, v128.and(v128.or(isNegative, one), own));
      }
    }
  }
}

/** Eight sums, `step` bytes apart. */
// @ts-ignore: decorator
@inline
function storeSums(
  to: usize, step: usize, high: v128, l0: v128, l1: v128, l2: v128, l3: v128, l4: v128, l5: v128, l6: v128, l7: v128,
): void {
  v128.store(to, i8x16.add(high, l0));
  v128.store(to += step, i8x16.add(high, l1));
  v128.store(to += step, i8x16.add(high, l2));
  v128.store(to += step, i8x16.add(high, l3));
  v128.store(to += step, i8x16.add(high, l4));
  v128.store(to += step, i8x16.add(high, l5));
  v128.store(to += step, i8x16.add(high, l6));
  v128.store(to += step, i8x16.add(high, l7));
}

/**
 * Tables of all sums ±x0 ±x1 … ±x5; bit i of the number of a sum says that xᵢ is subtracted.
 *
 * @param x the first pixel of the block
 * @param inputs [count, 6] i32: how far from there the channels of each table are
 * @param columns [columnCount] i32: how far from there each 16 places are
 * @param y [count, 64, columnCount, 16] i8
 */
function makeTables(
  x: usize, inputs: usize, count: i32, columns: usize, columnCount: i32, y: usize,
): void {
  const step = (<usize>columnCount) << 4;
  const eight = step << 3;
  for (let i = 0; i < count; i++, inputs += INPUTS << 2) {
    for (let c = 0; c < columnCount; c++) {
      const from = x + load<u32>(columns + ((<usize>c) << 2));
      const x0 = v128.load(from + load<u32>(inputs)), x1 = v128.load(from + load<u32>(inputs, 4));
      const x2 = v128.load(from + load<u32>(inputs, 8)), x3 = v128.load(from + load<u32>(inputs, 12));
      const x4 = v128.load(from + load<u32>(inputs, 16)), x5 = v128.load(from + load<u32>(inputs, 20));
      const sum = i8x16.add(x0, x1);
      const difference = i8x16.sub(x0, x1);
      const l0 = i8x16.add(x2, sum), l3 = i8x16.sub(x2, sum);
      const l2 = i8x16.add(x2, difference), l1 = i8x16.sub(x2, difference);
      const l4 = i8x16.neg(l3), l7 = i8x16.neg(l0);
      const l6 = i8x16.neg(l1), l5 = i8x16.neg(l2);
      let to = y + ((<usize>c) << 4);
      for (let a = 0; a < 2; a++) {
        const high = a == 0 ? x5 : i8x16.neg(x5);
        const plus = i8x16.add(high, x4);
        const minus = i8x16.sub(high, x4);
        storeSums(to, step, i8x16.add(plus, x3), l0, l1, l2, l3, l4, l5, l6, l7);
        storeSums(to += eight, step, i8x16.sub(plus, x3), l0, l1, l2, l3, l4, l5, l6, l7);
        storeSums(to += eight, step, i8x16.add(minus, x3), l0, l1, l2, l3, l4, l5, l6, l7);
        storeSums(to += eight, step, i8x16.sub(minus, x3), l0, l1, l2, l3, l4, l5, l6, l7);
        to += eight;
      }
    }
    y += step << 6;
  }
}

/**
 * What rows look up, added to their sums. |Σ| ≤ 6·21 of bytes, and of all of a row less than 2¹⁵.
 *
 * @param codes [rows, count] u16, offsets into the tables; count ≤ 21
 * @param sums [rows, 32] i16
 * @param isFirst whether there are no sums yet
 */
function addLookups(
  codes: usize, rows: i32, count: i32, tables: usize, sums: usize, isFirst: bool,
): void {
  for (let r = 0; r < rows; r++, sums += 64) {
    let a = i8x16.splat(0);
    let b = i8x16.splat(0);
    let j = count;
    for (; j >= 4; j -= 4, codes += 8) {
      const p0 = tables + load<u16>(codes), p1 = tables + load<u16>(codes, 2);
      a = i8x16.add(a, v128.load(p0));
      b = i8x16.add(b, v128.load(p0, 16));
      const p2 = tables + load<u16>(codes, 4), p3 = tables + load<u16>(codes, 6);
      a = i8x16.add(a, v128.load(p1));
      b = i8x16.add(b, v128.load(p1, 16));
      a = i8x16.add(a, v128.load(p2));
      b = i8x16.add(b, v128.load(p2, 16));
      a = i8x16.add(a, v128.load(p3));
      b = i8x16.add(b, v128.load(p3, 16));
    }
    for (; j > 0; j--, codes += 2) {
      const p = tables + load<u16>(codes);
      a = i8x16.add(a, v128.load(p));
      b = i8x16.add(b, v128.load(p, 16));
    }
    if (isFirst) {
      v128.store(sums, i16x8.extend_low_i8x16_s(a));
      v128.store(sums, i16x8.extend_high_i8x16_s(a), 16);
      v128.store(sums, i16x8.extend_low_i8x16_s(b), 32);
      v128.store(sums, i16x8.extend_high_i8x16_s(b), 48);
    } else {
      v128.store(sums, i16x8.add(v128.load(sums), i16x8.extend_low_i8x16_s(a)));
      v128.store(sums, i16x8.add(v128.load(sums, 16), i16x8.extend_high_i8x16_s(a)), 16);
      v128.store(sums, i16x8.add(v128.load(sums, 32), i16x8.extend_low_i8x16_s(b)), 32);
      v128.store(sums, i16x8.add(v128.load(sums, 48), i16x8.extend_high_i8x16_s(b)), 48);
    }
  }
}

/**
 * Sums of successive blocks of 32 pixels, of the rows of a group.
 *
 * @param x the first pixel of the first block
 * @param inputs @param columns as for `makeTables`, all tables of the group
 * @param codes of all runs
 * @param runs [runCount, 4] i32: first table of those that are made together, how many, first of their lookups, how many
 * @param tables scratch
 * @param sums [blocks, …] of `blockBytes`, each [rows, 32] i16
 */
export function sumByTables(
  x: usize, inputs: usize, columns: usize, columnCount: i32, codes: usize, runs: usize, runCount: i32, rows: i32, tables: usize,
  sums: usize, blocks: i32, blockBytes: usize,
): void {
  for (let i = 0; i < runCount; i++, runs += 16) {
    const count = load<i32>(runs, 12);
    if (load<i32>(runs, 8) == 0)
      makeTables(x, inputs + (<usize>load<u32>(runs)) * (INPUTS << 2), load<i32>(runs, 4), columns, columnCount, tables);
    for (let block = 0; block < blocks; block++) {
      const own = sums + <usize>block * blockBytes;
      addLookups(codes, rows, count, tables + ((<usize>block) << 5), own, i == 0);
    }
    codes += (<usize>(count * rows)) << 1;
  }
}

export function clearBytes(at: usize, bytes: usize): void {
  memory.fill(at, 0, bytes);
}

/**
 * Sums of successive pixels as floats: ((alpha·sum)·scale + bias), clamped, each step rounded.
 *
 * @param sums [rows, 32] i16, of the first of the pixels
 * @param scale @param bias 0 where there is none
 * @param y of the first pixel of the first row; `plane` floats to the next row
 */
function floatsOfLanes(
  sums: usize, rows: i32, count: i32, alpha: usize, scale: usize, bias: usize, low: f32, high: f32, y: usize, plane: i32,
): void {
  for (let r: usize = 0, end = (<usize>rows) << 2; r < end; r += 4, sums += 64, y += (<usize>plane) << 2) {
    const a = load<f32>(alpha + r);
    const factor: f32 = scale == 0 ? 1 : load<f32>(scale + r);
    const shift: f32 = bias == 0 ? 0 : load<f32>(bias + r);
    let i: usize = 0;
    for (; <i32>i + 4 <= count; i += 4) {
      let v = f32x4.mul(f32x4.convert_i32x4_s(v128.load16x4_s(sums + (i << 1))), f32x4.splat(a));
      if (scale != 0) v = f32x4.mul(v, f32x4.splat(factor));
      if (bias != 0) v = f32x4.add(v, f32x4.splat(shift));
      v128.store(y + (i << 2), f32x4.pmin(f32x4.pmax(v, f32x4.splat(low)), f32x4.splat(high)));
    }
    for (; <i32>i < count; i++) {
      let v: f32 = a * <f32>load<i16>(sums + (i << 1));
      if (scale != 0) v = v * factor;
      if (bias != 0) v = v + shift;
      v = v < low ? low : v;
      store<f32>(y + (i << 2), v > high ? high : v);
    }
  }
}

/** Bytes −1 where (sum < threshold) ≠ flip, of 16 pixels. */
// @ts-ignore: decorator
@inline
function compareLanes(sums: usize, threshold: v128, flip: v128): v128 {
  const left = i16x8.lt_s(v128.load(sums), threshold);
  const right = i16x8.lt_s(v128.load(sums, 16), threshold);
  return v128.xor(i8x16.narrow_i16x8_s(left, right), flip);
}

/**
 * Signs of sums of 32 pixels.
 *
 * @param sums [rows, 32] i16
 * @param thresholds i16 a channel, channel c of row c mod rows
 * @param flips i8 a channel, −1 or 0
 * @param y [32, words] u64; spare bits are 0
 */
function signsOfLanes(
  sums: usize, rows: i32, channels: i32, thresholds: usize, flips: usize, y: usize, words: i32,
): void {
  const bytes = (<usize>words) << 3;
  let row = 0;
  for (let first = 0; first < words << 6; first += 8, y += 1) {
    let a = i8x16.splat(0);
    let b = i8x16.splat(0);
    const count = min(8, channels - first);
    for (let i = 0; i < count; i++) {
      const own = sums + ((<usize>row) << 6);
      const t = v128.load16_splat(thresholds + ((<usize>(first + i)) << 1));
      const flip = v128.load8_splat(flips + <usize>(first + i));
      const bit = i8x16.splat((<i8>1) << <i8>i);
      a = v128.or(a, v128.and(compareLanes(own, t, flip), bit));
      b = v128.or(b, v128.and(compareLanes(own + 32, t, flip), bit));
      row = row + 1 == rows ? 0 : row + 1;
    }
    storeBytes(a, y, bytes);
    storeBytes(b, y + (bytes << 4), bytes);
  }
}

/** Sixteen lanes of 8 bits, `step` bytes apart. */
// @ts-ignore: decorator
@inline
function storeBytes(v: v128, to: usize, step: usize): void {
  v128.store_lane<u8>(to, v, 0);
  v128.store_lane<u8>(to += step, v, 1);
  v128.store_lane<u8>(to += step, v, 2);
  v128.store_lane<u8>(to += step, v, 3);
  v128.store_lane<u8>(to += step, v, 4);
  v128.store_lane<u8>(to += step, v, 5);
  v128.store_lane<u8>(to += step, v, 6);
  v128.store_lane<u8>(to += step, v, 7);
  v128.store_lane<u8>(to += step, v, 8);
  v128.store_lane<u8>(to += step, v, 9);
  v128.store_lane<u8>(to += step, v, 10);
  v128.store_lane<u8>(to += step, v, 11);
  v128.store_lane<u8>(to += step, v, 12);
  v128.store_lane<u8>(to += step, v, 13);
  v128.store_lane<u8>(to += step, v, 14);
  v128.store_lane<u8>(to += step, v, 15);
}

/**
 * Signs of sums of successive blocks, put where their pixels are in the map: pixel `at` + i is column (at + i) mod `width` of line
 * (at + i) ÷ width, and there are outWidth columns.
 *
 * @param sums [blocks, …] of `blockBytes`
 * @param block scratch for 32 pixels of `words`
 * @param y the first of the lines
 */
export function signsOfBlocks(
  sums: usize, blockBytes: usize, blocks: i32, rows: i32, channels: i32, thresholds: usize, flips: usize, block: usize, words: i32,
  at: i32, width: i32, outWidth: i32, lines: i32, y: usize,
): void {
  const bytes = (<usize>words) << 3;
  for (let i = 0; i < blocks; i++, at += 32, sums += blockBytes) {
    signsOfLanes(sums, rows, channels, thresholds, flips, block, words);
    for (let line = at / width; line < lines && line * width < at + 32; line++) {
      const start = max(at, line * width);
      const end = min(at + 32, line * width + outWidth);
      if (start >= end) continue;
      const to = y + <usize>(line * outWidth + start - line * width) * bytes;
      memory.copy(to, block + <usize>(start - at) * bytes, <usize>(end - start) * bytes);
    }
  }
}

/** As signsOfBlocks, floats. @param y the first of the lines in the plane of the first row; `plane` floats to the next row */
export function floatsOfBlocks(
  sums: usize, blockBytes: usize, blocks: i32, rows: i32, alpha: usize, scale: usize, bias: usize, low: f32, high: f32,
  at: i32, width: i32, outWidth: i32, lines: i32, y: usize, plane: i32,
): void {
  for (let i = 0; i < blocks; i++, at += 32, sums += blockBytes) {
    for (let line = at / width; line < lines && line * width < at + 32; line++) {
      const start = max(at, line * width);
      const count = min(at + 32, line * width + outWidth) - start;
      if (count <= 0) continue;
      const to = y + ((<usize>(line * outWidth + start - line * width)) << 2);
      floatsOfLanes(sums + ((<usize>(start - at)) << 1), rows, count, alpha, scale, bias, low, high, to, plane);
    }
  }
}
