import { basesPlace } from '../wasm/thread-memory.as.ts';

/**
 * Lays weights out for `multiply`: rows [rows, k] row-major to panels of 4 rows, [k][4]; missing rows are zero.
 * @param rowBytes from a row to the next
 */
export function packRows(source: usize, rows: i32, k: i32, rowBytes: usize, out: usize): void {
  for (let row = 0; row < rows; row += 4) {
    const s0 = source + <usize>row * rowBytes;
    const s1 = s0 + rowBytes;
    const s2 = s1 + rowBytes;
    const s3 = s2 + rowBytes;
    const have = rows - row;
    for (let i: usize = 0, end = (<usize>k) << 2; i < end; i += 4) {
      store<f32>(out, load<f32>(s0 + i));
      store<f32>(out, have > 1 ? load<f32>(s1 + i) : 0, 4);
      store<f32>(out, have > 2 ? load<f32>(s2 + i) : 0, 8);
      store<f32>(out, have > 3 ? load<f32>(s3 + i) : 0, 12);
      out += 16;
    }
  }
}

/**
 * Lays the patches of `pixels` successive output pixels out for `multiply`: panels of 8 pixels, [k][8]. Element k of
 * pixel (n, oy, ox) is read at x + n·imageBytes + oy·rowStep + ox·columnStep + offsets[k]; the input is padded already.
 * A panel that is not full repeats its last pixel.
 * @param offsets k byte offsets (i32)
 */
export function packPatches(
  x: usize, offsets: usize, k: i32, out: usize, firstPixel: i32, pixels: i32,
  outWidth: i32, plane: i32, rowStep: usize, columnStep: usize, imageBytes: usize,
): void {
  const offsetsEnd = offsets + ((<usize>k) << 2);
  /** Addresses of the 8 pixels of a panel. */
  const bases = basesPlace();
  let n = firstPixel / plane;
  let oy = (firstPixel - n * plane) / outWidth;
  let ox = firstPixel - n * plane - oy * outWidth;
  const lastRow = plane / outWidth - 1;
  let at = x + <usize>n * imageBytes + <usize>oy * rowStep + <usize>ox * columnStep;
  for (let p = 0; p < pixels; p += 8) {
    for (let i = 0; i < 8; i++) {
      store<usize>(bases + (i << 2), at);
      if (p + i + 1 >= pixels) continue;
      ox++;
      if (ox < outWidth) {
        at += columnStep;
      } else {
        ox = 0;
        if (oy < lastRow) oy++;
        else {
          oy = 0;
          n++;
        }
        at = x + <usize>n * imageBytes + <usize>oy * rowStep;
      }
    }
    const p0 = load<usize>(bases);
    const p1 = load<usize>(bases, 4);
    const p2 = load<usize>(bases, 8);
    const p3 = load<usize>(bases, 12);
    const p4 = load<usize>(bases, 16);
    const p5 = load<usize>(bases, 20);
    const p6 = load<usize>(bases, 24);
    const p7 = load<usize>(bases, 28);
    // Each half of a panel in one row, its pixels 1 or 2 floats apart?
    const step = p1 - p0;
    const isEven = p2 - p1 == step && p3 - p2 == step && p5 - p4 == step && p6 - p5 == step && p7 - p6 == step;
    if (isEven && step == 8) {
      for (let o = offsets; o < offsetsEnd; o += 4) {
        const d = load<usize>(o);
        // The second load ends 4 bytes behind the last pixel.
        v128.store(out, i32x4.shuffle(v128.load(p0 + d), v128.load(p0 + d, 16), 0, 2, 4, 6));
        v128.store(out, i32x4.shuffle(v128.load(p4 + d), v128.load(p4 + d, 16), 0, 2, 4, 6), 16);
        out += 32;
      }
    } else if (isEven && step == 4) {
      for (let o = offsets; o < offsetsEnd; o += 4) {
        const d = load<usize>(o);
        v128.store(out, v128.load(p0 + d));
        v128.store(out, v128.load(p4 + d), 16);
        out += 32;
      }
    } else {
      for (let o = offsets; o < offsetsEnd; o += 4) {
        const d = load<usize>(o);
        store<f32>(out, load<f32>(p0 + d));
        store<f32>(out, load<f32>(p1 + d), 4);
        store<f32>(out, load<f32>(p2 + d), 8);
        store<f32>(out, load<f32>(p3 + d), 12);
        store<f32>(out, load<f32>(p4 + d), 16);
        store<f32>(out, load<f32>(p5 + d), 20);
        store<f32>(out, load<f32>(p6 + d), 24);
        store<f32>(out, load<f32>(p7 + d), 28);
        out += 32;
      }
    }
  }
}
