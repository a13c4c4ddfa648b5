import type { Cursor } from './cursor.ts';
import type { Storage } from './storage.ts';

/** Bytes of signature, version and size of a heap of objects. */
const COLLECTION_HEAD_BYTES = 16;

/** The names of a group's links: a stretch of zero-terminated texts. Source: HDF5 File Format Specification 3.0, section III.D. */
export function readLocalHeap(file: Storage, address: number): Cursor {
  const head = file.open(address, 32, 'local heap');
  head.signature('HEAP');
  head.version(0);
  head.skip(3);
  const size = head.length();
  head.skip(8);
  const data = head.address();
  if (data === undefined) throw head.malformed('has no data');
  return file.open(data, size, 'local heap data');
}

/** The heaps of long texts of a file; each is read once. Source: section III.E. */
export class GlobalHeaps {
  readonly #file: Storage;
  readonly #collections = new Map<number, ReadonlyMap<number, Uint8Array>>();

  constructor(file: Storage) {
    this.#file = file;
  }

  object(address: number, index: number): Uint8Array {
    const known = this.#collections.get(address) ?? this.#read(address);
    this.#collections.set(address, known);
    const found = known.get(index);
    if (found === undefined)
      throw this.#file.malformed(
        `the heap at byte ${address} has no object ${index}, a text is said to be there`,
      );
    return found;
  }

  #read(address: number): ReadonlyMap<number, Uint8Array> {
    const head = this.#file.open(address, COLLECTION_HEAD_BYTES, 'heap');
    head.signature('GCOL');
    head.version(1);
    head.skip(3);
    const body = this.#file.open(address, head.length(), 'heap');
    body.skip(COLLECTION_HEAD_BYTES);
    const objects = new Map<number, Uint8Array>();
    while (body.left >= 16) {
      this.#file.spend(1);
      const index = body.u16();
      body.skip(6);
      const size = body.length();
      if (index === 0) break; // the rest is free
      objects.set(index, body.take(size));
      body.align();
    }
    return objects;
  }
}
