import { createHash } from 'node:crypto';
import { BnnqError } from '../../errors.ts';
import type { Model } from '../../ir/graph.ts';
import { type NumericArray, sizeOf, type Tensor } from '../../tensor/tensor.ts';
import { endsOf } from '../network.ts';
import type { CalibrationBatches } from './batches.ts';

/**
 * The same images in batches of one, for networks in which the images of a batch share ranges.
 * @throws unsupported where the network takes only full batches of several
 */
export function oneByOne(model: Model, images: CalibrationBatches): CalibrationBatches {
  const { batch, count, fingerprint } = images;
  if (batch === 1) return images;
  const { fixedBatch, input } = endsOf(model.graph);
  if (fixedBatch !== undefined)
    throw new BnnqError(
      'unsupported',
      `input "${input.name}" takes ${fixedBatch} images at once, and weights that are calibrated with the range dynamic are fitted to one: leave the batch open, or choose another range`,
    );
  // Images are asked for in order, mostly.
  let last: { readonly index: number; readonly feed: Promise<Tensor> } | undefined;
  return {
    ...images,
    batches: count,
    batch: 1,
    fingerprint: createHash('sha256').update(`${fingerprint} one by one`).digest('hex'),
    feed: async (index) => {
      const from = Math.floor(index / batch);
      if (last?.index !== from) last = { index: from, feed: images.feed(from) };
      return imageOf(await last.feed, index % batch);
    },
  };
}

/** A copy of one image of a batch. */
function imageOf({ dtype, shape, data }: Tensor, index: number): Tensor {
  const size = sizeOf(shape.slice(1));
  const own = (data as NumericArray).slice(index * size, (index + 1) * size);
  return { dtype, shape: [1, ...shape.slice(1)], data: own };
}
