import type { Sample } from '../formats/datasets/dataset.ts';
import { type Tensor, zeros } from '../tensor/tensor.ts';
import { feedTypeOf, imageInputOf, valueDimsOf } from './input.ts';
import type { Network } from './network.ts';
import { type Feeder, pictureFeeder, valueFeeder } from './preprocess.ts';
import { defaultPreprocess } from './presets.ts';
import type { Preprocess } from './types.ts';

/** The way from samples like `first` to the network's input. */
export function feederFor(
  network: Pick<Network, 'input'>,
  first: Sample,
  preprocess: Preprocess | undefined,
): Feeder {
  const dtype = feedTypeOf(network.input);
  if (first.kind === 'values') return valueFeeder(valueDimsOf(network.input, first.values.length), dtype);
  const input = imageInputOf(network.input, preprocess ?? {}, first);
  return pictureFeeder(preprocess ?? defaultPreprocess(input.channels), input, dtype);
}

/** An input of zeros for that many images. */
export function feedOf(network: Pick<Network, 'input'>, feeder: Feeder, batch: number): Tensor {
  const declared = network.input.shape ?? [];
  const shape = declared.length === 0 ? [batch, feeder.elements] : [batch, ...feeder.dims];
  return zeros(feeder.dtype, shape);
}
