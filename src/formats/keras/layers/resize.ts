import type { Dim } from '../../../ir/graph.ts';
import type { ShortAttributes } from '../graph-builder.ts';
import type { LayerCall, LayerConverter, LayerTable } from '../layer-call.ts';
import { type Kernel, resample, resizeTaps, tableTaps } from '../resample.ts';
import type { DataFormat, KerasTensor } from '../tensor.ts';
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

/** Resizes an image with channels first in memory to fixed sizes. */
export function resized(
  call: LayerCall,
  x: Known,
  wanted: readonly number[],
  interpolation: string,
  isSmoothed = false,
  dataFormat: DataFormat = call.dataFormat,
): KerasTensor {
  const sizes = spatialSizes(x.shape, dataFormat);
  if (sizes.every((size, i) => size === wanted[i])) return x;
  const image = (value: string): KerasTensor =>
    imageOf(x, value, channelsOf(x.shape, dataFormat), wanted, dataFormat);
  const kind = interpolation.toLowerCase();
  const hasTable = call.major < 3 && kind === 'bicubic' && !isSmoothed;
  if (hasTable || (isSmoothed && (kind === 'bilinear' || kind === 'bicubic')))
    return image(
      sizes.reduce<string>((value, size, i) => {
        if (typeof size !== 'number') throw call.unsupported(`${kind} of an image whose size is not known`);
        const taps = hasTable
          ? tableTaps(size, wanted[i]!)
          : resizeTaps(size, wanted[i]!, kind as Kernel, true);
        return resample(call, value, taps, 2 + i, 4);
      }, x.value),
    );
  const inputs = [x.value, undefined, undefined, call.integers('sizes', wanted)];
  return image(call.node('Resize', inputs, { ...sampling(call, kind), axes: [2, 3] }));
}

/** UpSampling: every spatial axis a whole number of times as long. */
function upSampling(spatial: number): LayerConverter {
  return (call) => {
    const { config, dataFormat } = call;
    const x = spatial > 1 ? call.channelsFirstInput(spatial + 2) : (call.float(call.inputOfRank(3)) as Known);
    const factors = config.integers(config.has('size') ? 'size' : 'length', spatial, 2, 1);
    const interpolation = spatial === 2 ? config.text('interpolation', 'nearest') : 'nearest';
    const sizes = spatialSizes(x.shape, dataFormat).map((size, i) =>
      typeof size === 'number' ? size * factors[i]! : null,
    );
    if (interpolation !== 'nearest' && sizes.every((size) => size !== null))
      return resized(call, x, sizes as number[], interpolation);
    const first = dataFormat === 'channels_last' ? 1 : 2;
    const scales = x.shape.map((_, physical) => factors[(x.order?.[physical] ?? physical) - first] ?? 1);
    const inputs = [x.value, undefined, call.floats('scales', scales)];
    const value = call.node('Resize', inputs, sampling(call, interpolation));
    return imageOf(x, value, channelsOf(x.shape, dataFormat), sizes, dataFormat);
  };
}

function wantedSize(call: LayerCall): [number, number] {
  return [call.config.integer('height', undefined, 1), call.config.integer('width', undefined, 1)];
}

/** Resizing: to a fixed height and width. */
const resizing: LayerConverter = (call) => {
  const { config } = call;
  const x = call.channelsFirstInput(4);
  const wanted = wantedSize(call);
  const interpolation = config.text('interpolation', 'bilinear');
  const isSmoothed = config.flag('antialias', false);
  if (config.flag('crop_to_aspect_ratio', false))
    return cropResized(call, x, wanted, interpolation, isSmoothed);
  if (config.flag('pad_to_aspect_ratio', false)) throw call.unsupported('pad_to_aspect_ratio');
  return resized(call, x, wanted, interpolation, isSmoothed);
};

/** The largest middle part that has the ratio of the sides wanted, resized (`smart_resize` of Keras). */
function cropResized(
  call: LayerCall,
  x: Known,
  wanted: readonly [number, number],
  interpolation: string,
  isSmoothed = false,
): KerasTensor {
  const [height, width] = knownSizes(call, x);
  const kept = [
    Math.max(Math.min(height, Math.floor((width * wanted[0]) / wanted[1])), 1),
    Math.max(Math.min(width, Math.floor((height * wanted[1]) / wanted[0])), 1),
  ] as const;
  const part = middle(call, x, [height, width], kept) as Known;
  return resized(call, part, wanted, interpolation, isSmoothed);
}

function knownSizes(call: LayerCall, x: Known): [number, number] {
  const [height, width] = spatialSizes(x.shape, call.dataFormat);
  if (typeof height === 'number' && typeof width === 'number') return [height, width];
  throw call.unsupported('the size of the image is not known');
}

/** The middle part of an image. */
function middle(
  call: LayerCall,
  x: Known,
  sizes: readonly [number, number],
  kept: readonly [number, number],
): KerasTensor {
  const pairs = sizes.map((size, i) => {
    const rest = size - kept[i]!;
    return [Math.floor(rest / 2), rest - Math.floor(rest / 2)] as const;
  });
  return pairs.every(([begin, end]) => begin + end === 0) ? x : cropped(call, x, pairs);
}

/** CenterCrop: the middle of an image; one that is too small is resized before. */
const centerCrop: LayerConverter = (call) => {
  const x = call.channelsFirstInput(4);
  const wanted = wantedSize(call);
  const sizes = knownSizes(call, x);
  if (sizes.every((size, i) => size >= wanted[i]!)) return middle(call, x, sizes, wanted);
  return cropResized(call, x, wanted, 'bilinear');
};

export const RESIZE_LAYERS: LayerTable = {
  UpSampling1D: upSampling(1),
  UpSampling2D: upSampling(2),
  UpSampling3D: upSampling(3),
  Resizing: resizing,
  CenterCrop: centerCrop,
};
