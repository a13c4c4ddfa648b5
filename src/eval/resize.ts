import type { Pixels } from '../formats/datasets/dataset.ts';

/*
 * Bilinear resize with antialiasing, the one of Pillow (libImaging/Resample.c), of torchvision and of most published
 * preprocessing. When it shrinks, the triangle filter widens to the scale, so that every pixel counts. Two passes,
 * horizontal then vertical, each rounded to 8 bits; weights are integers of 22 fractional bits, so that sums are exact
 * and the result is the same bits everywhere; a sum stays below 255·2^22 + 2^21 and so in 31 bits, and below 256 after the shift.
 */

const WEIGHT_BITS = 22;
const HALF = 2 ** (WEIGHT_BITS - 1);

/** Weights of one axis: output i sums inputs from `first[i]` on, `width` weights each, zero where fewer count. */
interface Weights {
  readonly width: number;
  readonly first: Int32Array;
  readonly values: Int32Array;
}

/** Output i is centred at (i + ½)·scale of the input; the filter falls off to zero at `support` from there. */
function weightsOf(from: number, to: number): Weights {
  const scale = from / to;
  const support = Math.max(scale, 1);
  const width = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(to);
  const values = new Int32Array(to * width);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const high = Math.min(from, Math.trunc(centre + support + 0.5));
    const weights: number[] = [];
    let sum = 0;
    for (let x = low; x < high; x++) {
      const weight = Math.max(0, 1 - Math.abs((x - centre + 0.5) * (1 / support)));
      weights.push(weight);
      sum += weight;
    }
    first[i] = low;
    for (const [j, weight] of weights.entries())
      values[i * width + j] = Math.trunc(0.5 + (weight / sum) * 2 ** WEIGHT_BITS);
  }
  return { width, first, values };
}

/** The image in another size, bit for bit as Pillow's `resize((width, height), BILINEAR)`. */
export function resizeBilinear(image: Pixels, width: number, height: number): Pixels {
  const { channels } = image;
  let { pixels } = image;
  if (width !== image.width) {
    const columns = new Uint8Array(width * image.height * channels);
    const weights = weightsOf(image.width, width);
    for (let y = 0; y < image.height; y++)
      resample(
        pixels,
        y * image.width * channels,
        channels,
        columns,
        y * width * channels,
        channels,
        weights,
        width,
        channels,
      );
    pixels = columns;
  }
  if (height !== image.height) {
    const rows = new Uint8Array(width * height * channels);
    const stride = width * channels;
    const weights = weightsOf(image.height, height);
    for (let x = 0; x < width; x++)
      resample(pixels, x * channels, stride, rows, x * channels, stride, weights, height, channels);
    pixels = rows;
  }
  return { pixels, width, height, channels };
}

/** One line of pixels, `stride` apart, to one of `count` pixels. */
function resample(
  from: Uint8Array,
  fromStart: number,
  fromStride: number,
  to: Uint8Array,
  toStart: number,
  toStride: number,
  weights: Weights,
  count: number,
  channels: number,
): void {
  const lines = Math.floor((from.length - fromStart - channels) / fromStride) + 1;
  for (let i = 0; i < count; i++) {
    const first = weights.first[i]!;
    const used = Math.min(weights.width, lines - first);
    for (let channel = 0; channel < channels; channel++) {
      let sum = HALF;
      let at = fromStart + first * fromStride + channel;
      for (let j = 0; j < used; j++, at += fromStride)
        sum += from[at]! * weights.values[i * weights.width + j]!;
      to[toStart + i * toStride + channel] = sum >> WEIGHT_BITS;
    }
  }
}
