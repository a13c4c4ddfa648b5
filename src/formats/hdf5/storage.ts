import { BnnqError } from '../../errors.ts';
import type { ByteSource } from '../byte-source.ts';
import { MAX_HDF5_RECORDS } from '../limits.ts';
import { Cursor } from './cursor.ts';

/**
 * The bytes of an HDF5 file as its structures address them. Every part is checked against the length of the file, and
 * the records that are looked at are counted: whatever a damaged file points to, the work ends.
 */
export class Storage {
  readonly source: ByteSource;
  /** The file, for messages: `"model.h5"`. */
  readonly what: string;
  #records = 0;

  constructor(source: ByteSource, what: string) {
    this.source = source;
    this.what = what;
  }

  /** The `length` bytes at `address`, named `the <part> at byte <address>` in messages. */
  open(address: number, length: number, part: string): Cursor {
    return new Cursor(this.bytes(address, length, part), `${this.what}: the ${part} at byte ${address}`);
  }

  /** From `address` on `length` bytes, or fewer at the end of the file. */
  openUpTo(address: number, length: number, part: string): Cursor {
    return this.open(address, Math.max(0, Math.min(length, this.source.length - address)), part);
  }

  bytes(address: number, length: number, part: string): Uint8Array {
    if (!Number.isSafeInteger(address + length) || address + length > this.source.length)
      throw new BnnqError(
        'malformed',
        `hdf5: ${this.what}: the ${part} at byte ${address} has ${length} bytes, the file ends at ${this.source.length}`,
        { offset: address },
      );
    return this.source.read(address, length);
  }

  /** Counts records that are about to be looked at. @throws limit */
  spend(records: number): void {
    this.#records += records;
    if (this.#records > MAX_HDF5_RECORDS)
      throw new BnnqError(
        'limit',
        `hdf5: ${this.what} has more than ${MAX_HDF5_RECORDS} records, or they run in circles`,
      );
  }

  /** The same bytes with a count of its own, for work that may be done again and again. */
  recount(): Storage {
    return new Storage(this.source, this.what);
  }

  unsupported(text: string): BnnqError {
    return new BnnqError('unsupported', `hdf5: ${this.what}: ${text}`);
  }

  malformed(text: string): BnnqError {
    return new BnnqError('malformed', `hdf5: ${this.what}: ${text}`);
  }
}
