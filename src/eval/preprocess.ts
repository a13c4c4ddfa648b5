import { BnnqError } from '../errors.ts';
import type { Pixels, Sample } from '../formats/datasets/dataset.ts';
import { numberToFloat16 } from '../tensor/float16.ts';
import { arrayClassOf, type NumericArray, sizeOf } from '../tensor/tensor.ts';
import type { FeedType, ImageInput } from './input.ts';
import { resizeBilinear } from './resize.ts';
import type { Preprocess } from './types.ts';

/**
 * Turns samples into elements of the input in two steps, so that what takes long (decoding, resizing) can be kept as
 * bytes and what takes memory (floats) is done just before the run.
 */
export interface Feeder {
  /** Bytes that one sample is kept as. */
  readonly byteLength: number;
  /** Shape of one sample in the input, and its number of elements. */
  readonly dims: readonly number[];
  readonly elements: number;
  readonly dtype: FeedType;
  /** @throws mismatch naming the sample: too small for the crop, another number of values */
  pack(sample: Sample, name: string): Uint8Array;
  /** Writes the elements of a packed sample to `data` from `offset` on. */
  write(packed: Uint8Array, data: NumericArray, offset: number): void;
}

/** For pictures: resized and cropped to the network's size they are kept as bytes; 256 values a channel give the rest. */
export function pictureFeeder(preprocess: Preprocess, input: ImageInput, dtype: FeedType): Feeder {
  const { channels, height, width } = input;
  const tables = channelTables(preprocess, channels, dtype);
  const size = height * width;
  checkFit(preprocess, input);
  return {
    dtype,
    byteLength: size * channels,
    dims: input.dims,
    elements: size * channels,
    pack: (sample, name) => {
      if (sample.kind === 'values')
        throw new BnnqError('mismatch', `${name}: expected a picture as the first sample was, got values`);
      return fit(withChannels(sample, channels), preprocess, input, name).pixels;
    },
    write(packed, data, offset) {
      const step = input.layout === 'nhwc' ? channels : 1;
      for (let channel = 0; channel < channels; channel++) {
        const table = tables[channel]!;
        const from = preprocess.channelOrder === 'bgr' ? channels - 1 - channel : channel;
        let to = offset + (input.layout === 'nhwc' ? channel : channel * size);
        for (let i = from; i < packed.length; i += channels, to += step) data[to] = table[packed[i]!]!;
      }
    },
  };
}

/** For values: fed as they are, `dims` of them a sample. */
export function valueFeeder(dims: readonly number[], dtype: FeedType): Feeder {
  const count = sizeOf(dims);
  const convert = converter(dtype);
  return {
    dtype,
    byteLength: 4 * count,
    dims,
    elements: count,
    pack(sample, name) {
      if (sample.kind === 'pixels' || sample.values.length !== count)
        throw new BnnqError(
          'mismatch',
          `${name}: expected ${count} values, got ${sample.kind === 'pixels' ? 'a picture' : sample.values.length}`,
        );
      return new Uint8Array(sample.values.buffer, sample.values.byteOffset, sample.values.byteLength);
    },
    write(packed, data, offset) {
      const values = new Float32Array(packed.buffer, packed.byteOffset, count);
      if (dtype === 'FLOAT') data.set(values as never, offset);
      else for (let i = 0; i < count; i++) data[offset + i] = convert(values[i]!);
    },
  };
}

/** The element of every pixel value, a table a channel: see `Preprocess` for the arithmetic. */
export function channelTables(preprocess: Preprocess, channels: number, dtype: FeedType): NumericArray[] {
  const { scale, mean, std } = preprocess;
  for (const [name, list] of [
    ['mean', mean],
    ['std', std],
  ] as const)
    if (list.length !== 1 && list.length !== channels)
      throw new BnnqError(
        'mismatch',
        `preprocessing${preprocess.preset === undefined ? '' : ` "${preprocess.preset}"`}: "${name}" has ${list.length} numbers, the network has ${channels} channel${channels === 1 ? '' : 's'}`,
      );
  const convert = converter(dtype);
  return Array.from({ length: channels }, (_, channel) => {
    const table = new (arrayClassOf(dtype))(256);
    const shift = Math.fround(mean[mean.length === 1 ? 0 : channel]!);
    const divisor = Math.fround(std[std.length === 1 ? 0 : channel]!);
    for (let pixel = 0; pixel < 256; pixel++)
      table[pixel] = convert(Math.fround(Math.fround(Math.fround(pixel * scale) - shift) / divisor));
    return table;
  });
}

/** From a float32 to what an array of that type holds. */
function converter(dtype: FeedType): (value: number) => number {
  if (dtype === 'FLOAT16') return numberToFloat16;
  if (dtype === 'UINT8') return (value) => Math.min(255, Math.max(0, Math.round(value)));
  return (value) => value;
}

/** What the preprocessing makes must be what the network takes; known before the first picture is. */
function checkFit(preprocess: Preprocess, input: ImageInput): void {
  const made = preprocess.size ?? preprocess.crop;
  if (made !== undefined && (made[0] !== input.height || made[1] !== input.width))
    throw new BnnqError(
      'mismatch',
      `preprocessing makes pictures of ${made[0]} × ${made[1]} (height × width), the network takes ${input.height} × ${input.width}`,
    );
}

function fit(picture: Pixels, preprocess: Preprocess, input: ImageInput, name: string): Pixels {
  let image = picture;
  if (preprocess.resize !== undefined) {
    const { width, height } = image;
    const side = preprocess.resize;
    image =
      width <= height
        ? resizeBilinear(image, side, Math.floor((side * height) / width))
        : resizeBilinear(image, Math.floor((side * width) / height), side);
  }
  const crop = preprocess.crop ?? (preprocess.size === undefined ? [input.height, input.width] : undefined);
  if (crop !== undefined) image = centreCrop(image, crop[0]!, crop[1]!, name);
  return preprocess.size === undefined
    ? image
    : resizeBilinear(image, preprocess.size[1], preprocess.size[0]);
}

function centreCrop(image: Pixels, height: number, width: number, name: string): Pixels {
  if (image.width < width || image.height < height)
    throw new BnnqError(
      'mismatch',
      `${name}: ${image.height} × ${image.width} pixels (height × width) are too few for a crop of ${height} × ${width}: give "resize" in the preprocessing, such as {"resize": ${Math.round(Math.max(height, width) / 0.875)}}`,
    );
  if (image.width === width && image.height === height) return image;
  const { channels } = image;
  const top = Math.floor((image.height - height) / 2);
  const left = Math.floor((image.width - width) / 2);
  const pixels = new Uint8Array(height * width * channels);
  for (let y = 0; y < height; y++) {
    const start = ((top + y) * image.width + left) * channels;
    pixels.set(image.pixels.subarray(start, start + width * channels), y * width * channels);
  }
  return { pixels, width, height, channels };
}

/** Grey to RGB by repeating it; RGB to grey by the luma of ITU-R BT.601 in 16-bit fixed point, as Pillow's convert('L'). */
export function withChannels(picture: Pixels, channels: 1 | 3): Pixels {
  if (picture.channels === channels) return picture;
  const { width, height, pixels: from } = picture;
  const pixels = new Uint8Array(width * height * channels);
  if (channels === 3) for (let i = 0; i < pixels.length; i++) pixels[i] = from[Math.floor(i / 3)]!;
  else
    for (let i = 0, at = 0; i < pixels.length; i++, at += 3)
      pixels[i] = (from[at]! * 19_595 + from[at + 1]! * 38_470 + from[at + 2]! * 7_471 + 0x8000) >> 16;
  return { pixels, width, height, channels };
}
