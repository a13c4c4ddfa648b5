import { BnnqError } from '../../errors.ts';
import { float16ToNumber } from '../../tensor/float16.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';
import type { Dataset, Sample } from './dataset.ts';

/** How the bytes of one image lie. */
interface ImageLayout {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly planar: boolean;
}

/**
 * The samples of one array whose first axis counts them. Bytes of [N,H,W], [N,H,W,C] or [N,C,H,W] with C 1 or 3 are
 * pixels (channels last where both would do); any other shape and any other type is values, as float32.
 * @param where begins the messages
 * @throws dataset (a scalar, an empty axis), unsupported (64-bit complex and the like never get here)
 */
export function arraySamples(array: Tensor, where: string): Pick<Dataset, 'nameOf' | 'sample'> {
  const [count = 0, ...dims] = array.shape;
  if (array.shape.length === 0 || (count > 0 && sizeOf(dims) === 0))
    throw new BnnqError('dataset', `${where} has shape [${array.shape.join(',')}], expected [count, …]`);
  const size = sizeOf(dims);
  const layout = array.dtype === 'UINT8' ? imageLayout(dims) : undefined;
  const data = array.data as Exclude<Tensor['data'], string[]>;
  return {
    nameOf: (index) => `image ${index}`,
    sample(index): Sample {
      const part = data.subarray(index * size, (index + 1) * size);
      if (layout !== undefined) {
        const { width, height, channels } = layout;
        const pixels = layout.planar ? interleaved(part as Uint8Array, channels) : (part as Uint8Array);
        return { kind: 'pixels', pixels, width, height, channels };
      }
      const values = Float32Array.from(part as ArrayLike<number>, Number);
      return { kind: 'values', values: array.dtype === 'FLOAT16' ? values.map(float16ToNumber) : values };
    },
  };
}

function imageLayout(dims: readonly number[]): ImageLayout | undefined {
  const [a = 0, b = 0, c = 0] = dims;
  if (dims.length === 2) return { height: a, width: b, channels: 1, planar: false };
  if (dims.length !== 3) return undefined;
  if (c === 1 || c === 3) return { height: a, width: b, channels: c, planar: false };
  if (a === 1 || a === 3) return { channels: a, height: b, width: c, planar: true };
  return undefined;
}

/** Planes [C, H × W] to pixels [H × W, C]. */
export function interleaved(planes: Uint8Array, channels: number): Uint8Array {
  const size = planes.length / channels;
  const pixels = new Uint8Array(planes.length);
  for (let channel = 0; channel < channels; channel++)
    for (let i = 0; i < size; i++) pixels[i * channels + channel] = planes[channel * size + i]!;
  return pixels;
}
