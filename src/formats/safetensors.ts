import { BnnqError } from '../errors.ts';
import { byteLengthOf, type DataType } from '../tensor/dtype.ts';
import { sizeOf } from '../tensor/tensor.ts';
import { checkJsonDepth } from './json-depth.ts';
import { MAX_HEADER_BYTES } from './limits.ts';

/**
 * The safetensors container: eight bytes of header length (little-endian), a JSON header, then the tensors without gaps.
 * Source: github.com/huggingface/safetensors, README section "Format".
 */
export interface TensorEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Byte range in the data section. */
  readonly start: number;
  readonly end: number;
}

export interface Safetensors {
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** The bytes after the header. */
  readonly data: Uint8Array;
}

const DTYPES: Partial<Record<DataType, string>> = {
  FLOAT: 'F32',
  DOUBLE: 'F64',
  FLOAT16: 'F16',
  BFLOAT16: 'BF16',
  INT8: 'I8',
  UINT8: 'U8',
  INT16: 'I16',
  UINT16: 'U16',
  INT32: 'I32',
  UINT32: 'U32',
  INT64: 'I64',
  UINT64: 'U64',
  BOOL: 'BOOL',
  FLOAT8E4M3FN: 'F8_E4M3',
  FLOAT8E5M2: 'F8_E5M2',
};

const BY_NAME = new Map((Object.keys(DTYPES) as DataType[]).map((dtype) => [DTYPES[dtype]!, dtype]));

/** The safetensors name of an element type; undefined for types that the format does not have. */
export function safetensorsDtype(dtype: DataType): string | undefined {
  return DTYPES[dtype];
}

/** The ONNX name of a safetensors element type. */
export function dataTypeOfSafetensors(name: string): DataType | undefined {
  return BY_NAME.get(name);
}

/** Bytes of the elements of an entry by its type and shape; undefined for a type that is not known here. */
function needed(entry: TensorEntry): number | undefined {
  const dtype = BY_NAME.get(entry.dtype);
  return dtype === undefined ? undefined : byteLengthOf(dtype, sizeOf(entry.shape));
}

/**
 * Header bytes for tensors that lie in the data section one after the other in the order given, padded with spaces so
 * that the data begins at a multiple of 8.
 */
export function encodeHeader(
  metadata: ReadonlyMap<string, string>,
  tensors: Iterable<readonly [string, { dtype: string; shape: readonly number[]; byteLength: number }]>,
): Uint8Array {
  const entries: [string, unknown][] = [['__metadata__', Object.fromEntries(metadata)]];
  let at = 0;
  for (const [name, { dtype, shape, byteLength }] of tensors) {
    entries.push([name, { dtype, shape, data_offsets: [at, at + byteLength] }]);
    at += byteLength;
  }
  const json = new TextEncoder().encode(
    `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`,
  );
  const padded = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(8 + padded).fill(0x20);
  header.set(json, 8);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  return header;
}

/**
 * Reads and checks the header; the tensors stay in `bytes`.
 * @param what names the file in errors
 * @throws malformed, limit: header, types, shapes and offsets that do not fit each other or the file
 */
export function decodeSafetensors(bytes: Uint8Array, what: string): Safetensors {
  const refuse = (text: string, code: 'malformed' | 'limit' = 'malformed') =>
    new BnnqError(code, `safetensors: ${what} ${text}`);
  if (bytes.length < 8) throw refuse(`has ${bytes.length} bytes, a header length needs 8`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES)
    throw refuse(`has a header of ${length} bytes, at most ${MAX_HEADER_BYTES} are read`, 'limit');
  if (8 + length > bytes.length)
    throw refuse(
      `is cut off: its header has ${length} bytes, the file has ${bytes.length - 8} after the length`,
    );
  const header = parseHeader(bytes.subarray(8, 8 + length), `safetensors: ${what}`, refuse);
  const data = bytes.subarray(8 + length);
  const metadata = new Map<string, string>();
  const tensors = new Map<string, TensorEntry>();
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') {
      for (const [key, text] of Object.entries(recordOf(value) ?? {})) {
        if (typeof text !== 'string') throw refuse(`has the metadata "${key}", which is not a string`);
        metadata.set(key, text);
      }
    } else tensors.set(name, entryOf(name, value, refuse));
  }
  checkLayout(tensors, data.length, refuse);
  return { metadata, tensors, data };
}

/** The bytes of one tensor, a view. */
export function tensorBytes(file: Safetensors, entry: TensorEntry): Uint8Array {
  return file.data.subarray(entry.start, entry.end);
}

type Refuse = (text: string) => BnnqError;

function parseHeader(bytes: Uint8Array, where: string, refuse: Refuse): Record<string, unknown> {
  let header: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    checkJsonDepth(text, `${where}: its header`);
    header = JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof BnnqError) throw thrown;
    throw refuse(`has a header that is not JSON: ${(thrown as Error).message}`);
  }
  const record = recordOf(header);
  if (record === undefined) throw refuse('has a header that is not a JSON object');
  return record;
}

function recordOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function entryOf(name: string, value: unknown, refuse: Refuse): TensorEntry {
  const { dtype, shape, data_offsets: offsets } = recordOf(value) ?? {};
  if (typeof dtype !== 'string' || !isSizes(shape) || !isSizes(offsets) || offsets.length !== 2)
    throw refuse(`has a broken entry for tensor "${name}"`);
  const entry = { dtype, shape, start: offsets[0]!, end: offsets[1]! };
  const bytes = needed(entry);
  if (entry.end < entry.start || (bytes !== undefined && entry.end - entry.start !== bytes))
    throw refuse(
      `has ${entry.end - entry.start} bytes for tensor "${name}", shape [${shape.join(',')}] of ${dtype} needs ${bytes}`,
    );
  return entry;
}

/** Tensors cover the data section without gaps and overlaps, as the reference implementation demands. */
function checkLayout(tensors: ReadonlyMap<string, TensorEntry>, length: number, refuse: Refuse): void {
  const sorted = [...tensors].sort(([, a], [, b]) => a.start - b.start || a.end - b.end);
  let at = 0;
  for (const [name, { start, end }] of sorted) {
    if (start !== at) throw refuse(`has tensor "${name}" at byte ${start} of the data, expected ${at}`);
    at = end;
  }
  if (at > length) throw refuse(`is cut off: its tensors have ${at} bytes, ${length} are there`);
  if (at < length) throw refuse(`has ${length} bytes of data, its tensors have ${at}`);
}
