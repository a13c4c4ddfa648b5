import type { Dataset } from '../formats/datasets/dataset.ts';
import type { Feeder } from './preprocess.ts';

/**
 * Memory that decoded samples may take. A sweep passes over the data once a point, and decoding a JPEG takes about as
 * long as running a small network on it.
 */
export const DEFAULT_CACHE_BYTES = 1.5e9;

/** Decoded samples shared between threads: fixed slots, each with a flag that says whether it is filled. */
export interface SampleCache {
  readonly bytes: SharedArrayBuffer;
  readonly filled: SharedArrayBuffer;
}

/** Slots for the first samples of a dataset, as many as fit. */
export function createSampleCache(count: number, byteLength: number, maxBytes: number): SampleCache {
  const slots = Math.min(count, Math.floor(maxBytes / Math.max(1, byteLength)));
  return { bytes: new SharedArrayBuffer(slots * byteLength), filled: new SharedArrayBuffer(slots) };
}

/** Samples of a dataset as the feeder packs them, from the cache where they are in it. */
export class PackedSamples {
  readonly #dataset: Dataset;
  readonly #feeder: Feeder;
  readonly #bytes: Uint8Array;
  readonly #filled: Uint8Array;

  constructor(dataset: Dataset, feeder: Feeder, cache: SampleCache) {
    this.#dataset = dataset;
    this.#feeder = feeder;
    this.#bytes = new Uint8Array(cache.bytes);
    this.#filled = new Uint8Array(cache.filled);
  }

  /** The packed sample, at once where it is cached or in memory. Two threads that fill a slot write the same bytes. */
  get(index: number): Uint8Array | Promise<Uint8Array> {
    if (index < this.#filled.length && Atomics.load(this.#filled, index) === 1) return this.#slot(index);
    const sample = this.#dataset.sample(index);
    const pack = (value: Awaited<typeof sample>): Uint8Array => {
      const packed = this.#feeder.pack(value, this.#dataset.nameOf(index));
      if (index < this.#filled.length) {
        this.#slot(index).set(packed);
        Atomics.store(this.#filled, index, 1);
      }
      return packed;
    };
    return sample instanceof Promise ? sample.then(pack) : pack(sample);
  }

  #slot(index: number): Uint8Array {
    return this.#bytes.subarray(index * this.#feeder.byteLength, (index + 1) * this.#feeder.byteLength);
  }
}
