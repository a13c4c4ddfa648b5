/*
 * Fully connected layers of one vector, straight from the packed codes: every weight is read once, so that what counts is how few
 * bytes it has and how few steps it takes.
 */

/**
 * Tables of sums of codes for `multiplyPlanes`: for 8 successive codes four tables of 16 bytes. Entry i of a table sums those of four codes
 * whose bit is set in i: of codes 0 to 3, then of 4 to 7, their lower four bits; then the same of their upper four bits.
 * @param x u8, 8 · bytes of them
 */
export function tablesOfCodes(x: usize, bytes: i32, out: usize): void {
  for (let end = x + ((<usize>bytes) << 3); x < end; x += 8, out += 64) {
    const codes = v128.load64_zero(x);
    const lower = v128.and(codes, i8x16.splat(15));
    const upper = v128.and(i16x8.shr_u(codes, 4), i8x16.splat(15));
    v128.store(out, subsetSums(lower, 0));
    v128.store(out, subsetSums(lower, 4), 16);
    v128.store(out, subsetSums(upper, 0), 32);
    v128.store(out, subsetSums(upper, 4), 48);
  }
}

// @ts-ignore: decorator
@inline
function subsetSums(values: v128, first: i32): v128 {
  const at = <i8>first;
  const v0 = i8x16.swizzle(values, i8x16.splat(at));
  const v1 = i8x16.swizzle(values, i8x16.splat(at + 1));
  const v2 = i8x16.swizzle(values, i8x16.splat(at + 2));
  const v3 = i8x16.swizzle(values, i8x16.splat(at + 3));
  const s01 = i8x16.add(
    v128.and(v0, i8x16(0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1)),
    v128.and(v1, i8x16(0, 0, -1, -1, 0, 0, -1, -1, 0, 0, -1, -1, 0, 0, -1, -1)),
  );
  const s23 = i8x16.add(
    v128.and(v2, i8x16(0, 0, 0, 0, -1, -1, -1, -1, 0, 0, 0, 0, -1, -1, -1, -1)),
    v128.and(v3, i8x16(0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1)),
  );
  return i8x16.add(s01, s23);
}

/** Pairs of bytes whose sums 16 bits hold: 240 a pair. */
const MOST_PAIRS = 256;

/**
 * sums[row] += Σ_plane coefficient[plane][row] · Σ_k bit[plane][row][k] · code[k], by looking up four bits at a time. Sums of four
 * codes' halves are at most 60, four of which a byte holds.
 *
 * @param planes [rows / 16][planes][bytes][16] u8: byte j of 16 rows side by side; rows a multiple of 16, bytes even
 * @param coefficients [planes][allRows] i32
 */
export function multiplyPlanes(
  planes: usize, count: i32, rows: i32, allRows: i32, bytes: i32, tables: usize, coefficients: usize, sums: usize,
): void {
  const line = (<usize>allRows) << 2;
  for (let row = 0; row < rows; row += 16) {
    let c = coefficients;
    for (let plane = 0; plane < count; plane++, c += line) {
      let t = tables;
      let total0 = i32x4.splat(0);
      let total1 = i32x4.splat(0);
      let total2 = i32x4.splat(0);
      let total3 = i32x4.splat(0);
      for (let left = bytes >> 1; left > 0; left -= MOST_PAIRS) {
        let low0 = i16x8.splat(0);
        let low1 = i16x8.splat(0);
        let high0 = i16x8.splat(0);
        let high1 = i16x8.splat(0);
        for (let end = planes + ((<usize>min(left, MOST_PAIRS)) << 5); planes < end; planes += 32, t += 128) {
          let w = v128.load(planes);
          let i = v128.and(w, i8x16.splat(15));
          let j = v128.and(i16x8.shr_u(w, 4), i8x16.splat(15));
          let low = i8x16.add(i8x16.swizzle(v128.load(t), i), i8x16.swizzle(v128.load(t, 16), j));
          let high = i8x16.add(i8x16.swizzle(v128.load(t, 32), i), i8x16.swizzle(v128.load(t, 48), j));
          w = v128.load(planes, 16);
          i = v128.and(w, i8x16.splat(15));
          j = v128.and(i16x8.shr_u(w, 4), i8x16.splat(15));
          low = i8x16.add(low, i8x16.add(i8x16.swizzle(v128.load(t, 64), i), i8x16.swizzle(v128.load(t, 80), j)));
          high = i8x16.add(high, i8x16.add(i8x16.swizzle(v128.load(t, 96), i), i8x16.swizzle(v128.load(t, 112), j)));
          low0 = i16x8.add(low0, i16x8.extend_low_i8x16_u(low));
          low1 = i16x8.add(low1, i16x8.extend_high_i8x16_u(low));
          high0 = i16x8.add(high0, i16x8.extend_low_i8x16_u(high));
          high1 = i16x8.add(high1, i16x8.extend_high_i8x16_u(high));
        }
        total0 = addBoth(total0, i32x4.extend_low_i16x8_u(low0), i32x4.extend_low_i16x8_u(high0));
        total1 = addBoth(total1, i32x4.extend_high_i16x8_u(low0), i32x4.extend_high_i16x8_u(high0));
        total2 = addBoth(total2, i32x4.extend_low_i16x8_u(low1), i32x4.extend_low_i16x8_u(high1));
        total3 = addBoth(total3, i32x4.extend_high_i16x8_u(low1), i32x4.extend_high_i16x8_u(high1));
      }
      addProduct(sums, c, total0);
      addProduct(sums + 16, c + 16, total1);
      addProduct(sums + 32, c + 32, total2);
      addProduct(sums + 48, c + 48, total3);
    }
    sums += 64;
    coefficients += 64;
  }
}

