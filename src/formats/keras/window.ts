import type { Dim } from '../../ir/graph.ts';
import type { ShortAttributes } from './graph-builder.ts';
import type { LayerCall } from './layer-call.ts';
import type { DataFormat, KerasTensor } from './tensor.ts';

export type Padding = 'valid' | 'same' | 'causal';

/** How a window of a convolution or a pooling moves; a number for each spatial axis. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly padding: Padding;
}

/** The sizes of the spatial axes of a tensor in Keras order. */
export function spatialSizes(shape: readonly Dim[], format: DataFormat): readonly Dim[] {
  return format === 'channels_last' ? shape.slice(1, -1) : shape.slice(2);
}

/** The number of channels of a tensor in Keras order. */
export function channelsOf(shape: readonly Dim[], format: DataFormat): Dim {
  return (format === 'channels_last' ? shape.at(-1) : shape[1])!;
}

/** A shape in Keras order. */
function imageShape(batch: Dim, channels: Dim, sizes: readonly Dim[], format: DataFormat): readonly Dim[] {
  return format === 'channels_last' ? [batch, ...sizes, channels] : [batch, channels, ...sizes];
}

/** The tensor of a node that works on channels-first memory, with other channels and spatial sizes. */
export function imageOf(
  x: KerasTensor & { readonly shape: readonly Dim[] },
  value: string,
  channels: Dim,
  sizes: readonly Dim[],
  format: DataFormat,
): KerasTensor {
  return x.with({ value, shape: imageShape(x.shape[0]!, channels, sizes, format), mask: undefined });
}

/**
 * The attributes that say where the windows are, and the output's sizes. `same` pads so that ceil(size / stride) windows
 * fit, more at the end; where the size is not known and matters it is left to the operator.
 * @throws malformed where no window fits
 */
export function windowAttributes(
  call: LayerCall,
  { kernel, strides, dilations, padding }: Window,
  sizes: readonly Dim[],
): { attributes: ShortAttributes; sizes: readonly Dim[] } {
  const begins: number[] = [];
  const ends: number[] = [];
  let isOpen = false;
  const made = sizes.map((size, axis) => {
    const stride = strides[axis]!;
    const reach = (kernel[axis]! - 1) * dilations[axis]! + 1;
    const isKnown = typeof size === 'number';
    let [begin, end] = [0, 0];
    if (padding === 'causal') begin = reach - 1;
    else if (padding === 'same') {
      if (!isKnown && stride > 1) isOpen = true;
      const count = isKnown ? Math.ceil(size / stride) : 0;
      const total =
        stride === 1 ? reach - 1 : Math.max(0, (count - 1) * stride + reach - (isKnown ? size : 0));
      begin = Math.floor(total / 2);
      end = total - begin;
    }
    begins.push(begin);
    ends.push(end);
    if (!isKnown) return null;
    const windows = Math.floor((size + begin + end - reach) / stride) + 1;
    if (windows < 1)
      throw call.malformed(
        `its window spans ${reach} elements, its input has ${size} on spatial axis ${axis}`,
      );
    return windows;
  });
  const common = { kernel_shape: kernel, strides, dilations };
  const attributes: ShortAttributes = isOpen
    ? { ...common, auto_pad: 'SAME_UPPER' }
    : { ...common, pads: [...begins, ...ends] };
  return { attributes, sizes: made };
}
