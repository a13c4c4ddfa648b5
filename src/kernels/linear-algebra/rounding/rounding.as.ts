/* GPTQ and coordinate descent over rows; the definitions are in reference.ts and contract.ts. */
import { BLOCK, packColumns, subtractMatrixProduct, subtractProducts } from '../subtract.as.ts';

/**
 * Rounds `rows` rows, a block of columns at a time: inside the block column by column, then the products of all its errors
 * are subtracted from the columns behind it at once. Every weight takes these products in the order of the columns.
 *
 * @param w [rows, n] in the order of rounding; becomes the errors e
 * @param upper [n, n]
 * @param offsets n u32: bytes from the first list of a row to that of the column
 * @param lists of the first row: `size` levels, then as many thresholds; size a power of two
 * @param rowBytes from the lists of a row to those of the next
 * @param places [rows, n] bytes, in the order of rounding
 * @param losses rows float64
 * @param panels scratch, 32 KiB
 */
export function roundRows(
  w: usize, strideW: usize, rows: i32, n: i32, upper: usize, strideU: usize, offsets: usize,
  lists: usize, rowBytes: usize, size: i32, places: usize, losses: usize, panels: usize,
): void {
  memory.fill(losses, 0, (<usize>rows) << 3);
  for (let at = 0; at < n; at += BLOCK) {
    const width = min(BLOCK, n - at);
    const corner = upper + <usize>at * (strideU + 8);
    for (let row = 0; row < rows; row++) {
      roundBlock(
        w + <usize>row * strideW + ((<usize>at) << 3), width, corner, strideU, offsets + ((<usize>at) << 2),
        lists + <usize>row * rowBytes, size, places + <usize>(row * n + at), losses + ((<usize>row) << 3),
      );
    }
    for (let column = at + BLOCK; column < n; column += BLOCK) {
      const columns = min(BLOCK, n - column);
      packColumns(upper + <usize>at * strideU + ((<usize>column) << 3), strideU, columns, width, panels);
      subtractProducts(
        w + ((<usize>column) << 3), strideW, rows, columns, w + ((<usize>at) << 3), strideW, panels, width,
      );
    }
  }
}

/** One row and one block. */
function roundBlock(
  w: usize, n: i32, upper: usize, stride: usize, offsets: usize, lists: usize, size: i32, places: usize, loss: usize,
): void {
  const end = (<usize>n) << 3;
  let sum = load<f64>(loss);
  for (let p: usize = 0; p < end; p += 8) {
    const list = lists + load<u32>(offsets + (p >> 1));
    const value = load<f64>(w + p);
    const place = nearestPlace(list, size, value);
    store<u8>(places + (p >> 3), place);
    const line = upper + (p >> 3) * stride;
    const error = (value - load<f64>(list + ((<usize>place) << 3))) / load<f64>(line + p);
    store<f64>(w + p, error);
    sum += error * error;
    let s = p + 8;
    if ((s & 8) != 0 && s < end) {
      store<f64>(w + s, load<f64>(w + s) - error * load<f64>(line + s));
      s += 8;
    }
    const errors = f64x2.splat(error);
    for (; s < end; s += 16) v128.store(w + s, f64x2.sub(v128.load(w + s), f64x2.mul(errors, v128.load(line + s))));
  }
  store<f64>(loss, sum);
}

/**
 * Coordinate descent for `rows` rows. Returns the number of changes.
 *
 * @param w [rows, n] weights
 * @param v [rows, n] scratch, laid out like w
 * @param g [rows, n] zeros, laid out like w
 * @param hessian [n, n]
 * @param diagonal of it, n float64: reading it there would miss the cache with every column
 * @param order n u32: columns in the order of their visits
 * @param offsets @param lists @param rowBytes @param size as of `roundRows`, but `offsets` in the order of columns
 * @param places [rows, n] bytes
 * @param losses @param decreases rows float64
 * @param panels scratch, 32 KiB
 */
