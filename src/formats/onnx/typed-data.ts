import { byteLengthOf, DATA_TYPES, type DataType } from '../../tensor/dtype.ts';
import { TENSOR } from './schema.ts';
import { type Cut, concat, type Field, readerOf } from './wire.ts';

/** A typed field of TensorProto: how its values are encoded and which element types it may hold. */
export interface TypedField {
  readonly name: string;
  /** Bytes of a value; 0 for varints, absent for strings. */
  readonly width?: number;
  readonly types: ReadonlySet<DataType>;
}

const NARROW = (Object.keys(DATA_TYPES) as DataType[]).filter(
  (type) => type === 'INT32' || (DATA_TYPES[type].bits <= 16 && type !== 'STRING'),
);

/** Source: the comments on TensorProto in onnx.proto3. */
export const TYPED_FIELDS: ReadonlyMap<number, TypedField> = new Map<number, TypedField>([
  [TENSOR.floatData, { name: 'float_data', width: 4, types: new Set(['FLOAT', 'COMPLEX64']) }],
  [TENSOR.doubleData, { name: 'double_data', width: 8, types: new Set(['DOUBLE', 'COMPLEX128']) }],
  [TENSOR.int32Data, { name: 'int32_data', width: 0, types: new Set(NARROW) }],
  [TENSOR.int64Data, { name: 'int64_data', width: 0, types: new Set(['INT64']) }],
  [TENSOR.uint64Data, { name: 'uint64_data', width: 0, types: new Set(['UINT32', 'UINT64']) }],
  [TENSOR.stringData, { name: 'string_data', types: new Set(['STRING']) }],
]);

/** Values that a typed field has for `size` elements: complex numbers take two, an int32 holds one byte of small ones. */
export function valuesOf(dtype: DataType, size: number): number {
  const { bits } = DATA_TYPES[dtype];
  if (dtype.startsWith('COMPLEX')) return 2 * size;
  return bits > 0 && bits < 8 ? byteLengthOf(dtype, size) : size;
}

/** A run of a typed field, or the payload of raw_data: in the bytes at hand or cut out of them. */
export interface Payload extends Field {
  readonly cut?: Cut;
}

export function payloadLength({ start, end, cut }: Payload): number {
  return cut?.length ?? end - start;
}

export function payloadBytes(bytes: Uint8Array, { start, end, cut }: Payload): Uint8Array {
  return cut?.fetch() ?? bytes.subarray(start, end);
}

/** Number of values in the runs (packed) and single values of a typed field; not whole where a run is cut off. */
export function countValues(bytes: Uint8Array, form: TypedField, list: readonly Payload[]): number {
  if (form.width === undefined) return list.length;
  let count = 0;
  for (const payload of list) {
    const { start, end } = payload;
    if (form.width > 0) count += payloadLength(payload) / form.width;
    else {
      for (let i = start; i < end; i++) if (bytes[i]! < 128) count++; // the last byte of a varint
      if (end > start && bytes[end - 1]! >= 128) count += 0.5;
    }
  }
  return count;
}

/**
 * The numbers of a typed field in the layout of `raw_data`: a view of the file for floats and doubles in one packed run.
 * @throws RangeError or Error of protobufjs for a varint of more than ten bytes
 */
export function typedBytes(
  bytes: Uint8Array,
  form: TypedField,
  dtype: DataType,
  list: readonly Payload[],
): Uint8Array {
  if (form.width !== 0) {
    const runs = list.map((payload) => payloadBytes(bytes, payload));
    return runs.length === 1 ? runs[0]! : concat(runs);
  }
  const words = new Int32Array(2 * countValues(bytes, form, list));
  let at = 0;
  for (const { start, end } of list) {
    const reader = readerOf({ bytes, start, end });
    while (reader.pos < end) {
      const { low, high } = reader.int64() as { low: number; high: number };
      words[at++] = low;
      words[at++] = high;
    }
  }
  // The low bytes of a value are the element: int32_data holds FLOAT16, FLOAT8 and packed 4-bit elements as unsigned.
  const width = Math.max(1, DATA_TYPES[dtype].bits / 8);
  const all = new Uint8Array(words.buffer);
  if (width === 8) return all;
  const out = new Uint8Array((words.length / 2) * width);
  for (let i = 0; i < out.length; i++) out[i] = all[8 * Math.floor(i / width) + (i % width)]!;
  return out;
}
