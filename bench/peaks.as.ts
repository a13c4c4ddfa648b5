// What one thread of this machine does at most in WebAssembly: the loops behind the column "share of the peak" of
// `npm run bench`. No step can be taken out of its loop, or two be made one: each is of what the step before it on the same
// sum gave, or of a vector that is loaded from another place every turn. As many sums as hide the latency of a step.
// Measured on a Xeon of AVX-512, one thread, GMAC/s: vectors loaded once for two or three sums have 26 to 33 of int16 and
// 9 to 13 of float32, from 8 to 14 sums without loads 25 to 34 and 13 to 16.6; these have 35 and 16.6.

/** 8 popcounts a turn, each with the exclusive or in front and the sum behind: 64 binary multiply-adds each. */
export function popcounts(turns: i32): i64 {
  const w: i64 = 0x5a3c96e1_7b2d48f0;
  let a: i64 = 1, b: i64 = 2, c: i64 = 3, d: i64 = 4, e: i64 = 5, f: i64 = 6, g: i64 = 7, h: i64 = 8;
  for (let i = 0; i < turns; i++) {
    a += popcnt(a ^ w);
    b += popcnt(b ^ w);
    c += popcnt(c ^ w);
    d += popcnt(d ^ w);
    e += popcnt(e ^ w);
    f += popcnt(f ^ w);
    g += popcnt(g ^ w);
    h += popcnt(h ^ w);
  }
  return a ^ b ^ c ^ d ^ e ^ f ^ g ^ h;
}

// 4 KiB that stay in the first cache, and what a turn may read behind its beginning.
const VECTORS = memory.data(4096 + 192, 16);
const WITHIN = 4095;

/** 12 products of eight int16 with eight from the first cache, summed in int32: 8 multiply-adds each. */
export function dots(turns: i32): i32 {
  const w = i16x8.splat(<i16>turns);
  let a = i32x4.splat(0), b = i32x4.splat(0), c = i32x4.splat(0), d = i32x4.splat(0);
  let e = i32x4.splat(0), f = i32x4.splat(0), g = i32x4.splat(0), h = i32x4.splat(0);
  let k = i32x4.splat(0), l = i32x4.splat(0), m = i32x4.splat(0), n = i32x4.splat(0);
  for (let i = 0; i < turns; i++) {
    const from = VECTORS + ((<usize>i << 7) & WITHIN);
    a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load(from, 0), w));
    b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load(from, 16), w));
    c = i32x4.add(c, i32x4.dot_i16x8_s(v128.load(from, 32), w));
    d = i32x4.add(d, i32x4.dot_i16x8_s(v128.load(from, 48), w));
    e = i32x4.add(e, i32x4.dot_i16x8_s(v128.load(from, 64), w));
    f = i32x4.add(f, i32x4.dot_i16x8_s(v128.load(from, 80), w));
    g = i32x4.add(g, i32x4.dot_i16x8_s(v128.load(from, 96), w));
    h = i32x4.add(h, i32x4.dot_i16x8_s(v128.load(from, 112), w));
    k = i32x4.add(k, i32x4.dot_i16x8_s(v128.load(from, 128), w));
    l = i32x4.add(l, i32x4.dot_i16x8_s(v128.load(from, 144), w));
    m = i32x4.add(m, i32x4.dot_i16x8_s(v128.load(from, 160), w));
    n = i32x4.add(n, i32x4.dot_i16x8_s(v128.load(from, 176), w));
  }
  const p = v128.xor(v128.xor(v128.xor(a, b), v128.xor(c, d)), v128.xor(v128.xor(e, f), v128.xor(g, h)));
  return i32x4.extract_lane(v128.xor(p, v128.xor(v128.xor(k, l), v128.xor(m, n))), 0);
}

/** 24 steps x ← x·½ + 1 of four float32 a turn, two on each of 12 registers: 4 multiply-adds each. Values stay near 2. */
export function floats(turns: i32): f32 {
  const half = f32x4.splat(0.5);
  const one = f32x4.splat(1);
  let a = f32x4.splat(1.0625), b = f32x4.splat(1.125), c = f32x4.splat(1.1875), d = f32x4.splat(1.25);
  let e = f32x4.splat(1.3125), f = f32x4.splat(1.375), g = f32x4.splat(1.4375), h = f32x4.splat(1.5);
  let k = f32x4.splat(1.5625), l = f32x4.splat(1.625), m = f32x4.splat(1.6875), n = f32x4.splat(1.75);
  for (let i = 0; i < turns; i++) {
    a = f32x4.add(f32x4.mul(a, half), one);
    b = f32x4.add(f32x4.mul(b, half), one);
    c = f32x4.add(f32x4.mul(c, half), one);
    d = f32x4.add(f32x4.mul(d, half), one);
    e = f32x4.add(f32x4.mul(e, half), one);
    f = f32x4.add(f32x4.mul(f, half), one);
    g = f32x4.add(f32x4.mul(g, half), one);
    h = f32x4.add(f32x4.mul(h, half), one);
    k = f32x4.add(f32x4.mul(k, half), one);
    l = f32x4.add(f32x4.mul(l, half), one);
    m = f32x4.add(f32x4.mul(m, half), one);
    n = f32x4.add(f32x4.mul(n, half), one);
    a = f32x4.add(f32x4.mul(a, half), one);
    b = f32x4.add(f32x4.mul(b, half), one);
    c = f32x4.add(f32x4.mul(c, half), one);
    d = f32x4.add(f32x4.mul(d, half), one);
    e = f32x4.add(f32x4.mul(e, half), one);
    f = f32x4.add(f32x4.mul(f, half), one);
    g = f32x4.add(f32x4.mul(g, half), one);
    h = f32x4.add(f32x4.mul(h, half), one);
    k = f32x4.add(f32x4.mul(k, half), one);
    l = f32x4.add(f32x4.mul(l, half), one);
    m = f32x4.add(f32x4.mul(m, half), one);
    n = f32x4.add(f32x4.mul(n, half), one);
  }
  const p = f32x4.add(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)), f32x4.add(f32x4.add(e, f), f32x4.add(g, h)));
  return f32x4.extract_lane(f32x4.add(p, f32x4.add(f32x4.add(k, l), f32x4.add(m, n))), 0);
}
