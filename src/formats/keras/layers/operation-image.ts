import type { Dim } from '../../../ir/graph.ts';
import { type LayerCall, type LayerConverter, printArgument } from '../layer-call.ts';
import { channelsFirst, type DataFormat, type KerasTensor } from '../tensor.ts';
import { channelsOf, imageOf, spatialSizes } from '../window.ts';
import {
  flagParameter,
  integerParameter,
  integersParameter,
  parameter,
  tensorParameter,
} from './operation-arguments.ts';
import { resized } from './resize.ts';

type Image = KerasTensor & { readonly shape: readonly Dim[] };

/** The axes of images in an operation's arguments: Keras has words for them, TensorFlow letters. */
function formatOf(call: LayerCall): DataFormat {
  const format = parameter(call, 99, 'data_format') ?? 'channels_last';
  if (format === 'channels_last' || format === 'NHWC') return 'channels_last';
  if (format === 'channels_first' || format === 'NCHW') return 'channels_first';
  throw call.unsupported(`the data format ${printArgument(format)}`);
}

/** A batch of images, channels first in memory. */
function images(call: LayerCall, format: DataFormat): Image {
  const x = call.float(tensorParameter(call, 0, 'images', 'x', 'input'));
  if (x.shape?.length !== 4) throw call.unsupported('images that are not a batch');
  return call.graph.arrange(x, call.name, channelsFirst(4, format)) as Image;
}

/** Channels become blocks of pixels, or the other way round; the blocks are the slower part of the channels, as in mode DCR. */
function blocks(opType: 'DepthToSpace' | 'SpaceToDepth'): LayerConverter {
  return (call) => {
    const format = formatOf(call);
    const x = images(call, format);
    const size = integerParameter(call, 1, ['block_size']);
    const isDepth = opType === 'SpaceToDepth';
    const channels = channelsOf(x.shape, format);
    const sizes = spatialSizes(x.shape, format);
    const isWhole = (dim: Dim, by: number): boolean => typeof dim !== 'number' || dim % by === 0;
    if (
      size < 1 ||
      size > 4096 ||
      !(isDepth ? sizes : [channels]).every((dim) => isWhole(dim, isDepth ? size : size ** 2))
    )
      throw call.malformed(`blocks of ${size} do not divide its input`);
    const scaled = (dim: Dim, factor: number): Dim => (typeof dim === 'number' ? dim * factor : null);
    const value = call.node(opType, [x.value], { blocksize: size, ...(isDepth ? {} : { mode: 'DCR' }) });
    const factor = isDepth ? 1 / size : size;
    return imageOf(
      x,
      value,
      scaled(channels, 1 / factor ** 2),
      sizes.map((dim) => scaled(dim, factor)),
      format,
    );
  };
}

const resize: LayerConverter = (call) => {
  const format = formatOf(call);
  const x = images(call, format);
  const size = integersParameter(call, 1, 'size') ?? [];
  const method = parameter(call, 2, 'interpolation', 'method') ?? 'bilinear';
  const others = ['crop_to_aspect_ratio', 'pad_to_aspect_ratio', 'preserve_aspect_ratio'];
  const refused = others.find((name) => flagParameter(call, 99, name));
  if (refused !== undefined) throw call.unsupported(refused);
  if (size.length !== 2 || size.some((side) => side < 1) || typeof method !== 'string')
    throw call.unsupported(`images of size [${size}] by ${printArgument(method)}`);
  return resized(call, x, size, method, flagParameter(call, 99, 'antialias'), format);
};

/** Functions of images. */
export const IMAGE_OPERATIONS: Readonly<Record<string, LayerConverter>> = {
  depth_to_space: blocks('DepthToSpace'),
  space_to_depth: blocks('SpaceToDepth'),
  resize,
};
