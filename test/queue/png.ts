import { encode } from 'fast-png';

/** A grey picture as a PNG file. */
export function encodePng(data: Uint8Array, width: number, height: number): Uint8Array {
  return encode({ data: Uint8Array.from(data), width, height, channels: 1, depth: 8 });
}
