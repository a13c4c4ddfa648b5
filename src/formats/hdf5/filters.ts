import { BnnqError } from '../../errors.ts';
import { inflate } from '../inflate.ts';
import type { Cursor } from './cursor.ts';
import type { Storage } from './storage.ts';

/** How chunks were encoded, in the order of encoding. */
export interface Filter {
  readonly id: number;
  readonly values: readonly number[];
}

const DEFLATE = 1;
const SHUFFLE = 2;
const FLETCHER32 = 3;
const CHECKSUM_BYTES = 4;

/** Numbers of registered filters, for messages. Source: HDF5 File Format Specification 3.0, section IV.A.2.l; registry of The HDF Group. */
const NAMES: Record<number, string> = {
  4: 'szip',
  5: 'nbit',
  6: 'scale-offset',
  32000: 'lzf',
  32001: 'blosc',
  32004: 'lz4',
  32015: 'zstd',
};

/** Reads a filter pipeline message. @throws unsupported for a filter other than deflate, shuffle and fletcher32 */
export function readFilters(file: Storage, body: Cursor): Filter[] {
  const version = body.version(1, 2);
  const count = body.u8();
  if (version === 1) body.skip(6);
  const filters = Array.from({ length: count }, () => {
    const id = body.u16();
    const nameBytes = version === 1 || id >= 256 ? body.u16() : 0;
    body.skip(2);
    const values = body.u16();
    body.skip(version === 1 ? Math.ceil(nameBytes / 8) * 8 : nameBytes);
    const filter = { id, values: Array.from({ length: values }, () => body.u32()) };
    if (version === 1 && values % 2 === 1) body.skip(4);
    if (id !== DEFLATE && id !== SHUFFLE && id !== FLETCHER32)
      throw file.unsupported(
        `chunks are compressed by ${NAMES[id] ?? `filter ${id}`}; rewrite the file with h5repack`,
      );
    return filter;
  });
  // h5py adds each once; 255 of them over 64 MB each would take minutes.
  if (new Set(filters.map(({ id }) => id)).size < count)
    throw file.unsupported('chunks went through the same filter twice; rewrite the file with h5repack');
  return filters;
}

/**
 * The elements of a stored chunk.
 * @param mask bit i is set where filter i was left out
 * @param length bytes of the chunk when decoded
 * @param where begins the message
 * @throws malformed where the chunk decodes to another length
 */
export function decodeChunk(
  stored: Uint8Array,
  filters: readonly Filter[],
  mask: number,
  elementBytes: number,
  length: number,
  where: string,
): Uint8Array {
  let bytes = stored;
  // What was deflated may be longer by a checksum that was added before.
  for (let i = filters.length - 1; i >= 0; i--) {
    if ((mask >>> i) & 1) continue;
    const { id } = filters[i]!;
    if (id === FLETCHER32) bytes = bytes.subarray(0, Math.max(0, bytes.length - CHECKSUM_BYTES));
    else if (id === SHUFFLE) bytes = unshuffle(bytes, elementBytes);
    else {
      const most = length + CHECKSUM_BYTES;
      const unpacked = inflate('zlib', bytes, most, where);
      if (unpacked === undefined)
        throw new BnnqError('malformed', `${where} unpacks to more than ${most} bytes, expected ${length}`);
      bytes = unpacked;
    }
  }
  if (bytes.length !== length)
    throw new BnnqError('malformed', `${where} decodes to ${bytes.length} bytes, expected ${length}`);
  return bytes;
}

/** Puts the bytes of an element together again: all first bytes come first, then all second bytes, and so on. */
function unshuffle(bytes: Uint8Array, size: number): Uint8Array {
  const count = Math.floor(bytes.length / size);
  const plain = bytes.slice();
  for (let byte = 0; byte < size; byte++)
    for (let i = 0; i < count; i++) plain[i * size + byte] = bytes[byte * count + i]!;
  return plain;
}
