import { BnnqError } from '../../errors.ts';
import { sizeOf } from '../../tensor/tensor.ts';

/**
 * An even sample of the values of each channel of a tensor that comes in portions along the first axis: every so many
 * positions, the same in all channels, by a stride without a common divisor with the positions of one image, so that all
 * places of it get their turn. The sample does not depend on the portions.
 */
export class ChannelSamples {
  readonly channels: number;
  readonly #axis: number | undefined;
  readonly #stride: number;
  readonly #capacity: number;
  readonly #samples: Float32Array;
  #seen = 0;
  #taken = 0;

  /**
   * @param shape of the first portion, of `images` images of `total`
   * @param axis of the channels; undefined to take all values for one channel
   * @param most values that are kept of a channel
   */
  constructor(
    shape: readonly number[],
    axis: number | undefined,
    images: number,
    total: number,
    most: number,
  ) {
    this.#axis = axis;
    this.channels = axis === undefined ? 1 : shape[axis]!;
    const perImage = Math.max(1, Math.ceil(sizeOf(shape) / Math.max(1, this.channels) / images));
    this.#stride = Math.max(1, Math.ceil((perImage * total) / most));
    while (commonDivisor(this.#stride, perImage) > 1) this.#stride++;
    this.#capacity = Math.ceil((perImage * total) / this.#stride);
    this.#samples = new Float32Array(this.channels * this.#capacity);
  }

  /** @throws mismatch for another number of channels than at first */
  add(data: Float32Array, shape: readonly number[]): void {
    const channels = this.#axis === undefined ? 1 : shape[this.#axis];
    if (channels !== this.channels)
      throw new BnnqError('mismatch', `${channels} channels of an activation that had ${this.channels}`);
    const inner = this.#axis === undefined ? data.length : sizeOf(shape.slice(this.#axis + 1));
    const positions = channels === 0 ? 0 : data.length / channels;
    const skip = (this.#stride - (this.#seen % this.#stride)) % this.#stride;
    for (let at = skip; at < positions && this.#taken < this.#capacity; at += this.#stride) {
      let from = Math.floor(at / inner) * channels * inner + (at % inner);
      let to = this.#taken++;
      for (let c = 0; c < channels; c++, from += inner, to += this.#capacity) this.#samples[to] = data[from]!;
    }
    this.#seen += positions;
  }

  /** The values of a channel; a view. */
  of(channel: number): Float32Array {
    const start = channel * this.#capacity;
    return this.#samples.subarray(start, start + this.#taken);
  }
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}
