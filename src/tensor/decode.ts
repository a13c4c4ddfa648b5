import { BnnqError } from '../errors.ts';
import { byteLengthOf, DATA_TYPES, type DataType } from './dtype.ts';
import { arrayClassOf, type NumericArray, sizeOf, type Tensor } from './tensor.ts';

type ArrayOverBuffer = {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): NumericArray;
};

const COMPLEX: Partial<Record<DataType, ArrayOverBuffer>> = {
  COMPLEX64: Float32Array,
  COMPLEX128: Float64Array,
};
const SIGNED: ReadonlySet<DataType> = new Set(['INT4', 'INT2']);

/**
 * The tensor that `bytes` hold in the layout of ONNX `raw_data`: row-major, little-endian; 4-bit and 2-bit elements
 * packed from the low bits of a byte on. The elements are a view of `bytes` where they are aligned, else a copy: do not
 * write to them. (Every machine that Node runs on is little-endian in practice; the views rely on it.)
 * @throws mismatch where the number of bytes is not that of the shape, unsupported for STRING
 */
export function decodeTensor(dtype: DataType, shape: readonly number[], bytes: Uint8Array): Tensor {
  const size = sizeOf(shape);
  if (dtype === 'STRING') throw new BnnqError('unsupported', 'strings have no raw layout');
  if (bytes.length !== byteLengthOf(dtype, size))
    throw new BnnqError(
      'mismatch',
      `${bytes.length} bytes, shape [${shape.join(',')}] of ${dtype} needs ${byteLengthOf(dtype, size)}`,
    );
  if (DATA_TYPES[dtype].bits < 8) return { dtype, shape, data: unpack(dtype, size, bytes) };
  if (dtype === 'BOOL') return { dtype, shape, data: booleans(bytes) };
  const Class = COMPLEX[dtype] ?? (arrayClassOf(dtype) as unknown as ArrayOverBuffer);
  return { dtype, shape, data: viewOf(Class, bytes) };
}

/** A typed array over `bytes`: a view where they are aligned, else a copy. */
export function viewOf<T>(
  Class: {
    readonly BYTES_PER_ELEMENT: number;
    new (buffer: ArrayBufferLike, byteOffset: number, length: number): T;
  },
  bytes: Uint8Array,
): T {
  const length = bytes.length / Class.BYTES_PER_ELEMENT;
  if (bytes.byteOffset % Class.BYTES_PER_ELEMENT === 0)
    return new Class(bytes.buffer, bytes.byteOffset, length);
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  return new Class(copy.buffer, 0, length);
}

/** The elements of a tensor in the layout of ONNX `raw_data`; the inverse of `decodeTensor`. A view where it can be. */
export function encodeTensor(tensor: Tensor): Uint8Array {
  const { dtype, data } = tensor;
  if (Array.isArray(data)) throw new BnnqError('unsupported', 'strings have no raw layout');
  const { bits } = DATA_TYPES[dtype];
  if (bits >= 8) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const perByte = 8 / bits;
  const mask = 2 ** bits - 1;
  const bytes = new Uint8Array(byteLengthOf(dtype, data.length));
  for (let i = 0; i < data.length; i++)
    bytes[Math.floor(i / perByte)]! |= (Number(data[i]) & mask) << (bits * (i % perByte));
  return bytes;
}

function unpack(dtype: DataType, size: number, bytes: Uint8Array): Uint8Array | Int8Array {
  const { bits } = DATA_TYPES[dtype];
  const perByte = 8 / bits;
  const mask = 2 ** bits - 1;
  const half = 2 ** (bits - 1);
  const signed = SIGNED.has(dtype);
  const data = signed ? new Int8Array(size) : new Uint8Array(size);
  for (let i = 0; i < size; i++) {
    const value = (bytes[Math.floor(i / perByte)]! >> (bits * (i % perByte))) & mask;
    data[i] = signed && value >= half ? value - 2 * half : value;
  }
  return data;
}

/** Any byte but 0 is true; a file with others than 0 and 1 is copied. */
function booleans(bytes: Uint8Array): Uint8Array {
  if (bytes.every((byte) => byte <= 1)) return viewOf(Uint8Array, bytes);
  return Uint8Array.from(bytes, (byte) => (byte === 0 ? 0 : 1));
}
