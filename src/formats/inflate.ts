import { inflateRawSync, inflateSync } from 'node:zlib';
import { BnnqError, messageOf } from '../errors.ts';

/** The shortest buffer that zlib works with. */
const MIN_BUFFER_BYTES = 64;

/**
 * Unpacks DEFLATE data of a length that is known beforehand, into one buffer. A bomb has neither room nor time to unfold:
 * unpacking ends with the first byte too many. (fflate 0.8.3 went on to the end: 8.6 s for 0.5 MB of zeros.)
 * @param form bare, as in zip archives (`raw`), or in a frame with a checksum (`zlib`)
 * @param where begins the message
 * @returns undefined where more than `maxLength` bytes come out
 * @throws malformed for damaged data
 */
export function inflate(
  form: 'raw' | 'zlib',
  bytes: Uint8Array,
  maxLength: number,
  where: string,
): Uint8Array | undefined {
  const options = {
    maxOutputLength: Math.max(maxLength, 1),
    chunkSize: Math.max(maxLength + 1, MIN_BUFFER_BYTES),
  };
  try {
    const out = form === 'raw' ? inflateRawSync(bytes, options) : inflateSync(bytes, options);
    return out.length > maxLength ? undefined : new Uint8Array(out.buffer, out.byteOffset, out.length);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw new BnnqError('malformed', `${where} cannot be unpacked: ${messageOf(thrown)}`, {}, thrown);
  }
}
