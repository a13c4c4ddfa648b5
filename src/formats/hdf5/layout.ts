import type { Cursor } from './cursor.ts';
import { walkTree } from './links.ts';
import type { Storage } from './storage.ts';

/** Where the elements of a dataset are. */
export type Layout =
  | { readonly kind: 'compact'; readonly bytes: Uint8Array }
  /** One stretch of the file; nowhere when nothing was ever written. */
  | { readonly kind: 'contiguous'; readonly address: number | undefined }
  | {
      readonly kind: 'chunked';
      /** Shape of a chunk, in elements. */
      readonly chunk: readonly number[];
      /** The tree of chunks, or of a dataset of one chunk that chunk. */
      readonly address: number | undefined;
      readonly single?: { readonly size?: number; readonly filterMask: number };
    };

/** Kinds of nodes of a version 1 B-tree. */
const CHUNK_NODE = 1;

/**
 * Reads a layout message. Source: HDF5 File Format Specification 3.0, section IV.A.2.i.
 * @throws unsupported: virtual datasets and the chunk indexes of HDF5 1.10
 */
export function readLayout(file: Storage, body: Cursor, rank: number): Layout {
  const version = body.version(1, 2, 3, 4, 5);
  if (version < 3) return readOldLayout(file, body, rank);
  const kind = body.u8();
  if (kind === 0) return { kind: 'compact', bytes: body.take(body.u16()) };
  if (kind === 1) return { kind: 'contiguous', address: body.address() };
  if (kind === 3) throw file.unsupported('a virtual dataset takes its elements from other files');
  if (kind !== 2) throw body.malformed(`has the layout class ${kind}`);
  if (version === 3) {
    const dimensions = body.u8();
    const address = body.address();
    return { kind: 'chunked', chunk: chunkOf(body, dimensions, rank, () => body.u32()), address };
  }
  const flags = body.u8();
  const dimensions = body.u8();
  const width = body.u8();
  const chunk = chunkOf(body, dimensions, rank, () => body.uint(width));
  const index = body.u8();
  if (index !== 1)
    throw file.unsupported('chunks are indexed in a form of HDF5 1.10; rewrite the file with h5repack');
  const single = flags & 2 ? { size: body.length(), filterMask: body.u32() } : { filterMask: 0 };
  return { kind: 'chunked', chunk, address: body.address(), single };
}

function readOldLayout(file: Storage, body: Cursor, rank: number): Layout {
  const dimensions = body.u8();
  const kind = body.u8();
  body.skip(5);
  const address = kind === 0 ? undefined : body.address();
  if (kind === 2)
    return { kind: 'chunked', chunk: chunkOf(body, dimensions, rank, () => body.u32()), address };
  body.skip(4 * dimensions);
  if (kind === 1) return { kind: 'contiguous', address };
  if (kind !== 0) throw file.malformed(`a dataset has the layout class ${kind}`);
  return { kind: 'compact', bytes: body.take(body.u32()) };
}

/** Sizes of a chunk; the size of an element follows them as one more "dimension". */
function chunkOf(body: Cursor, dimensions: number, rank: number, next: () => number): readonly number[] {
  if (dimensions !== rank + 1)
    throw body.malformed(`has chunks of ${dimensions - 1} dimensions, the dataset has ${rank}`);
  const chunk = Array.from({ length: rank }, next);
  next();
  if (chunk.some((size) => size === 0)) throw body.malformed(`has chunks of shape [${chunk.join(',')}]`);
  return chunk;
}

/** A stored chunk: its first element in the dataset, its bytes in the file, and which filters it was stored without. */
export interface StoredChunk {
  readonly origin: readonly number[];
  readonly address: number;
  readonly size: number;
  readonly filterMask: number;
}

/** The chunks of a dataset as its index lists them. @param chunkBytes bytes of a whole chunk, unfiltered */
export function listChunks(
  file: Storage,
  { chunk, address, single }: Extract<Layout, { kind: 'chunked' }>,
  chunkBytes: number,
): StoredChunk[] {
  if (address === undefined) return [];
  if (single !== undefined)
    return [
      { origin: chunk.map(() => 0), address, size: single.size ?? chunkBytes, filterMask: single.filterMask },
    ];
  const chunks: StoredChunk[] = [];
  walkTree(file, address, CHUNK_NODE, 8 + 8 * (chunk.length + 1), (key, child) => {
    const size = key.u32();
    const filterMask = key.u32();
    const origin = chunk.map(() => key.length());
    chunks.push({ origin, address: child, size, filterMask });
  });
  return chunks;
}
