import { BnnqError } from '../errors.ts';
import type { Pixels } from '../formats/datasets/dataset.ts';
import type { Value } from '../ir/graph.ts';
import type { NumericArray, Tensor } from '../tensor/tensor.ts';
import { feederFor, feedOf } from './feeder.ts';
import { PRESETS, presetOf } from './presets.ts';
import type { Preprocess } from './types.ts';

export interface PreprocessImageOptions {
  /** A preset's name, or the steps themselves. Absent: `torch` for three channels, `unit` for one. */
  readonly preprocess?: string | Preprocess;
  /** What messages call the image. */
  readonly name?: string;
}

/**
 * The tensor that a network is fed for one image: resized, cropped and scaled exactly as `score` does it, in the layout and
 * element type of the input. Where the input fixes a batch of several, the image is the first and zeros follow.
 * @param image 8 bits a channel, rows from the top, grey or RGB, without gaps; as `decodeImage` gives it
 * @param input of the network: `session.inputs[0]` or `model.graph.inputs[0]`
 * @throws mismatch (an input that takes no images, too few pixels for the crop), option (unknown preset)
 */
export function preprocessImage(image: Pixels, input: Value, options: PreprocessImageOptions = {}): Tensor {
  const { preprocess: choice, name = 'the image' } = options;
  const steps = typeof choice === 'string' ? presetOf(choice) : choice;
  if (steps === undefined && choice !== undefined)
    throw new BnnqError(
      'option',
      `preprocessing "${choice}": expected one of ${Object.keys(PRESETS).join(', ')}, or an object`,
    );
  const { pixels, width, height, channels } = image;
  if (pixels.length !== width * height * channels)
    throw new BnnqError(
      'mismatch',
      `${name} has ${pixels.length} bytes of pixels, ${width} × ${height} × ${channels} needs ${width * height * channels}`,
    );
  const sample = { kind: 'pixels', ...image } as const;
  const feeder = feederFor({ input }, sample, steps);
  const batch = input.shape?.[0];
  const feed = feedOf({ input }, feeder, typeof batch === 'number' && batch > 0 ? batch : 1);
  feeder.write(feeder.pack(sample, name), feed.data as NumericArray, 0);
  return feed;
}
