import { BnnqError } from '../../errors.ts';

/** An address or length of 8 bytes with all bits set: "none". */
const UNDEFINED = 0xffffffffffffffffn;

/**
 * Reads the fields of one structure of an HDF5 file, little-endian, one after the other. Addresses and lengths have 8
 * bytes, as in every file that h5py writes.
 */
export class Cursor {
  readonly bytes: Uint8Array;
  /** What is being read, for messages: `the B-tree node at byte 1384`. */
  readonly what: string;
  at = 0;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, what: string) {
    this.bytes = bytes;
    this.what = what;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** A whole number of 1, 2, 4 or 8 bytes. */
  uint(width: number): number {
    return width === 1 ? this.u8() : width === 2 ? this.u16() : width === 4 ? this.u32() : this.length();
  }

  /** A length or count. @throws malformed beyond 2^53, which no file has */
  length(): number {
    const value = this.#view.getBigUint64(this.#take(8), true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.malformed(`holds the length ${value}`);
    return Number(value);
  }

  /** An address; undefined where there is none. */
  address(): number | undefined {
    const value = this.#view.getBigUint64(this.#take(8), true);
    return value === UNDEFINED ? undefined : Number(value);
  }

  take(length: number): Uint8Array {
    const start = this.#take(length);
    return this.bytes.subarray(start, start + length);
  }

  skip(length: number): void {
    this.#take(length);
  }

  /** Goes on at the next multiple of 8 from the start; what is padded may end without its padding. */
  align(): void {
    this.at = Math.min(Math.ceil(this.at / 8) * 8, this.bytes.length);
  }

  signature(text: string): void {
    const found = String.fromCharCode(...this.take(text.length));
    if (found !== text)
      throw this.malformed(`begins with ${JSON.stringify(found)}, expected ${JSON.stringify(text)}`);
  }

  /** @throws unsupported where the next byte is none of `versions` */
  version(...versions: readonly number[]): number {
    const found = this.u8();
    if (!versions.includes(found))
      throw new BnnqError(
        'unsupported',
        `hdf5: ${this.what} has version ${found}, expected ${versions.join(' or ')}`,
      );
    return found;
  }

  malformed(text: string): BnnqError {
    return new BnnqError('malformed', `hdf5: ${this.what} ${text}`);
  }

  #take(length: number): number {
    if (length > this.left)
      throw this.malformed(`is cut off: it has ${this.bytes.length} bytes, ${this.at + length} are needed`);
    const start = this.at;
    this.at += length;
    return start;
  }
}

/** The text before the first zero byte. Keras writes UTF-8; bytes that are none become U+FFFD. */
export function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(end < 0 ? bytes : bytes.subarray(0, end));
}