// @ts-ignore: decorator
@inline
function addBoth(total: v128, low: v128, high: v128): v128 {
  return i32x4.add(total, i32x4.add(low, i32x4.shl(high, 4)));
}

// @ts-ignore: decorator
@inline
function addProduct(sums: usize, coefficients: usize, total: v128): void {
  v128.store(sums, i32x4.add(v128.load(sums), i32x4.mul(total, v128.load(coefficients))));
}

/**
 * sums[row] = base[row] · total + step[row] · Σ_k code[row][k] · value[k], of codes of four bits: levels in equal steps.
 *
 * @param nibbles [rows][blocks][8] u16: bits 4i … of word j of a block are code 8i + j; rows a multiple of 4
 * @param steps i32; @param bases i32
 * @param values i16 [blocks · 32]; @param total their sum
 */
export function multiplySteps(
  nibbles: usize, rows: i32, blocks: i32, steps: usize, bases: usize, values: usize, total: i32, sums: usize,
): void {
  const rowBytes = (<usize>blocks) << 4;
  for (let row = 0; row < rows; row += 4) {
    let s0 = i32x4.splat(0);
    let s1 = i32x4.splat(0);
    let s2 = i32x4.splat(0);
    let s3 = i32x4.splat(0);
    let x = values;
    for (let at = nibbles, end = nibbles + rowBytes; at < end; at += 16, x += 64) {
      let w0 = v128.load(at);
      let w1 = v128.load(at + rowBytes);
      let w2 = v128.load(at + (rowBytes << 1));
      let w3 = v128.load(at + rowBytes * 3);
      let v = v128.load(x);
      s0 = addDot(s0, v128.and(w0, i16x8.splat(15)), v);
      s1 = addDot(s1, v128.and(w1, i16x8.splat(15)), v);
      s2 = addDot(s2, v128.and(w2, i16x8.splat(15)), v);
      s3 = addDot(s3, v128.and(w3, i16x8.splat(15)), v);
      v = v128.load(x, 16);
      s0 = addDot(s0, v128.and(i16x8.shr_u(w0, 4), i16x8.splat(15)), v);
      s1 = addDot(s1, v128.and(i16x8.shr_u(w1, 4), i16x8.splat(15)), v);
      s2 = addDot(s2, v128.and(i16x8.shr_u(w2, 4), i16x8.splat(15)), v);
      s3 = addDot(s3, v128.and(i16x8.shr_u(w3, 4), i16x8.splat(15)), v);
      v = v128.load(x, 32);
      s0 = addDot(s0, v128.and(i16x8.shr_u(w0, 8), i16x8.splat(15)), v);
      s1 = addDot(s1, v128.and(i16x8.shr_u(w1, 8), i16x8.splat(15)), v);
      s2 = addDot(s2, v128.and(i16x8.shr_u(w2, 8), i16x8.splat(15)), v);
      s3 = addDot(s3, v128.and(i16x8.shr_u(w3, 8), i16x8.splat(15)), v);
      v = v128.load(x, 48);
      s0 = addDot(s0, i16x8.shr_u(w0, 12), v);
      s1 = addDot(s1, i16x8.shr_u(w1, 12), v);
      s2 = addDot(s2, i16x8.shr_u(w2, 12), v);
      s3 = addDot(s3, i16x8.shr_u(w3, 12), v);
    }
    let all = i32x4.splat(across(s0));
    all = i32x4.replace_lane(all, 1, across(s1));
    all = i32x4.replace_lane(all, 2, across(s2));
    all = i32x4.replace_lane(all, 3, across(s3));
    const base = i32x4.mul(v128.load(bases), i32x4.splat(total));
    v128.store(sums, i32x4.add(base, i32x4.mul(v128.load(steps), all)));
    steps += 16;
    bases += 16;
    sums += 16;
    nibbles += rowBytes << 2;
  }
}

