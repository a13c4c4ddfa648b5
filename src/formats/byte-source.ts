import { BnnqError } from '../errors.ts';

/** Bytes that are read by parts: of memory, of a file, or of a member of an archive. */
export interface ByteSource {
  readonly length: number;
  /** Exactly `length` bytes, which must lie within the source. */
  read(offset: number, length: number): Uint8Array;
}

/** The bytes of a file that has a hash. */
export interface HashedSource extends ByteSource {
  /** SHA-256 of the whole, hex. */
  sha256(): string;
}

/** Bytes in memory; parts are views of them. */
export function memorySource(bytes: Uint8Array): ByteSource {
  return { length: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

/** The bytes `start .. start+length-1` of another source, which must lie within it. */
export function partOfSource(source: ByteSource, start: number, length: number): ByteSource {
  return { length, read: (offset, count) => source.read(start + offset, count) };
}

const PAGE_BYTES = 65536;
const KEPT_PAGES = 64;

/** A source whose short parts come out of pages that are kept for a while: formats of many small records are read from disk so. */
export function pagedSource(source: ByteSource): ByteSource {
  const pages = new Map<number, Uint8Array>();
  const pageAt = (start: number): Uint8Array => {
    const page = pages.get(start) ?? source.read(start, Math.min(PAGE_BYTES, source.length - start));
    pages.delete(start);
    pages.set(start, page);
    if (pages.size > KEPT_PAGES) pages.delete(pages.keys().next().value!);
    return page;
  };
  return {
    length: source.length,
    read(offset, length) {
      const start = Math.floor(offset / PAGE_BYTES) * PAGE_BYTES;
      if (offset + length > Math.min(start + PAGE_BYTES, source.length)) return source.read(offset, length);
      return pageAt(start).subarray(offset - start, offset - start + length);
    },
  };
}

/** All bytes of a source. @throws limit (longer than `maxBytes`) */
export function wholeSource(source: ByteSource, maxBytes: number, where: string): Uint8Array {
  if (source.length > maxBytes)
    throw new BnnqError('limit', `${where} has ${source.length} bytes, at most ${maxBytes} are read`);
  return source.read(0, source.length);
}

/** Sources one after the other. */
export function joinedSource(parts: readonly ByteSource[]): ByteSource {
  const total = parts.reduce((sum, { length }) => sum + length, 0);
  return {
    length: total,
    read(offset, length) {
      const pieces: Uint8Array[] = [];
      let start = 0;
      for (const part of parts) {
        const from = Math.max(offset, start);
        const to = Math.min(offset + length, start + part.length);
        if (from < to) pieces.push(part.read(from - start, to - from));
        start += part.length;
      }
      if (pieces.length === 1) return pieces[0]!;
      const bytes = new Uint8Array(length);
      let at = 0;
      for (const piece of pieces) {
        bytes.set(piece, at);
        at += piece.length;
      }
      return bytes;
    },
  };
}
