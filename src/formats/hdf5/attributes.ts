import { BnnqError } from '../../errors.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import { MAX_TEXT_BYTES } from '../limits.ts';
import { Cursor, textOf } from './cursor.ts';
import { type ElementType, readElementType, readShape } from './datatype.ts';
import type { GlobalHeaps } from './heaps.ts';
import { MESSAGE, type Message } from './object-header.ts';
import type { Storage } from './storage.ts';

/** A named value of a group or dataset, not decoded yet. */
export interface Attribute {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[] | undefined;
  readonly data: Uint8Array;
}

/** The attributes of an object by name. Source: HDF5 File Format Specification 3.0, section IV.A.2.m. */
export function readAttributes(file: Storage, messages: readonly Message[]): Map<string, Attribute> {
  const attributes = new Map<string, Attribute>();
  for (const { type, body } of messages) {
    if (type === MESSAGE.attributeInfo) checkNotDense(file, body);
    if (type !== MESSAGE.attribute) continue;
    const attribute = readAttribute(file, body);
    attributes.set(attribute.name, attribute);
  }
  return attributes;
}

/** Attributes beyond eight may be kept in a heap of their own, if the file was written for HDF5 1.8 or later only. */
function checkNotDense(file: Storage, body: Cursor): void {
  body.version(0);
  body.skip(body.u8() & 1 ? 2 : 0);
  if (body.address() !== undefined)
    throw file.unsupported(
      'attributes are stored in the dense form of HDF5 1.8; rewrite the file with h5repack',
    );
}

function readAttribute(file: Storage, body: Cursor): Attribute {
  const version = body.version(1, 2, 3);
  const flags = body.u8();
  if (version > 1 && flags & 3) throw file.unsupported('the type of an attribute is stored apart from it');
  const [nameBytes, typeBytes, shapeBytes] = [body.u16(), body.u16(), body.u16()];
  if (version === 3) body.skip(1);
  const part = (length: number): Uint8Array => {
    const bytes = body.take(length);
    if (version === 1) body.align();
    return bytes;
  };
  const name = textOf(part(nameBytes));
  const what = `${file.what}: attribute ${JSON.stringify(name)}`;
  const type = readElementType(new Cursor(part(typeBytes), what));
  const shape = readShape(new Cursor(part(shapeBytes), what));
  const needed = shape === undefined ? 0 : sizeOf(shape) * type.size;
  if (needed > body.left)
    throw new BnnqError(
      'malformed',
      `hdf5: ${what} has ${body.left} bytes, its shape [${shape!.join(',')}] needs ${needed}`,
    );
  return { name, type, shape, data: body.take(needed) };
}

/** The texts of an attribute, one an element; undefined where it holds something else. @throws malformed, limit */
export function attributeTexts(
  file: Storage,
  heaps: GlobalHeaps,
  attribute: Attribute,
): string[] | undefined {
  const { name, type, shape, data } = attribute;
  if (type.kind !== 'text' && type.kind !== 'long-text') return undefined;
  const texts: string[] = [];
  let total = 0;
  for (let at = 0; shape !== undefined && at < data.length; at += type.size) {
    const element = data.subarray(at, at + type.size);
    const bytes = type.kind === 'text' ? element : longText(heaps, new Cursor(element, file.what));
    total += bytes.length;
    if (total > MAX_TEXT_BYTES)
      throw new BnnqError(
        'limit',
        `hdf5: ${file.what}: attribute ${JSON.stringify(name)} has more than ${MAX_TEXT_BYTES} bytes of text`,
      );
    texts.push(textOf(bytes));
  }
  return texts;
}

function longText(heaps: GlobalHeaps, element: Cursor): Uint8Array {
  const length = element.u32();
  const address = element.address();
  if (length === 0 || address === undefined || address === 0) return new Uint8Array(0);
  const object = heaps.object(address, element.u32());
  if (object.length < length)
    throw element.malformed(`has a text of ${length} bytes, its place in the heap has ${object.length}`);
  return object.subarray(0, length);
}
