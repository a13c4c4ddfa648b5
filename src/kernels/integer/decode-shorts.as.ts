/*
 * Codes to 16-bit levels, in the layout that `multiplyShorts` wants. In memory codes lie as those of `decodePanels`
 * (decode/planes.ts): groups of 4 rows × 32 columns, one 32-bit word for each row and bit-plane.
 */

import { highMask, lowMask } from '../decode/decode.as.ts';

/**
 * Decodes `rows` rows of k codes to panels of 4 rows, [ceil(k / 2)][4][2] i16; a spare k is 0. Up to 48 bytes beyond the last
 * panel are overwritten.
 *
 * @param words ceil(rows / 4) panels of ceil(k / 32) groups of 4 rows of `bits` words
 * @param tables level tables of the first row: to 4 bits 16 lower bytes, then 16 upper ones; of 5 bits 32 and 32; else 2^bits i16
 * @param rowTables bytes from the table of a row to that of the next; 0 when shared
 * @param temp 288 bytes of scratch
 */
export function decodeShorts(
  words: usize, bits: i32, k: i32, rows: i32, tables: usize, rowTables: usize, temp: usize, out: usize,
): void {
  const groupWords = (<usize>bits) << 2;
  const panelBytes = (<usize>((k + 1) >> 1)) << 4;
  for (let row = 0; row < rows; row += 4) {
    const have = rows - row;
    const t1 = tables + (have > 1 ? rowTables : 0);
    const t2 = t1 + (have > 2 ? rowTables : 0);
    const t3 = t2 + (have > 3 ? rowTables : 0);
    let to = out;
    for (let column = 0; column < k; column += 32) {
      expandRow(words, bits, tables, temp, temp + 256);
      words += groupWords;
      expandRow(words, bits, t1, temp + 64, temp + 256);
      words += groupWords;
      expandRow(words, bits, t2, temp + 128, temp + 256);
      words += groupWords;
      expandRow(words, bits, t3, temp + 192, temp + 256);
      words += groupWords;
      for (let f = temp, end = temp + ((<usize>min(k - column, 32)) << 1); f < end; f += 16) {
        const r0 = v128.load(f);
        const r1 = v128.load(f, 64);
        const r2 = v128.load(f, 128);
        const r3 = v128.load(f, 192);
        const low01 = i32x4.shuffle(r0, r1, 0, 4, 1, 5);
        const low23 = i32x4.shuffle(r2, r3, 0, 4, 1, 5);
        const high01 = i32x4.shuffle(r0, r1, 2, 6, 3, 7);
        const high23 = i32x4.shuffle(r2, r3, 2, 6, 3, 7);
        v128.store(to, i64x2.shuffle(low01, low23, 0, 2));
        v128.store(to, i64x2.shuffle(low01, low23, 1, 3), 16);
        v128.store(to, i64x2.shuffle(high01, high23, 0, 2), 32);
        v128.store(to, i64x2.shuffle(high01, high23, 1, 3), 48);
        to += 64;
      }
    }
    tables += rowTables << 2;
    out += panelBytes;
    if (k & 1) {
      const spare = out - 16;
      store<i16>(spare, 0, 2);
      store<i16>(spare, 0, 6);
      store<i16>(spare, 0, 10);
      store<i16>(spare, 0, 14);
    }
  }
}

/** 32 columns of one row: codes from the planes, then their levels in order. `codes` is room for 32 bytes. */
function expandRow(words: usize, bits: i32, table: usize, out: usize, codes: usize): void {
  let low = i8x16.splat(0);
  let high = i8x16.splat(0);
  for (let w = words + ((<usize>(bits - 1)) << 2); w >= words; w -= 4) {
    const plane = v128.load32_splat(w);
    low = i8x16.sub(i8x16.add(low, low), i8x16.eq(v128.and(plane, lowMask()), lowMask()));
    high = i8x16.sub(i8x16.add(high, high), i8x16.eq(v128.and(plane, highMask()), highMask()));
  }
  if (bits <= 4) {
    const t0 = v128.load(table);
    const t1 = v128.load(table, 16);
    storeShorts(i8x16.swizzle(t0, low), i8x16.swizzle(t1, low), out);
    storeShorts(i8x16.swizzle(t0, high), i8x16.swizzle(t1, high), out + 32);
    return;
  }
  if (bits == 5) {
    storeShorts(lookUp32(table, low), lookUp32(table + 32, low), out);
    storeShorts(lookUp32(table, high), lookUp32(table + 32, high), out + 32);
    return;
  }
  v128.store(codes, low);
  v128.store(codes, high, 16);
  for (let end = codes + 32; codes < end; codes += 2) {
    store<u16>(out, load<u16>(table + ((<usize>load<u8>(codes)) << 1)));
    store<u16>(out, load<u16>(table + ((<usize>load<u8>(codes, 1)) << 1)), 2);
    out += 4;
  }
}

/** An index of 16 or more looks up 0, so the two halves of 32 bytes are or-ed. */
// @ts-ignore: decorator
@inline
function lookUp32(table: usize, codes: v128): v128 {
  const upper = i8x16.swizzle(v128.load(table, 16), i8x16.sub(codes, i8x16.splat(16)));
  return v128.or(i8x16.swizzle(v128.load(table), codes), upper);
}

// @ts-ignore: decorator
@inline
function storeShorts(lower: v128, upper: v128, out: usize): void {
  v128.store(out, i8x16.shuffle(lower, upper, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
  v128.store(out, i8x16.shuffle(lower, upper, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), 16);
}
