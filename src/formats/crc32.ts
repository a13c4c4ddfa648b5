import { nodeBuiltin } from '../node-builtin.ts';

const native = nodeBuiltin<typeof import('node:zlib')>('node:zlib')?.crc32;

/**
 * The checksum of zip archives (CRC-32 of ISO 3309, polynomial 0x04c11db7 with its bits reversed), by Node where there is Node.
 * @param sum that of the bytes before, 0 at the beginning
 */
export function crc32(bytes: Uint8Array, sum = 0): number {
  return native === undefined ? portableCrc32(bytes, sum) : native(bytes, sum);
}

/** What eight steps of the shift register do with each value of a byte. */
const TABLE: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let word = byte;
  for (let bit = 0; bit < 8; bit++) word = word & 1 ? (word >>> 1) ^ 0xedb88320 : word >>> 1;
  return word;
});

/** The same in JavaScript. */
export function portableCrc32(bytes: Uint8Array, sum = 0): number {
  let word = ~sum;
  for (const byte of bytes) word = (word >>> 8) ^ TABLE[(word ^ byte) & 255]!;
  return ~word >>> 0;
}
