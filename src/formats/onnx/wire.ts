import protobuf from 'protobufjs/minimal.js';
import { BnnqError } from '../../errors.ts';

/**
 * The protobuf wire format, one message at a time: fields are met in the order of the file and only their places are
 * taken down, so that walking a model of 500 MB allocates next to nothing and a writer can copy what it does not change.
 * Source: protobuf.dev/programming-guides/encoding.
 */
export interface Field {
  readonly number: number;
  /** 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes. Groups (3, 4) are skipped: ONNX has none. */
  readonly wire: number;
  /** Offset of the tag. */
  readonly head: number;
  /** Payload without tag and length: `start` to `end`. */
  readonly start: number;
  readonly end: number;
}

/** A payload that was left where it is; the field that stands for it is empty. See outline.ts. */
export interface Cut {
  readonly length: number;
  fetch(): Uint8Array;
}

/** Bytes of a message inside a file. */
export interface Span {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

export function wholeOf(bytes: Uint8Array): Span {
  return { bytes, start: 0, end: bytes.length };
}

const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true });

export function readerOf({ bytes, start, end }: Span): protobuf.Reader {
  const reader = new protobuf.Reader(bytes);
  reader.pos = start;
  reader.len = end;
  return reader;
}

/**
 * The fields of the message at `span`.
 * @param what names the message in errors: "the model", `node "conv1"`
 * @throws malformed where tag, length or value run over the message's end
 */
export function fieldsOf(span: Span, what: string): Field[] {
  const fields: Field[] = [];
  const reader = readerOf(span);
  while (reader.pos < span.end) {
    const head = reader.pos;
    try {
      const tag = reader.uint32();
      const number = tag >>> 3;
      const wire = tag & 7;
      if (number === 0) throw new Error('field number 0');
      if (wire === 2) {
        const length = reader.uint32();
        const start = reader.pos;
        if (start + length > span.end)
          throw new Error(`field ${number} says ${length} bytes, ${span.end - start} are left`);
        reader.pos = start + length;
        fields.push({ number, wire, head, start, end: reader.pos });
      } else {
        const start = reader.pos;
        reader.skipType(wire);
        if (wire !== 3) fields.push({ number, wire, head, start, end: reader.pos });
      }
    } catch (thrown) {
      throw broken(what, head, thrown);
    }
  }
  return fields;
}

export function broken(what: string, offset: number, thrown: unknown): BnnqError {
  const reason = thrown instanceof RangeError ? 'a value runs over its end' : (thrown as Error).message;
  return new BnnqError(
    'malformed',
    `onnx: ${what} is damaged or cut off at byte ${offset}: ${reason}`,
    { offset },
    thrown,
  );
}

/** Reads values of fields of one message; every method checks the wire type. */
export class FieldReader {
  readonly bytes: Uint8Array;
  readonly what: string;

  constructor(bytes: Uint8Array, what: string) {
    this.bytes = bytes;
    this.what = what;
  }

  /** The embedded message, as a span. */
  message(field: Field): Span {
    this.#expect(field, 2);
    return { bytes: this.bytes, start: field.start, end: field.end };
  }

  /** A view of the payload. */
  view(field: Field): Uint8Array {
    this.#expect(field, 2);
    return this.bytes.subarray(field.start, field.end);
  }

  /** UTF-8; what is not valid becomes U+FFFD. */
  string(field: Field): string {
    return UTF8.decode(this.view(field));
  }

  /** An int64 (or int32, enum) as a number; beyond 2^53 it is rounded. */
  int(field: Field): number {
    this.#expect(field, 0);
    return toNumber(readerOf(this.#span(field)).int64());
  }

  /** A float32. */
  float(field: Field): number {
    this.#expect(field, 5);
    return readerOf(this.#span(field)).float();
  }

  /** Appends the values of a repeated int64 field, packed or not. */
  ints(field: Field, into: number[]): void {
    if (field.wire !== 2) into.push(this.int(field));
    else this.#packed(field, (reader) => into.push(toNumber(reader.int64())));
  }

  /** Appends the values of a repeated float field, packed or not. */
  floats(field: Field, into: number[]): void {
    if (field.wire !== 2) into.push(this.float(field));
    else this.#packed(field, (reader) => into.push(reader.float()));
  }

  #packed(field: Field, read: (reader: protobuf.Reader) => void): void {
    const reader = readerOf(this.#span(field));
    try {
      while (reader.pos < field.end) read(reader);
    } catch (thrown) {
      throw broken(this.what, field.start, thrown);
    }
  }

  #span(field: Field): Span {
    return { bytes: this.bytes, start: field.start, end: field.end };
  }

  #expect(field: Field, wire: number): void {
    if (field.wire !== wire)
      throw broken(
        this.what,
        field.head,
        new Error(`field ${field.number} has wire type ${field.wire}, expected ${wire}`),
      );
  }
}

/** Decodes a small message with generated code, and turns what that throws into one sentence. */
export function decodeLeaf<T>(span: Span, what: string, decode: (reader: protobuf.Reader) => T): T {
  try {
    return decode(readerOf(span));
  } catch (thrown) {
    throw broken(what, span.start, thrown);
  }
}

/** A 64-bit integer of protobufjs as a number, rounded once beyond 2^53. */
export function toNumber(value: { low: number; high: number } | number): number {
  return typeof value === 'number' ? value : value.high * 2 ** 32 + (value.low >>> 0);
}

/** Tag and length of a length-delimited field. */
export function fieldHead(number: number, length: number): Uint8Array {
  return protobuf.Writer.create()
    .uint32((number << 3) | 2)
    .uint32(length)
    .finish();
}

/** A length-delimited field around a payload in pieces. */
export function delimited(number: number, payload: readonly Uint8Array[]): Uint8Array[] {
  const length = payload.reduce((sum, chunk) => sum + chunk.length, 0);
  return [fieldHead(number, length), ...payload];
}

export function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
