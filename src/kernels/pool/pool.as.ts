/*
 * Pooling. The largest of a window does not depend on the order, so the rows of a window are reduced first, for all
 * columns at once, then the columns.
 */

/**
 * y [planes, outHeight, outWidth] from x [planes, inHeight, inWidth].
 * @param row one row of padded columns: padLeft + inWidth and what the last window reaches beyond, and 64 bytes to spare
 * @param rowWidth its floats
 */
export function maxPool(
  x: usize, y: usize, row: usize, rowWidth: i32, planes: i32, inHeight: i32, inWidth: i32, outHeight: i32, outWidth: i32,
  kernelHeight: i32, kernelWidth: i32, strideHeight: i32, strideWidth: i32,
  dilationHeight: i32, dilationWidth: i32, padTop: i32, padLeft: i32,
): void {
  const lowest: f32 = <f32>-Infinity;
  const inPitch = (<usize>inWidth) << 2;
  const inside = row + ((<usize>padLeft) << 2);
  for (let i: usize = 0, end = (<usize>rowWidth) << 2; i < end; i += 4) store<f32>(row + i, lowest);
  for (let p = 0; p < planes; p++) {
    for (let oy = 0; oy < outHeight; oy++) {
      let some = false;
      for (let ky = 0; ky < kernelHeight; ky++) {
        const iy = oy * strideHeight - padTop + ky * dilationHeight;
        if (iy < 0 || iy >= inHeight) continue;
        takeRow(x + <usize>iy * inPitch, inside, inPitch, some);
        some = true;
      }
      if (!some) for (let i: usize = 0; i < inPitch; i += 4) store<f32>(inside + i, lowest);
      reduceColumns(row, y, outWidth, kernelWidth, strideWidth, dilationWidth);
      y += (<usize>outWidth) << 2;
    }
    x += inPitch * <usize>inHeight;
  }
}

/** to = from, or max(to, from). */
function takeRow(from: usize, to: usize, bytes: usize, combine: bool): void {
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) {
    const v = v128.load(from + i);
    v128.store(to + i, combine ? f32x4.max(v128.load(to + i), v) : v);
  }
  for (; i < bytes; i += 4) {
    const v = load<f32>(from + i);
    store<f32>(to + i, combine ? max<f32>(load<f32>(to + i), v) : v);
  }
}

function reduceColumns(row: usize, y: usize, outWidth: i32, kernel: i32, stride: i32, dilation: i32): void {
  const step = (<usize>dilation) << 2;
  const kernelEnd = <usize>kernel * step;
  let ox = 0;
  if (stride <= 2) {
    for (; ox + 4 <= outWidth; ox += 4) {
      const from = row + ((<usize>(ox * stride)) << 2);
      let v = four(from, stride);
      for (let k = step; k < kernelEnd; k += step) v = f32x4.max(v, four(from + k, stride));
      v128.store(y + ((<usize>ox) << 2), v);
    }
  }
  for (; ox < outWidth; ox++) {
    const from = row + ((<usize>(ox * stride)) << 2);
    let v = load<f32>(from);
    for (let k = step; k < kernelEnd; k += step) v = max<f32>(v, load<f32>(from + k));
    store<f32>(y + ((<usize>ox) << 2), v);
  }
}

/** Columns 0, stride, 2·stride and 3·stride from `from` on, for a stride of 1 or 2. */
// @ts-ignore: decorator
@inline
function four(from: usize, stride: i32): v128 {
  if (stride == 1) return v128.load(from);
  return i32x4.shuffle(v128.load(from), v128.load(from, 16), 0, 2, 4, 6);
}

/** Divides element (oy, ox) of every plane by rowCounts[oy] · columnCounts[ox] (i32). */
export function divideByCounts(
  y: usize, planes: i32, outHeight: i32, outWidth: i32, rowCounts: usize, columnCounts: usize,
): void {
  for (let p = 0; p < planes; p++) {
    for (let oy = 0; oy < outHeight; oy++) {
      const rows = load<i32>(rowCounts + ((<usize>oy) << 2));
      for (let ox = 0; ox < outWidth; ox++) {
        const count = rows * load<i32>(columnCounts + ((<usize>ox) << 2));
        store<f32>(y, load<f32>(y) / <f32>count);
        y += 4;
      }
    }
  }
}
