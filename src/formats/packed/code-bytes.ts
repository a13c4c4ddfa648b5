/**
 * Codes as an entropy coder wants them: whole codes in a byte, so that a byte has the statistics of codes. As many as fit, the first one
 * lowest: eight of 1 bit, four of 2, two of 3 and 4, else one; bits above them are 0. Several codes a byte make a Huffman code as good as one
 * for pairs or quadruples, which a code for single 2-bit codes is not (it spends a whole bit at least).
 */
export function codesPerByte(bits: number): number {
  return Math.floor(8 / bits);
}

/** Bytes that `count` codes take. */
export function codeBytesLength(count: number, bits: number): number {
  return Math.ceil(count / codesPerByte(bits));
}

/** @param codes one code an element */
export function toCodeBytes(codes: Uint8Array, bits: number): Uint8Array {
  const each = codesPerByte(bits);
  const bytes = new Uint8Array(codeBytesLength(codes.length, bits));
  for (let at = 0, i = 0; at < bytes.length; at++) {
    let byte = 0;
    for (let shift = 0; shift < each * bits && i < codes.length; shift += bits) byte |= codes[i++]! << shift;
    bytes[at] = byte;
  }
  return bytes;
}

/**
 * The inverse: one code an element.
 * @param bytes `codeBytesLength(count, bits)` of them
 * @returns undefined where a bit is set that is part of no code
 */
export function fromCodeBytes(bytes: Uint8Array, bits: number, count: number): Uint8Array | undefined {
  const each = codesPerByte(bits);
  const mask = 2 ** bits - 1;
  const codes = new Uint8Array(count);
  let i = 0;
  for (const byte of bytes) {
    let rest = byte;
    for (let j = 0; j < each && i < count; j++, rest >>= bits) codes[i++] = rest & mask;
    if (rest !== 0) return undefined;
  }
  return codes;
}