// @ts-ignore: decorator
@inline
function addDot(sum: v128, codes: v128, values: v128): v128 {
  return i32x4.add(sum, i32x4.dot_i16x8_s(codes, values));
}

/**
 * sums[row] = Σ_k level[row][code[row][k]] · value[k], of codes of four bits.
 *
 * @param nibbles [rows][blocks][16] u8: byte i of a block has code i in its lower and code 16 + i in its upper bits; rows even
 * @param tables 16 lower bytes of levels, then 16 upper ones; `tableBytes` to that of the next row
 * @param values i16 [blocks · 32]
 */
export function multiplyNibbles(
  nibbles: usize, rows: i32, blocks: i32, tables: usize, tableBytes: usize, values: usize, sums: usize,
): void {
  const rowBytes = (<usize>blocks) << 4;
  const fours = i8x16.splat(15);
  for (let row = 0; row < rows; row += 2) {
    const low0 = v128.load(tables);
    const high0 = v128.load(tables, 16);
    const low1 = v128.load(tables + tableBytes);
    const high1 = v128.load(tables + tableBytes, 16);
    let s0 = i32x4.splat(0);
    let s1 = i32x4.splat(0);
    let x = values;
    for (let at = nibbles, end = nibbles + rowBytes; at < end; at += 16, x += 64) {
      const w0 = v128.load(at);
      const w1 = v128.load(at + rowBytes);
      const x0 = v128.load(x);
      const x1 = v128.load(x, 16);
      s0 = i32x4.add(s0, products(v128.and(w0, fours), low0, high0, x0, x1));
      s1 = i32x4.add(s1, products(v128.and(w1, fours), low1, high1, x0, x1));
      const x2 = v128.load(x, 32);
      const x3 = v128.load(x, 48);
      s0 = i32x4.add(s0, products(v128.and(i16x8.shr_u(w0, 4), fours), low0, high0, x2, x3));
      s1 = i32x4.add(s1, products(v128.and(i16x8.shr_u(w1, 4), fours), low1, high1, x2, x3));
    }
    store<i32>(sums, across(s0));
    store<i32>(sums, across(s1), 4);
    sums += 8;
    nibbles += rowBytes << 1;
    tables += tableBytes << 1;
  }
}

/**
 * sums[row] = Σ_k level[row][code[row][k]] · value[k], of codes of a byte, level by level.
 *
 * @param codes u8 [rows][k]; k a multiple of 8
 * @param tables i16; `tableBytes` to that of the next row
 * @param values i16 [k]
 */
export function multiplyBytes(
  codes: usize, rows: i32, k: i32, tables: usize, tableBytes: usize, values: usize, sums: usize,
): void {
  for (let row = 0; row < rows; row++) {
    let s = i32x4.splat(0);
    let x = values;
    for (let end = codes + <usize>k; codes < end; codes += 8, x += 16) {
      let w = v128.load16_splat(level(tables, load<u8>(codes)));
      w = v128.load16_lane(level(tables, load<u8>(codes, 1)), w, 1);
      w = v128.load16_lane(level(tables, load<u8>(codes, 2)), w, 2);
      w = v128.load16_lane(level(tables, load<u8>(codes, 3)), w, 3);
      w = v128.load16_lane(level(tables, load<u8>(codes, 4)), w, 4);
      w = v128.load16_lane(level(tables, load<u8>(codes, 5)), w, 5);
      w = v128.load16_lane(level(tables, load<u8>(codes, 6)), w, 6);
      w = v128.load16_lane(level(tables, load<u8>(codes, 7)), w, 7);
      s = addDot(s, w, v128.load(x));
    }
    store<i32>(sums, across(s));
    sums += 4;
    tables += tableBytes;
  }
}

// @ts-ignore: decorator
@inline
function level(table: usize, code: u8): usize {
  return table + ((<usize>code) << 1);
}

/** Of 16 codes. */
// @ts-ignore: decorator
@inline
function products(codes: v128, low: v128, high: v128, x0: v128, x1: v128): v128 {
  const l = i8x16.swizzle(low, codes);
  const h = i8x16.swizzle(high, codes);
  const w0 = i8x16.shuffle(l, h, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const w1 = i8x16.shuffle(l, h, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  return i32x4.add(i32x4.dot_i16x8_s(w0, x0), i32x4.dot_i16x8_s(w1, x1));
}

// @ts-ignore: decorator
@inline
function across(v: v128): i32 {
  const two = i32x4.add(v, i64x2.shuffle(v, v, 1, 0));
  return i32x4.extract_lane(two, 0) + i32x4.extract_lane(two, 1);
}
