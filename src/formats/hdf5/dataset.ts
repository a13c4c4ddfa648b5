import { BnnqError } from '../../errors.ts';
import { decodeTensor } from '../../tensor/decode.ts';
import type { DataType } from '../../tensor/dtype.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';
import { FREE_EXPANSION_BYTES, MAX_ELEMENTS, MAX_EXPANSION, MAX_RANK } from '../limits.ts';
import type { Attribute } from './attributes.ts';
import type { Cursor } from './cursor.ts';
import { type ElementType, readElementType, readShape } from './datatype.ts';
import { decodeChunk, type Filter, readFilters } from './filters.ts';
import { type Layout, listChunks, readLayout } from './layout.ts';
import { MESSAGE, type Message } from './object-header.ts';
import type { Storage } from './storage.ts';

/** An array of an HDF5 file. Its elements stay in the file until `read`; nothing is kept. */
export interface Hdf5Dataset {
  readonly kind: 'dataset';
  /** Names from the root on, joined by slashes. */
  readonly path: string;
  readonly shape: readonly number[];
  /** Undefined for elements that ONNX has no type for; `read` then refuses. */
  readonly dtype: DataType | undefined;
  /** Bytes of all elements, decoded. */
  readonly byteLength: number;
  readonly attributes: ReadonlyMap<string, Attribute>;
  read(): Tensor;
}

/** Reads what a dataset is from its header. @throws malformed, unsupported, limit */
export function readDataset(
  file: Storage,
  path: string,
  messages: readonly Message[],
  attributes: ReadonlyMap<string, Attribute>,
  isBfloat16: boolean,
): Hdf5Dataset {
  const where = `hdf5: ${file.what}: dataset ${JSON.stringify(path)}`;
  const body = (type: number): Cursor | undefined => messages.find((message) => message.type === type)?.body;
  const [typeBody, shapeBody, layoutBody] = [MESSAGE.datatype, MESSAGE.dataspace, MESSAGE.layout].map(body);
  if (typeBody === undefined || shapeBody === undefined || layoutBody === undefined)
    throw new BnnqError('malformed', `${where} has no type, shape or layout`);
  const type = readElementType(typeBody);
  const shape = readShape(shapeBody) ?? [0];
  checkShape(shape, where);
  if (body(MESSAGE.externalFiles) !== undefined)
    throw new BnnqError('unsupported', `${where} has its elements in other files, which are not read`);
  const layout = readLayout(file, layoutBody, shape.length);
  const filterBody = body(MESSAGE.filters);
  const filters = filterBody === undefined ? [] : readFilters(file, filterBody);
  const dtype = dtypeOf(type, isBfloat16);
  const byteLength = sizeOf(shape) * type.size;
  checkStored(file, layout, byteLength, where);
  return {
    kind: 'dataset',
    path,
    shape,
    dtype,
    byteLength,
    attributes,
    read() {
      if (dtype === undefined)
        throw new BnnqError('unsupported', `${where} has ${nameOf(type)}, expected numbers`);
      const bytes = readElements(
        { file: file.recount(), where, shape, byteLength, size: type.size },
        layout,
        filters,
      );
      const swapped =
        type.kind === 'number' && type.bigEndian && type.size > 1 ? swap(bytes, type.size) : bytes;
      return decodeTensor(dtype, shape, swapped);
    },
  };
}

function dtypeOf(type: ElementType, isBfloat16: boolean): DataType | undefined {
  if (type.kind === 'number') return type.dtype;
  // Keras 3 writes bfloat16 as two opaque bytes and says so in an attribute (keras/src/saving/saving_lib.py, H5IOStore).
  return type.kind === 'opaque' && type.size === 2 && isBfloat16 ? 'BFLOAT16' : undefined;
}

function nameOf(type: ElementType): string {
  return type.kind === 'other' ? type.what : `${type.kind} elements`;
}

function checkShape(shape: readonly number[], where: string): void {
  if (shape.length > MAX_RANK)
    throw new BnnqError('limit', `${where} has ${shape.length} dimensions, at most ${MAX_RANK} are read`);
  if (sizeOf(shape.filter((size) => size > 0)) > MAX_ELEMENTS)
    throw new BnnqError(
      'limit',
      `${where}: shape [${shape.join(',')}] has more than ${MAX_ELEMENTS} elements`,
    );
}

/**
 * Checks what the header declares against what the file can hold, before anyone makes room for it: the elements, in
 * their place where that is known, or as dense as compression makes them.
 */
