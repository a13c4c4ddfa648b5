import { MIN_CUT_BYTES } from '../limits.ts';
import { PATHS } from './patch.ts';
import { TENSOR } from './schema.ts';
import { broken, type Cut, type Field, fieldHead, readerOf } from './wire.ts';

/** Bytes that are read by parts. */
export interface ByteSource {
  readonly length: number;
  read(offset: number, length: number): Uint8Array;
}

/** A model's bytes without its large payloads. */
export interface Outline {
  readonly bytes: Uint8Array;
  /** The payloads by the offset in `bytes` of the empty field that stands for each. */
  readonly cuts: ReadonlyMap<number, Cut>;
}

/** Fields of TensorProto whose payload is the elements as they are computed with. */
const CUT_FIELDS: ReadonlySet<number> = new Set([TENSOR.rawData, TENSOR.floatData, TENSOR.doubleData]);

/** A tag and a length have at most 5 + 10 bytes, a number 10. */
const HEAD_BYTES = 20;

const WINDOW_BYTES = 65536;

/**
 * Walks an ONNX file by small reads and copies all of it but the elements of large tensors, which are left empty. Every
 * other byte, known field or not, is kept, as `patchOnnx` does.
 * @param what names the file in errors
 * @throws malformed, with the same sentences as reading the whole
 */
export function outlineOnnx(source: ByteSource, what: string, minBytes: number = MIN_CUT_BYTES): Outline {
  const pieces = copy(new Window(source), 0, source.length, 'model', { what, minBytes });
  const bytes = new Uint8Array(lengthOf(pieces));
  const cuts = new Map<number, Cut>();
  let at = 0;
  for (const piece of pieces) {
    if (piece instanceof Uint8Array) {
      bytes.set(piece, at);
      at += piece.length;
    } else {
      const { offset, length } = piece;
      cuts.set(at, { length, fetch: () => source.read(offset, length) });
    }
  }
  return { bytes, cuts };
}

/** Bytes to copy, or a place in the source where a payload stays. */
type Piece = Uint8Array | { readonly offset: number; readonly length: number };

function lengthOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, piece) => sum + (piece instanceof Uint8Array ? piece.length : 0), 0);
}

function copy(
  window: Window,
  start: number,
  end: number,
  kind: string,
  options: { readonly what: string; readonly minBytes: number },
): Piece[] {
  if (end - start < options.minBytes) return [window.read(start, end - start)];
  const pieces: Piece[] = [];
  let copied = start;
  for (let at = start; at < end; ) {
    const field = window.fieldAt(at, end, kind === 'model' ? options.what : `the ${kind}`);
    at = field.end;
    const length = field.end - field.start;
    if (field.wire !== 2 || length < options.minBytes) continue;
    const inner = PATHS[kind]?.[field.number];
    const isCut = kind === 'tensor' && CUT_FIELDS.has(field.number);
    if (inner === undefined && !isCut) continue;
    pieces.push(window.read(copied, field.head - copied));
    copied = field.end;
    if (isCut) pieces.push(fieldHead(field.number, 0), { offset: field.start, length });
    else {
      const payload = copy(window, field.start, field.end, inner!, options);
      pieces.push(fieldHead(field.number, lengthOf(payload)), ...payload);
    }
  }
  pieces.push(window.read(copied, end - copied));
  return pieces;
}

/** Small reads out of one larger one. */
class Window {
  readonly #source: ByteSource;
  #start = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(source: ByteSource) {
    this.#source = source;
  }

  read(offset: number, length: number): Uint8Array {
    if (length > WINDOW_BYTES) return this.#source.read(offset, length);
    if (offset < this.#start || offset + length > this.#start + this.#bytes.length) {
      this.#start = offset;
      this.#bytes = this.#source.read(offset, Math.min(WINDOW_BYTES, this.#source.length - offset));
    }
    return this.#bytes.slice(offset - this.#start, offset - this.#start + length); // a view would keep the window
  }

  /** The field that begins at `at` of a message that ends at `end`. */
  fieldAt(at: number, end: number, what: string): Field {
    const bytes = this.read(at, Math.min(HEAD_BYTES, end - at));
    const reader = readerOf({ bytes, start: 0, end: bytes.length });
    try {
      const tag = reader.uint32();
      const wire = tag & 7;
      if (tag >>> 3 === 0) throw new Error('field number 0');
      if (wire === 3) throw new Error('a group');
      let length = 0;
      if (wire === 2) length = reader.uint32();
      else reader.skipType(wire);
      const start = at + reader.pos;
      if (start + length > end)
        throw new Error(`field ${tag >>> 3} says ${length} bytes, ${end - start} are left`);
      return { number: tag >>> 3, wire, head: at, start, end: start + length };
    } catch (thrown) {
      throw broken(what, at, thrown);
    }
  }
}
