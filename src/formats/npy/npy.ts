import { BnnqError } from '../../errors.ts';
import type { DataType } from '../../tensor/dtype.ts';
import { bfloat16ToNumber } from '../../tensor/float16.ts';
import { type NumericArray, sizeOf, type Tensor } from '../../tensor/tensor.ts';
import { MAX_ELEMENTS, MAX_RANK } from '../limits.ts';
import { elementsOf } from './elements.ts';

/*
 * NumPy's .npy file, versions 1 to 3 (numpy/lib/format.py): magic \x93NUMPY, version, little-endian header length (two
 * bytes in version 1, four in 2 and 3), a Python dictionary with descr, fortran_order and shape, then the elements.
 */

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** NumPy itself reads no header that is longer (numpy.lib.format._MAX_HEADER_SIZE). */
const MAX_NPY_HEADER_BYTES = 10_000;

/** Kind and item size of a NumPy type, to ours. */
const TYPES: Readonly<Record<string, DataType>> = {
  b1: 'BOOL',
  u1: 'UINT8',
  u2: 'UINT16',
  u4: 'UINT32',
  u8: 'UINT64',
  i1: 'INT8',
  i2: 'INT16',
  i4: 'INT32',
  i8: 'INT64',
  f2: 'FLOAT16',
  f4: 'FLOAT',
  f8: 'DOUBLE',
};

/**
 * Reads an array in row-major order, whatever order and endianness it is stored in. float16 stays bit patterns.
 * @param name what messages call the file
 * @throws malformed (not a .npy file, wrong length), unsupported (complex, text, object and structured arrays), limit
 */
export function readNpy(bytes: Uint8Array, name: string): Tensor {
  const header = readHeader(bytes, name);
  const dtype = TYPES[header.descr.slice(1)];
  if (dtype === undefined || !'<>=|'.includes(header.descr.charAt(0)))
    throw new BnnqError(
      'unsupported',
      `${name}: arrays of type ${header.descr} are not read, only numbers: ${Object.keys(TYPES).join(', ')}`,
      { file: name },
    );
  const count = sizeOf(header.shape);
  const width = Number(header.descr.slice(2));
  const stored = bytes.length - header.length;
  if (stored !== count * width)
    throw new BnnqError(
      'malformed',
      `${name}: ${stored} bytes of elements, shape [${header.shape.join(',')}] of ${header.descr} needs ${count * width}`,
      { file: name, offset: header.length },
    );
  const order = header.descr.charAt(0) === '>' ? 'big' : 'little';
  const data = elementsOf(bytes.subarray(header.length), dtype, order);
  const ordered = header.fortran ? toRowMajor(data, header.shape) : data;
  return { dtype, shape: header.shape, data: ordered };
}

interface Header {
  readonly descr: string;
  readonly fortran: boolean;
  readonly shape: readonly number[];
  /** Bytes before the elements. */
  readonly length: number;
}

function readHeader(bytes: Uint8Array, name: string): Header {
  const bad = (what: string): BnnqError => new BnnqError('malformed', `${name}: ${what}`, { file: name });
  if (bytes.length < 10 || MAGIC.some((byte, i) => bytes[i] !== byte))
    throw bad(`not a .npy file: ${bytes.length} bytes that do not begin with \\x93NUMPY`);
  const version = bytes[6]!;
  if (version < 1 || version > 3) throw bad(`.npy version ${version}, only 1 to 3 are known`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = version === 1 ? 10 : 12;
  const length = version === 1 ? view.getUint16(8, true) : bytes.length < 12 ? 0 : view.getUint32(8, true);
  if (length > MAX_NPY_HEADER_BYTES)
    throw new BnnqError(
      'limit',
      `${name}: header of ${length} bytes, at most ${MAX_NPY_HEADER_BYTES} are read`,
      {
        file: name,
      },
    );
  if (start + length > bytes.length)
    throw bad(`header of ${length} bytes from byte ${start} on, the file has ${bytes.length}`);
  const text = new TextDecoder().decode(bytes.subarray(start, start + length));
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(text)?.[1];
  const fortran = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1];
  const dims = /'shape'\s*:\s*\(([\d,\sL]*)\)/.exec(text)?.[1];
  if (descr === undefined && /'descr'\s*:\s*\[/.test(text))
    throw new BnnqError('unsupported', `${name}: structured arrays are not read`, { file: name });
  if (descr === undefined || fortran === undefined || dims === undefined)
    throw bad(`header without descr, fortran_order or shape: ${text.trim().slice(0, 200)}`);
  const shape = (dims.match(/\d+/g) ?? []).map(Number);
  if (shape.length > MAX_RANK || sizeOf(shape) > MAX_ELEMENTS)
    throw new BnnqError('limit', `${name}: shape [${shape.slice(0, 8).join(',')}…] is too large`, {
      file: name,
    });
  return { descr, fortran: fortran === 'True', shape, length: start + length };
}

/** First axis fastest, as Fortran stores it, to last axis fastest. */
function toRowMajor(data: NumericArray, shape: readonly number[]): NumericArray {
  const result = data.slice();
  const strides: number[] = [];
  let stride = 1;
  for (const dim of shape) {
    strides.push(stride);
    stride *= dim;
  }
  const index = new Array<number>(shape.length).fill(0);
  for (let i = 0, from = 0; i < data.length; i++) {
    result[i] = data[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}

/**
 * The bytes of a .npy file, version 1, little-endian, row-major; NumPy's own choice for such an array. BFLOAT16, which
 * NumPy does not know, is written as float32.
 * @throws unsupported (text, complex and other types that NumPy has no array of)
 */
export function writeNpy(tensor: Tensor): Uint8Array {
  const { dtype, data, shape } = tensor.dtype === 'BFLOAT16' ? widened(tensor) : tensor;
  const type = Object.keys(TYPES).find((key) => TYPES[key] === dtype);
  if (type === undefined || Array.isArray(data))
    throw new BnnqError('unsupported', `npy: tensors of type ${tensor.dtype} cannot be written`);
  if (data.length !== sizeOf(shape))
    throw new BnnqError(
      'mismatch',
      `npy: shape [${shape.join(',')}] needs ${sizeOf(shape)} elements, got ${data.length}`,
    );
  const descr = (data.BYTES_PER_ELEMENT === 1 ? '|' : '<') + type;
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const dictionary = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${dims}), }`;
  // Padded so that the elements begin at a multiple of 64 bytes.
  const length = Math.ceil((10 + dictionary.length + 1) / 64) * 64;
  const bytes = new Uint8Array(length + data.byteLength);
  bytes.set(MAGIC);
  bytes[6] = 1;
  new DataView(bytes.buffer).setUint16(8, length - 10, true);
  bytes.set(new TextEncoder().encode(`${dictionary.padEnd(length - 11)}\n`), 10);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), length);
  return bytes;
}

function widened(tensor: Tensor): Tensor {
  const bits = tensor.data as Uint16Array;
  return { dtype: 'FLOAT', shape: tensor.shape, data: Float32Array.from(bits, bfloat16ToNumber) };
}
