/*
 * Codes to floats, in the layout that `multiply` wants. In memory codes come in groups of 4 rows × 32 columns, one
 * 32-bit word for each row and bit-plane; byte j of a word holds bit j of each of the group's eight fours of columns
 * (see planes.ts). So one word splatted to four lanes and masked tests 16 columns in their order.
 */

import { codesPlace, floatsPlace } from '../wasm/thread-memory.as.ts';

/**
 * Decodes `rows` rows of k codes to panels of 4 rows, [k][4]. Up to 31·16 bytes beyond the last panel are overwritten.
 *
 * @param words ceil(rows / 4) panels of ceil(k / 32) groups of 4 rows of `bits` words
 * @param tables level tables of the first row; to 5 bits a table is byte 0 of every level, then byte 1, 2 and 3, and
 *   16 bytes beyond the last table may be read; from 6 bits on it is 2^bits floats
 * @param rowTables bytes from the tables of a row to those of the next; 0 when shared
 * @param groupSize columns to a table
 */
export function decodePanels(
  words: usize, bits: i32, k: i32, rows: i32, tables: usize, rowTables: usize, groupSize: i32, out: usize,
): void {
  const panelWords = (<usize>((k + 31) >> 5) * <usize>bits) << 4;
  const isUniform = (groupSize & 31) == 0 || groupSize >= k;
  for (let row = 0; row < rows; row += 4) {
    const have = rows - row;
    const t1 = tables + (have > 1 ? rowTables : 0);
    const t2 = t1 + (have > 2 ? rowTables : 0);
    const t3 = t2 + (have > 3 ? rowTables : 0);
    if (bits <= 5 && isUniform) decodeBySwizzle(words, bits, k, tables, t1, t2, t3, groupSize, out);
    else if (isUniform) decodeByLookup(words, bits, k, tables, t1, t2, t3, groupSize, out);
    else decodeOneByOne(words, bits, k, tables, t1, t2, t3, groupSize, out);
    words += panelWords;
    tables += rowTables << 2;
    out += (<usize>k) << 4;
  }
}

// @ts-ignore: decorator
@inline
export function lowMask(): v128 {
  return i8x16(1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 8, 8, 8, 8);
}

// @ts-ignore: decorator
@inline
export function highMask(): v128 {
  return i8x16(16, 16, 16, 16, 32, 32, 32, 32, 64, 64, 64, 64, -128, -128, -128, -128);
}

/** Tables of up to 32 levels that change with a group of 32 columns: the bytes of a level are looked up by byte shuffles. */
function decodeBySwizzle(
  words: usize, bits: i32, k: i32, t0: usize, t1: usize, t2: usize, t3: usize, groupSize: i32, out: usize,
): void {
  const levels: usize = 1 << bits;
  const tableBytes = levels << 2;
  const floats = floatsPlace();
  let left = groupSize;
  for (let column = 0; column < k; column += 32) {
    expandRow(words, bits, t0, levels, floats);
    words += (<usize>bits) << 2;
    expandRow(words, bits, t1, levels, floats + 128);
    words += (<usize>bits) << 2;
    expandRow(words, bits, t2, levels, floats + 256);
    words += (<usize>bits) << 2;
    expandRow(words, bits, t3, levels, floats + 384);
    words += (<usize>bits) << 2;
    const count = min(k - column, 32);
    for (let f = floats, end = floats + ((<usize>count) << 2); f < end; f += 16) {
      const r0 = v128.load(f);
      const r1 = v128.load(f, 128);
      const r2 = v128.load(f, 256);
      const r3 = v128.load(f, 384);
      const low01 = i32x4.shuffle(r0, r1, 0, 4, 1, 5);
      const low23 = i32x4.shuffle(r2, r3, 0, 4, 1, 5);
      const high01 = i32x4.shuffle(r0, r1, 2, 6, 3, 7);
      const high23 = i32x4.shuffle(r2, r3, 2, 6, 3, 7);
      v128.store(out, i64x2.shuffle(low01, low23, 0, 2));
      v128.store(out, i64x2.shuffle(low01, low23, 1, 3), 16);
      v128.store(out, i64x2.shuffle(high01, high23, 0, 2), 32);
      v128.store(out, i64x2.shuffle(high01, high23, 1, 3), 48);
      out += 64;
    }
    left -= 32;
    if (left <= 0) {
      left = groupSize;
      t0 += tableBytes;
      t1 += tableBytes;
      t2 += tableBytes;
      t3 += tableBytes;
    }
  }
}

/** 32 columns of one row: codes from the planes, then their levels in order. */
// @ts-ignore: decorator
@inline
function expandRow(words: usize, bits: i32, table: usize, levels: usize, out: usize): void {
  let low = i8x16.splat(0);
  let high = i8x16.splat(0);
  for (let w = words + ((<usize>(bits - 1)) << 2); w >= words; w -= 4) {
    const plane = v128.load32_splat(w);
    low = i8x16.sub(i8x16.add(low, low), i8x16.eq(v128.and(plane, lowMask()), lowMask()));
    high = i8x16.sub(i8x16.add(high, high), i8x16.eq(v128.and(plane, highMask()), highMask()));
  }
  storeLevels(low, table, levels, out);
  storeLevels(high, table, levels, out + 64);
}

