/**
 * ONNX element types by their names in TensorProto.DataType, with number and width.
 * Source: onnx.proto3 of ONNX 1.20 (numbers 1-16 as in IR 8, 17-26 added since).
 */
export const DATA_TYPES = {
  FLOAT: { number: 1, bits: 32 },
  UINT8: { number: 2, bits: 8 },
  INT8: { number: 3, bits: 8 },
  UINT16: { number: 4, bits: 16 },
  INT16: { number: 5, bits: 16 },
  INT32: { number: 6, bits: 32 },
  INT64: { number: 7, bits: 64 },
  STRING: { number: 8, bits: 0 },
  BOOL: { number: 9, bits: 8 },
  FLOAT16: { number: 10, bits: 16 },
  DOUBLE: { number: 11, bits: 64 },
  UINT32: { number: 12, bits: 32 },
  UINT64: { number: 13, bits: 64 },
  COMPLEX64: { number: 14, bits: 64 },
  COMPLEX128: { number: 15, bits: 128 },
  BFLOAT16: { number: 16, bits: 16 },
  FLOAT8E4M3FN: { number: 17, bits: 8 },
  FLOAT8E4M3FNUZ: { number: 18, bits: 8 },
  FLOAT8E5M2: { number: 19, bits: 8 },
  FLOAT8E5M2FNUZ: { number: 20, bits: 8 },
  UINT4: { number: 21, bits: 4 },
  INT4: { number: 22, bits: 4 },
  FLOAT4E2M1: { number: 23, bits: 4 },
  FLOAT8E8M0: { number: 24, bits: 8 },
  UINT2: { number: 25, bits: 2 },
  INT2: { number: 26, bits: 2 },
} as const;

export type DataType = keyof typeof DATA_TYPES;

const BY_NUMBER = new Map<number, DataType>(
  (Object.keys(DATA_TYPES) as DataType[]).map((name) => [DATA_TYPES[name].number, name]),
);

/** The type with that TensorProto.DataType number, or undefined. */
export function dataTypeOf(number: number): DataType | undefined {
  return BY_NUMBER.get(number);
}

/** Whether the type is one of half precision, which the runtime holds as FLOAT. */
export function isHalf(dtype: DataType | undefined): boolean {
  return dtype === 'FLOAT16' || dtype === 'BFLOAT16';
}

/** Bytes that `count` elements take in `raw_data`: sub-byte types are packed two or four a byte, the last byte padded. */
export function byteLengthOf(dtype: DataType, count: number): number {
  return Math.ceil((DATA_TYPES[dtype].bits * count) / 8);
}