function checkStored({ source }: Storage, layout: Layout, byteLength: number, where: string): void {
  if (layout.kind === 'compact') {
    if (layout.bytes.length < byteLength)
      throw new BnnqError(
        'malformed',
        `${where} has ${layout.bytes.length} bytes, its shape needs ${byteLength}`,
      );
  } else if (layout.kind === 'contiguous' && layout.address !== undefined) {
    if (layout.address + byteLength > source.length)
      throw new BnnqError(
        'malformed',
        `${where} needs the bytes ${layout.address} to ${layout.address + byteLength}, the file ends at ${source.length}`,
      );
  } else checkExpansion(source.length, byteLength, where);
}

function checkExpansion(stored: number, decoded: number, where: string): void {
  if (decoded > Math.max(FREE_EXPANSION_BYTES, MAX_EXPANSION * stored))
    throw new BnnqError(
      'limit',
      `${where} unpacks from ${stored} to ${decoded} bytes, at most ${MAX_EXPANSION} times as many are read`,
    );
}

interface Target {
  readonly file: Storage;
  readonly where: string;
  readonly shape: readonly number[];
  /** Bytes of all elements. */
  readonly byteLength: number;
  /** Bytes of one element. */
  readonly size: number;
}

function readElements(target: Target, layout: Layout, filters: readonly Filter[]): Uint8Array {
  const { file, where, byteLength } = target;
  if (byteLength === 0) return new Uint8Array(0);
  if (layout.kind === 'chunked') return readChunks(target, layout, filters);
  if (layout.kind === 'compact') return layout.bytes.subarray(0, byteLength);
  if (layout.address === undefined) throw neverWritten(where);
  return file.bytes(layout.address, byteLength, 'dataset');
}

function readChunks(
  { file, where, shape, byteLength, size }: Target,
  layout: Extract<Layout, { kind: 'chunked' }>,
  filters: readonly Filter[],
): Uint8Array {
  const chunkBytes = sizeOf(layout.chunk) * size;
  const chunks = listChunks(file, layout, chunkBytes);
  const stored = chunks.reduce((sum, chunk) => sum + chunk.size, 0);
  const expected = shape.reduce((count, length, i) => count * Math.ceil(length / layout.chunk[i]!), 1);
  if (chunks.length === 0) throw neverWritten(where);
  if (stored > file.source.length)
    throw new BnnqError(
      'malformed',
      `${where} has chunks of ${stored} bytes, the file has ${file.source.length}`,
    );
  checkExpansion(stored, Math.max(byteLength, chunks.length * chunkBytes), where);
  // Chunks that were never written would be filled with a constant; Keras writes all of them.
  const origins = new Set(chunks.map(({ origin }) => origin.join()));
  if (origins.size !== chunks.length || chunks.length !== expected)
    throw new BnnqError('malformed', `${where} has ${origins.size} of its ${expected} chunks`);
  const elements = new Uint8Array(byteLength);
  for (const { origin, address, size: storedBytes, filterMask } of chunks) {
    if (origin.some((at, i) => at >= shape[i]! || at % layout.chunk[i]! !== 0))
      throw new BnnqError('malformed', `${where} has a chunk at [${origin.join(',')}], outside of its shape`);
    const bytes = file.bytes(address, storedBytes, 'chunk');
    const plain = decodeChunk(
      bytes,
      filters,
      filterMask,
      size,
      chunkBytes,
      `${where}: chunk [${origin.join(',')}]`,
    );
    placeChunk(elements, shape, plain, layout.chunk, origin, size);
  }
  return elements;
}

/** Copies a chunk to its place, cut off at the edges of the dataset. */
function placeChunk(
  into: Uint8Array,
  shape: readonly number[],
  chunk: Uint8Array,
  chunkShape: readonly number[],
  origin: readonly number[],
  size: number,
): void {
  const last = shape.length - 1;
  const copy = (dim: number, from: number, to: number): void => {
    const count = Math.min(chunkShape[dim]!, shape[dim]! - origin[dim]!);
    if (dim === last) {
      const start = from * chunkShape[dim]! * size;
      into.set(chunk.subarray(start, start + count * size), (to * shape[dim]! + origin[dim]!) * size);
      return;
    }
    for (let i = 0; i < count; i++)
      copy(dim + 1, from * chunkShape[dim]! + i, to * shape[dim]! + origin[dim]! + i);
  };
  if (last < 0) into.set(chunk);
  else copy(0, 0, 0);
}

function neverWritten(where: string): BnnqError {
  return new BnnqError('malformed', `${where} was declared and never written`);
}

function swap(bytes: Uint8Array, size: number): Uint8Array {
  const swapped = new Uint8Array(bytes.length);
  for (let at = 0; at < bytes.length; at += size)
    for (let i = 0; i < size; i++) swapped[at + i] = bytes[at + size - 1 - i]!;
  return swapped;
}
