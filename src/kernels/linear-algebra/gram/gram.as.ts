/*
 * Sums of products of rows; the definition is in reference.ts.
 *
 * The rows of a chunk of columns are laid out in panels of 8 rows, [n][8], missing rows being zero. The sums lie in tiles
 * of 8 × 8 float64, each together, so that adding a chunk to a tile touches eight whole cache lines. A tile is computed
 * in two halves of 4 × 8 float32 sums in eight vectors, each sum in ascending n as in the reference.
 */

/** See CHUNK in reference.ts. */
const CHUNK: i32 = 128;
const TILE_BYTES: usize = 512;
/** Panels of `a` that go together, 32 KiB of them: they stay in the second-level cache while `b` passes by. */
const BLOCK: i32 = 8;

/**
 * tiles += a · bᵀ. Where b is a (the same address), there are only the tiles on and above the diagonal.
 *
 * @param a rowsA × length float32
 * @param b rowsB × length float32
 * @param panelsA scratch, ceil(rowsA / 8) · 8 · min(length, 128) floats
 * @param panelsB the same for b; the same address where b is a
 * @param tiles row by row
 */
export function addProducts(
  a: usize, rowsA: i32, b: usize, rowsB: i32, length: i32, panelsA: usize, panelsB: usize, tiles: usize,
): void {
  const symmetric = a == b;
  const panelCountA = (rowsA + 7) >> 3;
  const panelCountB = (rowsB + 7) >> 3;
  for (let from = 0; from < length; from += CHUNK) {
    const count = min(CHUNK, length - from);
    const panelBytes = (<usize>count) << 5;
    packEights(a + ((<usize>from) << 2), rowsA, length, count, panelsA);
    if (!symmetric) packEights(b + ((<usize>from) << 2), rowsB, length, count, panelsB);
    for (let block = 0; block < panelCountA; block += BLOCK) {
      const blockEnd = min(block + BLOCK, panelCountA);
      for (let q = symmetric ? block : 0; q < panelCountB; q++) {
        const bp = panelsB + <usize>q * panelBytes;
        const end = symmetric ? min(blockEnd, q + 1) : blockEnd;
        for (let p = block; p < end; p++) {
          const ap = panelsA + <usize>p * panelBytes;
          const index = p * panelCountB + q - (symmetric ? (p * (p + 1)) >> 1 : 0);
          const tile = tiles + <usize>index * TILE_BYTES;
          addHalfTile(ap, bp, panelBytes, tile);
          addHalfTile(ap + 16, bp, panelBytes, tile + 256);
        }
      }
    }
  }
}

/** Adds the products of four rows of a panel with the eight of another to four rows of a tile. */
function addHalfTile(a: usize, b: usize, panelBytes: usize, tile: usize): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  const end = a + panelBytes;
  const last = end - 32;
  // Two steps a turn with an exit between them, as in gemm/multiply.as.ts, for the same reason.
  while (a < end) {
    let b0 = v128.load(b);
    let b1 = v128.load(b, 16);
    let s = v128.load_splat<f32>(a);
    c00 = f32x4.add(c00, f32x4.mul(s, b0));
    c01 = f32x4.add(c01, f32x4.mul(s, b1));
    s = v128.load_splat<f32>(a, 4);
    c10 = f32x4.add(c10, f32x4.mul(s, b0));
    c11 = f32x4.add(c11, f32x4.mul(s, b1));
    s = v128.load_splat<f32>(a, 8);
    c20 = f32x4.add(c20, f32x4.mul(s, b0));
    c21 = f32x4.add(c21, f32x4.mul(s, b1));
    s = v128.load_splat<f32>(a, 12);
    c30 = f32x4.add(c30, f32x4.mul(s, b0));
    c31 = f32x4.add(c31, f32x4.mul(s, b1));
    if (a >= last) break;
    b0 = v128.load(b, 32);
    b1 = v128.load(b, 48);
    s = v128.load_splat<f32>(a, 32);
    c00 = f32x4.add(c00, f32x4.mul(s, b0));
    c01 = f32x4.add(c01, f32x4.mul(s, b1));
    s = v128.load_splat<f32>(a, 36);
    c10 = f32x4.add(c10, f32x4.mul(s, b0));
    c11 = f32x4.add(c11, f32x4.mul(s, b1));
    s = v128.load_splat<f32>(a, 40);
    c20 = f32x4.add(c20, f32x4.mul(s, b0));
    c21 = f32x4.add(c21, f32x4.mul(s, b1));
    s = v128.load_splat<f32>(a, 44);
    c30 = f32x4.add(c30, f32x4.mul(s, b0));
    c31 = f32x4.add(c31, f32x4.mul(s, b1));
    a += 64;
    b += 64;
  }
  addFour(tile, c00);
  addFour(tile + 32, c01);
  addFour(tile + 64, c10);
  addFour(tile + 96, c11);
  addFour(tile + 128, c20);
  addFour(tile + 160, c21);
  addFour(tile + 192, c30);
  addFour(tile + 224, c31);
}

