import { sha256Hex } from './sha256.ts';
import type { Tensor } from './tensor.ts';

/**
 * SHA-256, in hexadecimal digits, over the elements of a tensor in row-major order as they lie in memory: little-endian, so
 * that of a float32 output it is `hashlib.sha256(y.tobytes())` in NumPy. Two tensors with equal bits have equal checksums,
 * on whatever machine they were computed.
 *
 * A NaN counts as the one of positive sign and empty payload (0x7fc00000): which of the many NaNs an operation gives is left
 * open by WebAssembly. Texts are hashed in UTF-8, each with a zero byte behind it. Shape and type are not part of it.
 */
export function checksum({ data }: Pick<Tensor, 'data'>): string {
  if (!ArrayBuffer.isView(data)) {
    const texts = data as readonly string[];
    return sha256Hex(new TextEncoder().encode(texts.map((text) => `${text}\0`).join('')));
  }
  const numbers = data as Float32Array | Float64Array;
  const isFloat = data instanceof Float32Array || data instanceof Float64Array;
  const canonical = isFloat && numbers.some(Number.isNaN) ? withOneNan(numbers) : numbers;
  return sha256Hex(new Uint8Array(canonical.buffer, canonical.byteOffset, canonical.byteLength));
}

/** Every element that is a NaN written anew, as the engine's own constant of that name may have any payload, too. */
function withOneNan(numbers: Float32Array | Float64Array): Uint8Array {
  const copy = numbers.slice();
  const view = new DataView(copy.buffer);
  const width = copy.BYTES_PER_ELEMENT;
  for (let i = 0; i < copy.length; i++)
    if (Number.isNaN(copy[i])) {
      if (width === 4) view.setUint32(4 * i, 0x7fc00000, true);
      else view.setBigUint64(8 * i, 0x7ff8000000000000n, true);
    }
  return new Uint8Array(copy.buffer);
}
