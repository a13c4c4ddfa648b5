/* Sums of a symmetric matrix over pairs of columns by code; the definition is in reference.ts and contract.ts. */

/**
 * Adds the sums of `rows` rows. First, for every tile of 16 columns and every row, the lines of the tile are summed code by
 * code in registers; then these sums go to the pairs of codes, row by row.
 *
 * @param tiles the strictly lower triangle in tiles of 16 columns, the rows of each from its first column on, [n − k][16]
 * @param diagonal n float64
 * @param codes [rows, n] bytes
 * @param sums [rows, size, size], `sumBytes` from a row to the next, 0 where they share them
 * @param lists scratch, rows × (2·size + n) u32
 * @param below scratch, [rows, size] lines of `stride` bytes, each n float64 rounded up to 16
 */
export function addLevelSums(
  tiles: usize, diagonal: usize, n: i32, codes: usize, rows: i32, size: i32, sums: usize, sumBytes: usize,
  lists: usize, below: usize, stride: usize,
): void {
  const listBytes = <usize>(2 * size + n) << 2;
  for (let row = 0; row < rows; row++) sortColumns(codes + <usize>(row * n), n, size, lists + <usize>row * listBytes);
  const endOffset = (<usize>size) << 2;
  for (let k = 0; k < n; k += 16) {
    // Row j of the tile lies at base + j · 128.
    const base = tiles - ((<usize>k) << 7);
    let line = below + ((<usize>k) << 3);
    for (let row = 0; row < rows; row++) {
      const cursors = lists + <usize>row * listBytes;
      for (let c: usize = 0; c < endOffset; c += 4) {
        let cursor = <usize>load<u32>(cursors + c);
        const end = <usize>load<u32>(cursors + endOffset + c);
        // Row k and those above have nothing here.
        while (cursor < end && load<u32>(cursor) <= (<u32>k) << 7) cursor += 4;
        store<u32>(cursors + c, <u32>cursor);
        sumLines(base, cursor, end, line);
        line += stride;
      }
    }
    tiles += (<usize>(n - k)) << 7;
  }
  for (let row = 0; row < rows; row++) {
    addPairs(
      diagonal, n, codes + <usize>(row * n), size, sums + <usize>row * sumBytes,
      below + <usize>(row * size) * stride, stride,
    );
  }
}

/**
 * Columns in ascending order code by code, as bytes to their lines (128 each).
 * @param lists for each code where its columns begin, for each where they end, and the columns, all u32
 */
function sortColumns(codes: usize, n: i32, size: i32, lists: usize): void {
  const ends = lists + ((<usize>size) << 2);
  memory.fill(ends, 0, (<usize>size) << 2);
  for (let j: usize = 0; j < <usize>n; j++) {
    const count = ends + ((<usize>load<u8>(codes + j)) << 2);
    store<u32>(count, load<u32>(count) + 4);
  }
  let at = <u32>(ends + ((<usize>size) << 2));
  for (let c: usize = 0; c < (<usize>size) << 2; c += 4) {
    const bytes = load<u32>(ends + c);
    store<u32>(lists + c, at);
    store<u32>(ends + c, at);
    at += bytes;
  }
  for (let j: usize = 0; j < <usize>n; j++) {
    const end = ends + ((<usize>load<u8>(codes + j)) << 2);
    const free = load<u32>(end);
    store<u32>(<usize>free, <u32>(j << 7));
    store<u32>(end, free + 4);
  }
}

/** The sum of the listed lines of 16 columns. */
// @ts-ignore: decorator
@inline
function sumLines(base: usize, cursor: usize, end: usize, out: usize): void {
  let s0 = f64x2.splat(0);
  let s1 = f64x2.splat(0);
  let s2 = f64x2.splat(0);
  let s3 = f64x2.splat(0);
  let s4 = f64x2.splat(0);
  let s5 = f64x2.splat(0);
  let s6 = f64x2.splat(0);
  let s7 = f64x2.splat(0);
  for (; cursor < end; cursor += 4) {
    const line = base + <usize>load<u32>(cursor);
    s0 = f64x2.add(s0, v128.load(line));
    s1 = f64x2.add(s1, v128.load(line, 16));
    s2 = f64x2.add(s2, v128.load(line, 32));
    s3 = f64x2.add(s3, v128.load(line, 48));
    s4 = f64x2.add(s4, v128.load(line, 64));
    s5 = f64x2.add(s5, v128.load(line, 80));
    s6 = f64x2.add(s6, v128.load(line, 96));
    s7 = f64x2.add(s7, v128.load(line, 112));
  }
  v128.store(out, s0);
  v128.store(out, s1, 16);
  v128.store(out, s2, 32);
  v128.store(out, s3, 48);
  v128.store(out, s4, 64);
  v128.store(out, s5, 80);
  v128.store(out, s6, 96);
  v128.store(out, s7, 112);
}

/** One row: column after column, what its code has on the diagonal and with the codes of the columns behind it. */
function addPairs(
  diagonal: usize, n: i32, codes: usize, size: i32, sums: usize, below: usize, stride: usize,
): void {
  const lineBytes = (<usize>size) << 3;
  for (let k: usize = 0; k < <usize>n; k++) {
    const code = <usize>load<u8>(codes + k);
    let down = sums + (code << 3);
    let across = sums + code * lineBytes;
    const own = across + (code << 3);
    store<f64>(own, load<f64>(own) + load<f64>(diagonal + (k << 3)));
    let from = below + (k << 3);
    for (let c = 0; c < size; c++) {
      const sum = load<f64>(from);
      store<f64>(down, load<f64>(down) + sum);
      store<f64>(across, load<f64>(across) + sum);
      from += stride;
      down += lineBytes;
      across += 8;
    }
  }
}
