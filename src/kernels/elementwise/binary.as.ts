/* Element-wise functions of two arrays; the definitions are in binary-reference.ts, the codes in binary-simd.ts. */
import { pow } from '../math/pow.ts';

/** y = f(a, b) over [outer, channels, inner], b [channels]; f(b, a) where `swapped`. */
export function binary(
  code: i32, a: usize, b: usize, y: usize, outer: i32, channels: i32, inner: i32, swapped: bool,
): void {
  if (inner == 1 && channels > 1) {
    for (let o = 0; o < outer; o++) {
      pairs(code, a, b, y, channels, swapped);
      a += (<usize>channels) << 2;
      y += (<usize>channels) << 2;
    }
    return;
  }
  for (let o = 0; o < outer; o++) {
    for (let c = 0; c < channels; c++) {
      withScalar(code, a, load<f32>(b + ((<usize>c) << 2)), y, inner, swapped);
      a += (<usize>inner) << 2;
      y += (<usize>inner) << 2;
    }
  }
}

function pairs(code: i32, a: usize, b: usize, y: usize, count: i32, swapped: bool): void {
  const end = (<usize>count) << 2;
  let i: usize = 0;
  if (code != 6) {
    for (; i + 16 <= end; i += 16) {
      const l = v128.load(a + i);
      const r = v128.load(b + i);
      v128.store(y + i, swapped ? vector(code, r, l) : vector(code, l, r));
    }
  }
  for (; i < end; i += 4) {
    const l = load<f32>(a + i);
    const r = load<f32>(b + i);
    store<f32>(y + i, swapped ? scalar(code, r, l) : scalar(code, l, r));
  }
}

function withScalar(code: i32, a: usize, b: f32, y: usize, count: i32, swapped: bool): void {
  const end = (<usize>count) << 2;
  let i: usize = 0;
  if (code != 6) {
    const r = f32x4.splat(b);
    for (; i + 16 <= end; i += 16) {
      const l = v128.load(a + i);
      v128.store(y + i, swapped ? vector(code, r, l) : vector(code, l, r));
    }
  }
  for (; i < end; i += 4) {
    const l = load<f32>(a + i);
    store<f32>(y + i, swapped ? scalar(code, b, l) : scalar(code, l, b));
  }
}

// @ts-ignore: decorator
@inline
function vector(code: i32, a: v128, b: v128): v128 {
  switch (code) {
    case 0: return f32x4.add(a, b);
    case 1: return f32x4.sub(a, b);
    case 2: return f32x4.mul(a, b);
    case 3: return f32x4.div(a, b);
    case 4: return f32x4.max(a, b);
    case 5: return f32x4.min(a, b);
    default: return v128.bitselect(f32x4.mul(a, b), a, f32x4.lt(a, f32x4.splat(0)));
  }
}

function scalar(code: i32, a: f32, b: f32): f32 {
  switch (code) {
    case 0: return a + b;
    case 1: return a - b;
    case 2: return a * b;
    case 3: return a / b;
    case 4: return max<f32>(a, b);
    case 5: return min<f32>(a, b);
    case 6: return <f32>pow(<f64>a, <f64>b);
    default: return a < 0 ? a * b : a;
  }
}

/** y = clamp(x · scale[c] + shift[c]) over [outer, channels, inner]. */
export function affine(
  x: usize, scale: usize, shift: usize, y: usize, outer: i32, channels: i32, inner: i32, low: f32, high: f32,
): void {
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  const end = (<usize>inner) << 2;
  for (let o = 0; o < outer; o++) {
    for (let c: usize = 0, last = (<usize>channels) << 2; c < last; c += 4) {
      const s = load<f32>(scale + c);
      const t = load<f32>(shift + c);
      const ss = f32x4.splat(s);
      const ts = f32x4.splat(t);
      let i: usize = 0;
      for (; i + 16 <= end; i += 16) {
        const v = f32x4.add(f32x4.mul(v128.load(x + i), ss), ts);
        v128.store(y + i, f32x4.pmin(f32x4.pmax(v, lows), highs));
      }
      for (; i < end; i += 4) {
        let v = load<f32>(x + i) * s + t;
        if (v < low) v = low;
        if (high < v) v = high;
        store<f32>(y + i, v);
      }
      x += end;
      y += end;
    }
  }
}
