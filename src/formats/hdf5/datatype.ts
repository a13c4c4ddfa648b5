import type { DataType } from '../../tensor/dtype.ts';
import type { Cursor } from './cursor.ts';

/** The type of the elements of a dataset or attribute, as far as Keras files have them. */
export type ElementType =
  | { readonly kind: 'number'; readonly size: number; readonly dtype: DataType; readonly bigEndian: boolean }
  | { readonly kind: 'text'; readonly size: number }
  /** Text of any length, kept in a heap. */
  | { readonly kind: 'long-text'; readonly size: number }
  | { readonly kind: 'opaque'; readonly size: number }
  | { readonly kind: 'other'; readonly size: number; readonly what: string };

const CLASSES = [
  'fixed-point',
  'floating-point',
  'time',
  'text',
  'bit field',
  'opaque',
  'compound',
  'reference',
  'enumeration',
  'variable-length',
  'array',
];

const INTEGERS: Record<string, DataType> = {
  '1': 'UINT8',
  '2': 'UINT16',
  '4': 'UINT32',
  '8': 'UINT64',
  '-1': 'INT8',
  '-2': 'INT16',
  '-4': 'INT32',
  '-8': 'INT64',
};

/** Floats by size, exponent bits, fraction bits and exponent bias. */
const FLOATS: Record<string, DataType> = {
  '2/5/10/15': 'FLOAT16',
  '2/8/7/127': 'BFLOAT16',
  '4/8/23/127': 'FLOAT',
  '8/11/52/1023': 'DOUBLE',
};

/** Reads a datatype message. Source: HDF5 File Format Specification 3.0, section IV.A.2.d. @throws malformed */
export function readElementType(body: Cursor): ElementType {
  const head = body.u8();
  const bits = body.u8() | (body.u8() << 8) | (body.u8() << 16);
  const size = body.u32();
  const name = CLASSES[head & 15] ?? `class ${head & 15}`;
  if (size === 0) throw body.malformed(`has elements of 0 bytes (${name})`);
  const other: ElementType = { kind: 'other', size, what: `${name} elements of ${size} bytes` };
  switch (name) {
    case 'fixed-point': {
      const [offset, precision] = [body.u16(), body.u16()];
      const dtype = INTEGERS[bits & 8 ? -size : size];
      if (dtype === undefined || offset !== 0 || precision !== 8 * size) return other;
      return { kind: 'number', size, dtype, bigEndian: (bits & 1) === 1 };
    }
    case 'floating-point': {
      const [offset, precision] = [body.u16(), body.u16()];
      body.skip(1);
      const exponent = body.u8();
      body.skip(1);
      const fraction = body.u8();
      const dtype = FLOATS[[size, exponent, fraction, body.u32()].join('/')];
      if (dtype === undefined || offset !== 0 || precision !== 8 * size || bits & 0x40) return other;
      return { kind: 'number', size, dtype, bigEndian: (bits & 1) === 1 };
    }
    case 'text':
      return { kind: 'text', size };
    case 'opaque':
      return { kind: 'opaque', size };
    case 'enumeration': {
      // h5py stores booleans as an enumeration of int8.
      const base = readElementType(body);
      return base.kind === 'number' && base.dtype === 'INT8' ? { ...base, dtype: 'BOOL' } : other;
    }
    case 'variable-length':
      return (bits & 15) === 1 && size === 16 ? { kind: 'long-text', size } : other;
    default:
      return other;
  }
}

/** Reads a dataspace message: the shape, [] for a scalar, undefined for "no elements at all". */
export function readShape(body: Cursor): readonly number[] | undefined {
  const version = body.version(1, 2);
  const rank = body.u8();
  body.skip(1);
  const kind = body.u8();
  if (version === 1) body.skip(4);
  else if (kind === 2) return undefined;
  return Array.from({ length: rank }, () => body.length());
}
