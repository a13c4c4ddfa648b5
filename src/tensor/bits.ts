/**
 * The bit order of everything that is stored, once: little-endian, the first element in the lowest bit of the first
 * byte. k-bit codes are k bit-planes; plane b holds bit b of every code.
 */

/** Bytes of one plane of `count` codes. */
export function planeBytes(count: number): number {
  return Math.ceil(count / 8);
}

/**
 * Splits codes into bit-planes.
 * @param codes one code an element, each below 2^bits
 * @returns `bits` planes one after the other, `planeBytes(codes.length)` bytes each; the spare bits of a plane's last byte are 0
 */
export function packBits(codes: Uint8Array, bits: number): Uint8Array {
  const bytes = planeBytes(codes.length);
  const planes = new Uint8Array(bytes * bits);
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]!;
    const at = i >> 3;
    const shift = i & 7;
    for (let b = 0; b < bits; b++) planes[b * bytes + at]! |= ((code >> b) & 1) << shift;
  }
  return planes;
}

/** The codes `start .. start+count-1` of the planes that hold `total` codes; the inverse of `packBits`. */
export function unpackBits(
  planes: Uint8Array,
  bits: number,
  total: number,
  start = 0,
  count: number = total - start,
): Uint8Array {
  const bytes = planeBytes(total);
  const codes = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const at = (start + i) >> 3;
    const shift = (start + i) & 7;
    let code = 0;
    for (let b = 0; b < bits; b++) code |= ((planes[b * bytes + at]! >> shift) & 1) << b;
    codes[i] = code;
  }
  return codes;
}
