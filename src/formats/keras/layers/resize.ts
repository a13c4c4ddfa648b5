import type { Dim } from '../../../ir/graph.ts';
import type { ShortAttributes } from '../graph-builder.ts';
import type { LayerCall, LayerConverter, LayerTable } from '../layer-call.ts';
import type { KerasTensor } from '../tensor.ts';
import { channelsOf, imageOf, spatialSizes } from '../window.ts';
import { cropped } from './padding.ts';

type Known = KerasTensor & { readonly shape: readonly Dim[] };

/**
 * How tf.image.resize and jax.image.resize sample, without antialiasing: at the centres of pixels; the nearest one is
 * floor((i + ½) · in / out); cubic is Keys's kernel with a = −½, over the pixels that are there.
 */
function sampling(call: LayerCall, interpolation: string): ShortAttributes {
  const centres = { coordinate_transformation_mode: 'half_pixel' };
  switch (interpolation.toLowerCase()) {
    case 'nearest':
      return { ...centres, mode: 'nearest', nearest_mode: 'round_prefer_ceil' };
    case 'bilinear':
      return { ...centres, mode: 'linear' };
    case 'bicubic':
      return { ...centres, mode: 'cubic', cubic_coeff_a: { float: -0.5 }, exclude_outside: 1 };
    default:
      throw call.unsupported(`interpolation "${interpolation}"`);
  }
}

/** UpSampling: every spatial axis a whole number of times as long. */
function upSampling(spatial: number): LayerConverter {
  return (call) => {
    const { config, dataFormat } = call;
    const x = spatial > 1 ? call.channelsFirstInput(spatial + 2) : (call.float(call.inputOfRank(3)) as Known);
    const factors = config.integers(config.has('size') ? 'size' : 'length', spatial, 2, 1);
    const how =
      spatial === 2 ? sampling(call, config.text('interpolation', 'nearest')) : sampling(call, 'nearest');
    const first = dataFormat === 'channels_last' ? 1 : 2;
    const scales = x.shape.map((_, physical) => {
      const axis = x.order?.[physical] ?? physical;
      return factors[axis - first] ?? 1;
    });
    const sizes = spatialSizes(x.shape, dataFormat).map((size, i) =>
      typeof size === 'number' ? size * factors[i]! : null,
    );
    const value = call.node('Resize', [x.value, undefined, call.floats('scales', scales)], how);
    return imageOf(x, value, channelsOf(x.shape, dataFormat), sizes, dataFormat);
  };
}

/** Resizing: to a fixed height and width. */
const resizing: LayerConverter = (call) => {
  const { config, dataFormat } = call;
  const x = call.channelsFirstInput(4);
  const wanted = [config.integer('height', undefined, 1), config.integer('width', undefined, 1)];
  const sizes = spatialSizes(x.shape, dataFormat);
  if (sizes.every((size, i) => size === wanted[i])) return x;
  for (const option of ['crop_to_aspect_ratio', 'pad_to_aspect_ratio', 'antialias'])
    if (config.flag(option, false)) throw call.unsupported(option);
  const how = sampling(call, config.text('interpolation', 'bilinear'));
  const inputs = [x.value, undefined, undefined, call.integers('sizes', wanted)];
  const value = call.node('Resize', inputs, { ...how, axes: [2, 3] });
  return imageOf(x, value, channelsOf(x.shape, dataFormat), wanted, dataFormat);
};

/** CenterCrop of an image that is large enough; Keras would resize a smaller one. */
const centerCrop: LayerConverter = (call) => {
  const { config, dataFormat } = call;
  const x = call.channelsFirstInput(4);
  const wanted = [config.integer('height', undefined, 1), config.integer('width', undefined, 1)];
  const pairs = spatialSizes(x.shape, dataFormat).map((size, i) => {
    const rest = typeof size === 'number' ? size - wanted[i]! : -1;
    if (rest < 0) throw call.unsupported(`the centre [${wanted}] of an image of ${size ?? 'unknown'} pixels`);
    const begin = Math.floor(rest / 2);
    return [begin, rest - begin] as const;
  });
  return pairs.every(([begin, end]) => begin + end === 0) ? x : cropped(call, x, pairs);
};

export const RESIZE_LAYERS: LayerTable = {
  UpSampling1D: upSampling(1),
  UpSampling2D: upSampling(2),
  UpSampling3D: upSampling(3),
  Resizing: resizing,
  CenterCrop: centerCrop,
};
