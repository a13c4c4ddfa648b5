import { Inflate } from 'fflate';
import { BnnqError, messageOf } from '../errors.ts';
import { nodeBuiltin } from '../node-builtin.ts';

/** Bare, as in zip archives (`raw`), or in a frame with a checksum (`zlib`, RFC 1950). */
export type DeflateForm = 'raw' | 'zlib';

/** The shortest buffer that zlib works with. */
const MIN_BUFFER_BYTES = 64;

const zlib = nodeBuiltin<typeof import('node:zlib')>('node:zlib');

/**
 * Unpacks DEFLATE data of a length that is known beforehand, into one buffer. A bomb has neither room nor time to unfold:
 * unpacking ends with the first byte too many. (fflate 0.8.3, given all at once, went on to the end: 8.6 s for 0.5 MB of zeros.)
 * @param where begins the message
 * @returns undefined where more than `maxLength` bytes come out
 * @throws malformed for damaged data
 */
export function inflate(
  form: DeflateForm,
  bytes: Uint8Array,
  maxLength: number,
  where: string,
): Uint8Array | undefined {
  try {
    return zlib === undefined
      ? portableInflate(form, bytes, maxLength)
      : nativeInflate(zlib, form, bytes, maxLength);
  } catch (thrown) {
    throw new BnnqError('malformed', `${where} cannot be unpacked: ${messageOf(thrown)}`, {}, thrown);
  }
}

function nativeInflate(
  { inflateRawSync, inflateSync }: typeof import('node:zlib'),
  form: DeflateForm,
  bytes: Uint8Array,
  maxLength: number,
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
    throw thrown;
  }
}

/** DEFLATE makes at most 1032 bytes of one, so that a piece of this size costs 8 MB at most before its output is counted. */
const PIECE_BYTES = 8192;

/** Two bytes before the data of a zlib frame, four behind them. */
const HEADER_BYTES = 2;
const CHECK_BYTES = 4;

/**
 * The same in JavaScript, piece by piece. The checksum of a zlib frame (Adler-32) is not compared, as fflate does not say where the
 * data ends and some encoders leave bytes behind it; what stands around it mostly has a CRC of its own (zip, PNG).
 * @throws Error for damaged data
 */
export function portableInflate(
  form: DeflateForm,
  bytes: Uint8Array,
  maxLength: number,
): Uint8Array | undefined {
  if (form === 'zlib') checkHeader(bytes);
  const [start, end] = form === 'zlib' ? [HEADER_BYTES, bytes.length - CHECK_BYTES] : [0, bytes.length];
  const parts: Uint8Array[] = [];
  let length = 0;
  const stream = new Inflate((part) => {
    parts.push(part);
    length += part.length;
  });
  if (start >= end) throw new Error('unexpected end of file');
  for (let at = start; at < end; at += PIECE_BYTES) {
    stream.push(bytes.subarray(at, Math.min(at + PIECE_BYTES, end)), at + PIECE_BYTES >= end);
    if (length > maxLength) return undefined;
  }
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** RFC 1950, section 2.2: method 8, a window of at most 32 KB, no preset dictionary, and a multiple of 31 altogether. */
function checkHeader(bytes: Uint8Array): void {
  if (bytes.length < HEADER_BYTES + CHECK_BYTES) throw new Error('unexpected end of file');
  const [method, flags] = [bytes[0]!, bytes[1]!];
  if ((method & 15) !== 8 || method >> 4 > 7 || flags & 32 || ((method << 8) | flags) % 31 !== 0)
    throw new Error('incorrect header check');
}
