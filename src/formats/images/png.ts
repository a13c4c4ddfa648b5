import { decode } from 'fast-png';
import { BnnqError } from '../../errors.ts';
import type { Pixels } from '../datasets/dataset.ts';
import { inflate } from '../inflate.ts';
import { checkImageSize } from './limits.ts';

/*
 * PNG (W3C PNG, third edition): fast-png undoes filters and interlacing; the checks before it are here, because it
 * believes what a file says. Only the chunks that hold pixels are handed over.
 */

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const KEPT = new Set(['IHDR', 'PLTE', 'IDAT', 'IEND']);
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const PALETTE = 3;

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colorType: number;
  readonly interlaced: boolean;
}

/** @throws malformed, unsupported, limit; the messages are the end of a sentence about the image */
export function decodePng(bytes: Uint8Array): Pixels {
  const { header, kept, compressed } = readChunks(bytes);
  checkImageSize(header.width, header.height);
  if (header.interlaced && header.depth < 8)
    throw new BnnqError('unsupported', `interlaced PNGs of ${header.depth} bits a sample are not read`);
  checkLength(compressed, header);
  const { data, palette } = decode(kept, { checkCrc: true });
  const { width, height } = header;
  if (header.colorType !== PALETTE) return { width, height, ...toBytes(data, header) };
  return {
    width,
    height,
    channels: 3,
    pixels: colours(samplesOf(data as Uint8Array, header, 1), palette ?? []),
  };
}

/** The pixel chunks copied together, and the compressed data. */
function readChunks(bytes: Uint8Array): { header: Header; kept: Uint8Array; compressed: Uint8Array } {
  if (SIGNATURE.some((byte, i) => bytes[i] !== byte))
    throw new BnnqError('malformed', 'damaged PNG signature');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Uint8Array[] = [bytes.subarray(0, 8)];
  const data: Uint8Array[] = [];
  let header: Header | undefined;
  for (let at = 8; ; ) {
    if (at + 12 > bytes.length)
      throw new BnnqError('malformed', `it ends at byte ${bytes.length} without an IEND chunk`);
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const end = at + 12 + length;
    if (end > bytes.length)
      throw new BnnqError('malformed', `its ${type} chunk ends at byte ${end}, the file has ${bytes.length}`);
    if (header === undefined && (type !== 'IHDR' || length !== 13))
      throw new BnnqError('malformed', `its first chunk is ${type} of ${length} bytes, expected IHDR of 13`);
    header ??= {
      width: view.getUint32(at + 8),
      height: view.getUint32(at + 12),
      depth: bytes[at + 16]!,
      colorType: bytes[at + 17]!,
      interlaced: bytes[at + 20] === 1,
    };
    if (KEPT.has(type)) chunks.push(bytes.subarray(at, end));
    if (type === 'IDAT') data.push(bytes.subarray(at + 8, end - 4));
    if (type === 'IEND') return { header, kept: concat(chunks), compressed: concat(data) };
    at = end;
  }
}

/** Inflates once with the length that the header calls for as the bound: neither a bomb nor a truncated stream gets further. */
function checkLength(compressed: Uint8Array, header: Header): void {
  const needed = rawLength(header);
  // Some encoders leave a few bytes behind the last row.
  const most = needed + 65_536;
  const got = inflate('zlib', compressed, most, 'its pixels')?.length;
  if (got === undefined)
    throw new BnnqError(
      'malformed',
      `its pixels unpack to more than ${most} bytes, its size needs ${needed}`,
    );
  if (got < needed)
    throw new BnnqError('malformed', `its pixels unpack to ${got} bytes, its size needs ${needed}`);
}

/** Bytes of the filtered rows, each with its filter byte, over the seven passes of an interlaced image. */
function rawLength(header: Header): number {
  const channels = CHANNELS[header.colorType];
  if (channels === undefined) throw new BnnqError('malformed', `colour type ${header.colorType}`);
  const rows = (width: number, height: number): number =>
    width === 0 ? 0 : height * (1 + Math.ceil((width * channels * header.depth) / 8));
  if (!header.interlaced) return rows(header.width, header.height);
  // Adam7: x and y of the first pixel of a pass, and the steps.
  const passes = [
    [0, 0, 8, 8],
    [4, 0, 8, 8],
    [0, 4, 4, 8],
    [2, 0, 4, 4],
    [0, 2, 2, 4],
    [1, 0, 2, 2],
    [0, 1, 1, 2],
  ] as const;
  let total = 0;
  for (const [x, y, dx, dy] of passes)
    total += rows(Math.ceil((header.width - x) / dx), Math.ceil((header.height - y) / dy));
  return total;
}

/** Grey or RGB bytes: alpha dropped, 16 bits cut to the high byte, 1, 2 and 4 bits stretched to 0 … 255. */
function toBytes(data: ArrayLike<number>, header: Header): { channels: 1 | 3; pixels: Uint8Array } {
  const stored = CHANNELS[header.colorType]!;
  const channels = stored >= 3 ? 3 : 1;
  const samples =
    header.depth < 8 ? samplesOf(data as Uint8Array, header, 255 / (2 ** header.depth - 1)) : data;
  const shift = header.depth === 16 ? 8 : 0;
  const pixels = new Uint8Array(header.width * header.height * channels);
  for (let i = 0, from = 0; i < pixels.length; i += channels, from += stored)
    for (let channel = 0; channel < channels; channel++)
      pixels[i + channel] = samples[from + channel]! >> shift;
  return { channels, pixels };
}

/** Samples of 1 to 8 bits, packed from the high bit on, rows padded to whole bytes; one byte each, times `factor`. */
function samplesOf(data: Uint8Array, { width, height, depth }: Header, factor: number): Uint8Array {
  const rowBytes = Math.ceil((width * depth) / 8);
  const samples = new Uint8Array(width * height);
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      const bit = x * depth;
      const byte = data[y * rowBytes + (bit >> 3)]!;
      samples[i] = ((byte >> (8 - depth - (bit & 7))) & (2 ** depth - 1)) * factor;
    }
  return samples;
}

function colours(indices: Uint8Array, palette: readonly (readonly number[])[]): Uint8Array {
  const pixels = new Uint8Array(indices.length * 3);
  for (let i = 0; i < indices.length; i++) {
    const colour = palette[indices[i]!];
    if (colour === undefined)
      throw new BnnqError(
        'malformed',
        `pixel ${i} has colour ${indices[i]} of a palette of ${palette.length}`,
      );
    for (let channel = 0; channel < 3; channel++) pixels[3 * i + channel] = colour[channel]!;
  }
  return pixels;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