/** 16 codes to 16 floats. An index of 16 or more looks up 0, so the two halves of 32 levels are or-ed. */
// @ts-ignore: decorator
@inline
function storeLevels(codes: v128, table: usize, levels: usize, out: usize): void {
  let b0 = i8x16.swizzle(v128.load(table), codes);
  let b1 = i8x16.swizzle(v128.load(table + levels), codes);
  let b2 = i8x16.swizzle(v128.load(table + levels * 2), codes);
  let b3 = i8x16.swizzle(v128.load(table + levels * 3), codes);
  if (levels == 32) {
    const index = i8x16.sub(codes, i8x16.splat(16));
    b0 = v128.or(b0, i8x16.swizzle(v128.load(table, 16), index));
    b1 = v128.or(b1, i8x16.swizzle(v128.load(table, 48), index));
    b2 = v128.or(b2, i8x16.swizzle(v128.load(table, 80), index));
    b3 = v128.or(b3, i8x16.swizzle(v128.load(table, 112), index));
  }
  const low01 = i8x16.shuffle(b0, b1, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const low23 = i8x16.shuffle(b2, b3, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const high01 = i8x16.shuffle(b0, b1, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  const high23 = i8x16.shuffle(b2, b3, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  v128.store(out, i16x8.shuffle(low01, low23, 0, 8, 1, 9, 2, 10, 3, 11));
  v128.store(out, i16x8.shuffle(low01, low23, 4, 12, 5, 13, 6, 14, 7, 15), 16);
  v128.store(out, i16x8.shuffle(high01, high23, 0, 8, 1, 9, 2, 10, 3, 11), 32);
  v128.store(out, i16x8.shuffle(high01, high23, 4, 12, 5, 13, 6, 14, 7, 15), 48);
}

/** Codes of 32 columns of 4 rows to the place for codes. */
// @ts-ignore: decorator
@inline
function storeCodes(words: usize, bits: i32): void {
  const first = codesPlace();
  for (let codes = first; codes < first + 128; codes += 32) {
    let low = i8x16.splat(0);
    let high = i8x16.splat(0);
    for (let w = words + ((<usize>(bits - 1)) << 2); w >= words; w -= 4) {
      const plane = v128.load32_splat(w);
      low = i8x16.sub(i8x16.add(low, low), i8x16.eq(v128.and(plane, lowMask()), lowMask()));
      high = i8x16.sub(i8x16.add(high, high), i8x16.eq(v128.and(plane, highMask()), highMask()));
    }
    v128.store(codes, low);
    v128.store(codes, high, 16);
    words += (<usize>bits) << 2;
  }
}

// @ts-ignore: decorator
@inline
function level(table: usize, code: usize): u32 {
  return load<u32>(table + (code << 2));
}

/** Tables of 64, 128 or 256 floats that change with a group of 32 columns. */
function decodeByLookup(
  words: usize, bits: i32, k: i32, t0: usize, t1: usize, t2: usize, t3: usize, groupSize: i32, out: usize,
): void {
  const tableBytes: usize = 4 << bits;
  const codes = codesPlace();
  let left = groupSize;
  for (let column = 0; column < k; column += 32) {
    storeCodes(words, bits);
    words += (<usize>bits) << 4;
    for (let c = codes, end = codes + <usize>min(k - column, 32); c < end; c += 2) {
      store<u32>(out, level(t0, load<u8>(c)));
      store<u32>(out, level(t1, load<u8>(c, 32)), 4);
      store<u32>(out, level(t2, load<u8>(c, 64)), 8);
      store<u32>(out, level(t3, load<u8>(c, 96)), 12);
      store<u32>(out, level(t0, load<u8>(c, 1)), 16);
      store<u32>(out, level(t1, load<u8>(c, 33)), 20);
      store<u32>(out, level(t2, load<u8>(c, 65)), 24);
      store<u32>(out, level(t3, load<u8>(c, 97)), 28);
      out += 32;
    }
    left -= 32;
    if (left <= 0) {
      left = groupSize;
      t0 += tableBytes;
      t1 += tableBytes;
      t2 += tableBytes;
      t3 += tableBytes;
    }
  }
}

/** Any number of levels, and tables that change anywhere. */
function decodeOneByOne(
  words: usize, bits: i32, k: i32, t0: usize, t1: usize, t2: usize, t3: usize, groupSize: i32, out: usize,
): void {
  const tableBytes: usize = 4 << bits;
  const codes = codesPlace();
  let left = groupSize;
  for (let column = 0; column < k; column += 32) {
    storeCodes(words, bits);
    words += (<usize>bits) << 4;
    for (let c = codes, end = codes + <usize>min(k - column, 32); c < end; c++) {
      store<u32>(out, anyLevel(t0, bits, load<u8>(c)));
      store<u32>(out, anyLevel(t1, bits, load<u8>(c, 32)), 4);
      store<u32>(out, anyLevel(t2, bits, load<u8>(c, 64)), 8);
      store<u32>(out, anyLevel(t3, bits, load<u8>(c, 96)), 12);
      out += 16;
      if (--left == 0) {
        left = groupSize;
        t0 += tableBytes;
        t1 += tableBytes;
        t2 += tableBytes;
        t3 += tableBytes;
      }
    }
  }
}

/** A level of either form of table. */
function anyLevel(table: usize, bits: i32, code: usize): u32 {
  if (bits > 5) return level(table, code);
  const levels: usize = 1 << bits;
  const at = table + code;
  return (
    <u32>load<u8>(at) | ((<u32>load<u8>(at + levels)) << 8) |
    ((<u32>load<u8>(at + levels * 2)) << 16) | ((<u32>load<u8>(at + levels * 3)) << 24)
  );
}