export function descendRows(
  w: usize, v: usize, g: usize, stride: usize, rows: i32, n: i32, hessian: usize, strideH: usize,
  diagonal: usize, order: usize, offsets: usize, lists: usize, rowBytes: usize, size: i32, places: usize,
  sweeps: i32, tolerance: f64, losses: usize, decreases: usize, panels: usize,
): i32 {
  for (let row = 0; row < rows; row++) {
    const from = <usize>row * stride;
    takeLevels(v + from, n, offsets, lists + <usize>row * rowBytes, places + <usize>(row * n));
    for (let j: usize = 0, end = (<usize>n) << 3; j < end; j += 8) {
      store<f64>(v + from + j, load<f64>(w + from + j) - load<f64>(v + from + j));
    }
  }
  subtractMatrixProduct(g, stride, rows, n, v, stride, hessian, strideH, n, panels);
  let changes = 0;
  for (let row = 0; row < rows; row++) {
    const from = <usize>row * stride;
    const rowLists = lists + <usize>row * rowBytes;
    const rowPlaces = places + <usize>(row * n);
    const decrease = decreases + ((<usize>row) << 3);
    takeLevels(v + from, n, offsets, rowLists, rowPlaces);
    store<f64>(decrease, 0);
    for (let sweep = 0; sweep < sweeps; sweep++) {
      const found = sweepRow(
        v + from, g + from, n, hessian, strideH, diagonal, order, offsets, rowLists, size, rowPlaces,
        tolerance, decrease,
      );
      changes += found;
      if (found == 0) break;
    }
    let loss: f64 = 0;
    for (let j: usize = 0, end = (<usize>n) << 3; j < end; j += 8) {
      loss += (load<f64>(v + from + j) - load<f64>(w + from + j)) * load<f64>(g + from + j);
    }
    store<f64>(losses + ((<usize>row) << 3), loss);
  }
  return changes;
}

/** v = the levels at the places. */
function takeLevels(v: usize, n: i32, offsets: usize, lists: usize, places: usize): void {
  for (let j: usize = 0; j < <usize>n; j++) {
    const list = lists + load<u32>(offsets + (j << 2));
    store<f64>(v + (j << 3), load<f64>(list + ((<usize>load<u8>(places + j)) << 3)));
  }
}

/** One sweep over one row. Returns the number of changes. */
function sweepRow(
  v: usize, g: usize, n: i32, hessian: usize, strideH: usize, diagonal: usize, order: usize, offsets: usize,
  lists: usize, size: i32, places: usize, tolerance: f64, decrease: usize,
): i32 {
  let changes = 0;
  let sum = load<f64>(decrease);
  for (let p: usize = 0, end = (<usize>n) << 2; p < end; p += 4) {
    const j = <usize>load<u32>(order + p);
    const curvature = load<f64>(diagonal + (j << 3));
    if (!(curvature > 0)) continue;
    const value = load<f64>(v + (j << 3));
    const slope = load<f64>(g + (j << 3));
    const list = lists + load<u32>(offsets + (j << 2));
    const place = nearestPlace(list, size, value - slope / curvature);
    const level = load<f64>(list + ((<usize>place) << 3));
    const step = level - value;
    const bend = step * curvature;
    const change = step * (2 * slope + bend);
    if (!(change < -tolerance * (step * bend))) continue;
    const line = hessian + j * strideH;
    const steps = f64x2.splat(step);
    for (let s: usize = 0; s < (<usize>n) << 3; s += 16) {
      v128.store(g + s, f64x2.add(v128.load(g + s), f64x2.mul(steps, v128.load(line + s))));
    }
    store<f64>(v + (j << 3), level);
    store<u8>(places + j, place);
    sum -= change;
    changes++;
  }
  store<f64>(decrease, sum);
  return changes;
}

/** The place of the level nearest to a value: how many thresholds it reaches, by bisection. */
// @ts-ignore: decorator
@inline
function nearestPlace(list: usize, size: i32, value: f64): i32 {
  const thresholds = list + ((<usize>size) << 3);
  let place = 0;
  for (let step = size >> 1; step > 0; step >>= 1) {
    const next = place + step;
    place = select(next, place, value >= load<f64>(thresholds + ((<usize>(next - 1)) << 3)));
  }
  return place;
}
