/*
 * Layers of few bits by few bits, on bit-planes; see serial.ts for what is counted and why that gives the sums.
 */

/**
 * Bit-planes of the codes under windows, [pixels][planes][words] u64 with 0 in spare bits, and the sum of these codes.
 *
 * @param x a padded image; @param offsets of each run of `run` codes from the first code of a window, i32
 * @param rowStep bytes from a row of windows to the next, columnStep from one to the next in a row
 * @param gathered room for the codes of a window in whole words of 64, and 16 bytes more
 * @param totals [pixels] i32
 */
export function packPlanes(
  x: usize, offsets: usize, runs: i32, run: i32, first: i32, pixels: i32, outWidth: i32, rowStep: usize, columnStep: usize,
  planes: i32, words: i32, gathered: usize, out: usize, totals: usize,
): void {
  const offsetsEnd = offsets + ((<usize>runs) << 2);
  const runBytes = <usize>run;
  const columns = runs * run;
  const planeBytes = (<usize>words) << 3;
  const gatheredEnd = gathered + (<usize>words << 6);
  let oy = first / outWidth;
  let ox = first - oy * outWidth;
  let base = x + <usize>oy * rowStep + <usize>ox * columnStep;
  for (let p = 0; p < pixels; p++) {
    let to = gathered;
    for (let o = offsets; o < offsetsEnd; o += 4) {
      const from = base + load<usize>(o);
      for (let i: usize = 0; i < runBytes; i += 16) v128.store(to + i, v128.load(from + i));
      to += runBytes;
    }
    if (gathered + <usize>columns < gatheredEnd) memory.fill(to, 0, gatheredEnd - to);
    let total: i64 = 0;
    let word = out;
    for (let at = gathered; at < gatheredEnd; at += 64, word += 8) {
      const v0 = v128.load(at);
      const v1 = v128.load(at, 16);
      const v2 = v128.load(at, 32);
      const v3 = v128.load(at, 48);
      let plane = word;
      for (let b = 0; b < planes; b++, plane += planeBytes) {
        // Bit b of either byte of a lane becomes its sign.
        const up = 7 - b;
        const low = i8x16.bitmask(i16x8.shl(v0, up)) | (i8x16.bitmask(i16x8.shl(v1, up)) << 16);
        const high = i8x16.bitmask(i16x8.shl(v2, up)) | (i8x16.bitmask(i16x8.shl(v3, up)) << 16);
        const bits = <i64>(<u64>(<u32>low) | (<u64>(<u32>high) << 32));
        store<i64>(plane, bits);
        total += popcnt(bits) << b;
      }
    }
    store<i32>(totals + ((<usize>p) << 2), <i32>total);
    out += planeBytes * <usize>planes;
    base += columnStep;
    if (++ox == outWidth) {
      ox = 0;
      oy++;
      base = x + <usize>oy * rowStep;
    }
  }
}

/**
 * Sums from the bits in which planes of weights and of codes differ:
 * (start[r] + middle[r] · total − Σ_b steps[b][r] · Σ_a 2^a · counts[a][b][r]) / 2, an even number halved.
 *
 * @param counts [pixels, planes, bits, rows] i32, rows a multiple of 4
 * @param coefficients start, middle and steps of `bits` planes, [2 + bits, rows] i32
 * @param totals [pixels] i32
 * @param line bytes from the sums of a pixel to those of the next
 */
export function sumsOfCounts(
  counts: usize, rows: i32, bits: i32, planes: i32, pixels: i32, coefficients: usize, totals: usize, sums: usize,
  line: usize,
): void {
  const rowBytes = (<usize>rows) << 2;
  const planeBytes = rowBytes * <usize>bits;
  const lastPlane = planeBytes * <usize>(planes - 1);
  for (let p = 0; p < pixels; p++) {
    const total = v128.load32_splat(totals + ((<usize>p) << 2));
    for (let r: usize = 0; r < rowBytes; r += 16) {
      const own = coefficients + r;
      let sum = i32x4.add(v128.load(own), i32x4.mul(total, v128.load(own + rowBytes)));
      let step = own + (rowBytes << 1);
      const firstCount = counts + r;
      for (let at = firstCount; at < firstCount + planeBytes; at += rowBytes, step += rowBytes) {
        let count = v128.load(at + lastPlane);
        for (let plane = lastPlane; plane > 0; ) {
          plane -= planeBytes;
          count = i32x4.add(i32x4.shl(count, 1), v128.load(at + plane));
        }
        sum = i32x4.sub(sum, i32x4.mul(count, v128.load(step)));
      }
      v128.store(sums + r, i32x4.shr_s(sum, 1));
    }
    counts += planeBytes * <usize>planes;
    sums += line;
  }
}