/** Adds four float32 to four float64. */
// @ts-ignore: decorator
@inline
function addFour(at: usize, sums: v128): void {
  const high = i32x4.shuffle(sums, sums, 2, 3, 2, 3);
  v128.store(at, f64x2.add(v128.load(at), f64x2.promote_low_f32x4(sums)));
  v128.store(at, f64x2.add(v128.load(at, 16), f64x2.promote_low_f32x4(high)), 16);
}

/** Lays `count` columns of `rows` rows out in panels of 8 rows, [count][8]. `length` is from a row to the next. */
function packEights(source: usize, rows: i32, length: i32, count: i32, out: usize): void {
  const rowBytes = (<usize>length) << 2;
  for (let row = 0; row < rows; row += 4) {
    const have = rows - row;
    const panel = out + (<usize>(row >> 3) * <usize>count * 32) + (<usize>(row & 4) << 2);
    const s0 = source + <usize>row * rowBytes;
    if (have >= 4) {
      packFour(s0, rowBytes, count, panel);
    } else {
      for (let r: usize = 0; r < 4; r++) {
        for (let n: usize = 0; n < <usize>count; n++) {
          store<f32>(panel + (n << 5) + (r << 2), <i32>r < have ? load<f32>(s0 + r * rowBytes + (n << 2)) : 0);
        }
      }
    }
  }
  // The lower half of the last panel.
  if (rows > 0 && ((rows - 1) & 4) == 0) {
    const panel = out + <usize>((rows - 1) >> 3) * <usize>count * 32;
    for (let n: usize = 0; n < <usize>count; n++) v128.store(panel + (n << 5), f32x4.splat(0), 16);
  }
}

/** Four whole rows, in squares of four columns. */
function packFour(s0: usize, rowBytes: usize, count: i32, out: usize): void {
  const s1 = s0 + rowBytes;
  const s2 = s1 + rowBytes;
  const s3 = s2 + rowBytes;
  const end = (<usize>count) << 2;
  let n: usize = 0;
  for (; n + 16 <= end; n += 16) {
    const r0 = v128.load(s0 + n);
    const r1 = v128.load(s1 + n);
    const r2 = v128.load(s2 + n);
    const r3 = v128.load(s3 + n);
    const low01 = i32x4.shuffle(r0, r1, 0, 4, 1, 5);
    const low23 = i32x4.shuffle(r2, r3, 0, 4, 1, 5);
    const high01 = i32x4.shuffle(r0, r1, 2, 6, 3, 7);
    const high23 = i32x4.shuffle(r2, r3, 2, 6, 3, 7);
    v128.store(out, i64x2.shuffle(low01, low23, 0, 2));
    v128.store(out, i64x2.shuffle(low01, low23, 1, 3), 32);
    v128.store(out, i64x2.shuffle(high01, high23, 0, 2), 64);
    v128.store(out, i64x2.shuffle(high01, high23, 1, 3), 96);
    out += 128;
  }
  for (; n < end; n += 4) {
    store<f32>(out, load<f32>(s0 + n));
    store<f32>(out, load<f32>(s1 + n), 4);
    store<f32>(out, load<f32>(s2 + n), 8);
    store<f32>(out, load<f32>(s3 + n), 12);
    out += 32;
  }
}
