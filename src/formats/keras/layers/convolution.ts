import type { Initializer } from '../../../ir/graph.ts';
import { applyActivation } from '../activations.ts';
import type { LayerCall, LayerConverter, LayerTable } from '../layer-call.ts';
import type { KerasTensor } from '../tensor.ts';
import { reshaped, transposed } from '../weight-views.ts';
import { channelsOf, imageOf, type Padding, spatialSizes, type Window, windowAttributes } from '../window.ts';

/** The window that a convolution's configuration states. */
export function convolutionWindow(call: LayerCall, spatial: number): Window {
  const { config } = call;
  const paddings: readonly Padding[] = spatial === 1 ? ['valid', 'same', 'causal'] : ['valid', 'same'];
  return {
    kernel: config.integers('kernel_size', spatial, undefined, 1),
    strides: config.integers('strides', spatial, 1, 1),
    dilations: config.integers('dilation_rate', spatial, 1, 1),
    padding: config.choice('padding', paddings, 'valid'),
  };
}

/** The number of channels of the input; −1 where it is not known. */
function inputChannels(call: LayerCall, x: KerasTensor): number {
  const channels = channelsOf(x.shape!, call.dataFormat);
  return typeof channels === 'number' ? channels : -1;
}

/** [...kernel, in, out] as Keras stores it, to [out, in, ...kernel]. */
export function convolutionKernel(stored: Initializer): Initializer {
  const spatial = stored.shape.length - 2;
  return transposed(stored, stored.shape, [spatial + 1, spatial, ...axes(spatial)]);
}

/** [...kernel, in, multiplier] to [in × multiplier, 1, ...kernel]. */
export function depthwiseKernel(stored: Initializer): Initializer {
  const spatial = stored.shape.length - 2;
  const [channels, multiplier] = stored.shape.slice(spatial) as [number, number];
  const kernel = stored.shape.slice(0, spatial);
  return transposed(
    stored,
    stored.shape,
    [spatial, spatial + 1, ...axes(spatial)],
    [channels * multiplier, 1, ...kernel],
  );
}

function axes(count: number): number[] {
  return Array.from({ length: count }, (_, axis) => axis);
}

/** Adds the bias, where the layer has one, as the last input of a node. */
function biasOf(call: LayerCall, index: number, filters: number): string[] {
  return call.config.flag('use_bias', true) ? [call.weight('bias', index, [filters])] : [];
}

/** Conv1D, Conv2D, Conv3D. */
function convolution(spatial: number): LayerConverter {
  return (call) => {
    const { config, dataFormat } = call;
    const x = call.channelsFirstInput(spatial + 2);
    const window = convolutionWindow(call, spatial);
    const filters = config.integer('filters', undefined, 1);
    const group = config.integer('groups', 1, 1);
    const channels = inputChannels(call, x);
    if (channels % group !== 0 && channels > 0)
      throw call.malformed(`${channels} channels do not make ${group} groups`);
    const shape = [...window.kernel, channels < 0 ? -1 : channels / group, filters];
    const kernel = call.initializer('kernel', () => convolutionKernel(storedKernel(call, shape)));
    const { attributes, sizes } = windowAttributes(call, window, spatialSizes(x.shape, dataFormat));
    const value = call.node('Conv', [x.value, kernel, ...biasOf(call, 1, filters)], { ...attributes, group });
    return applyActivation(call, imageOf(x, value, filters, sizes, dataFormat));
  };
}

/** The kernel [...kernel, in, out]; Keras 1 gives that of one dimension a second one of size 1. */
function storedKernel(call: LayerCall, shape: readonly number[]): Initializer {
  if (call.major > 1 || shape.length !== 3) return call.variable('kernel', 0, shape);
  const stored = call.variable('kernel', 0, [shape[0]!, 1, ...shape.slice(1)]);
  return reshaped(stored, [stored.shape[0]!, ...stored.shape.slice(2)]);
}

/** DepthwiseConv1D and DepthwiseConv2D: `depth_multiplier` filters for each channel. */
function depthwise(spatial: number): LayerConverter {
  return (call) => {
    const x = call.channelsFirstInput(spatial + 2);
    // Keras 3 calls the kernel of this layer as that of any other.
    const name = call.major < 3 ? 'depthwise_kernel' : 'kernel';
    return applyActivation(call, depthwiseStep(call, x, spatial, name, biasOf));
  };
}

/** The depthwise convolution with the kernel of that name. */
function depthwiseStep(
  call: LayerCall,
  x: KerasTensor,
  spatial: number,
  name: string,
  bias: typeof biasOf,
): KerasTensor {
  const { config, dataFormat } = call;
  const image = call.assumeShape(x, x.shape!);
  const window = convolutionWindow(call, spatial);
  const multiplier = config.integer('depth_multiplier', 1, 1);
  const stored = call.variable(name, 0, [...window.kernel, inputChannels(call, x), multiplier]);
  const group = stored.shape[spatial]!;
  const kernel = call.initializer(name, () => depthwiseKernel(stored));
  const { attributes, sizes } = windowAttributes(call, window, spatialSizes(image.shape, dataFormat));
  const inputs = [x.value, kernel, ...bias(call, 1, group * multiplier)];
  const value = call.node('Conv', inputs, { ...attributes, group });
  return imageOf(image, value, group * multiplier, sizes, dataFormat);
}

/** SeparableConv1D and SeparableConv2D: a depthwise convolution, then one of a single pixel. */
function separable(spatial: number): LayerConverter {
  return (call) => {
    const filters = call.config.integer('filters', undefined, 1);
    const x = depthwiseStep(
      call,
      call.channelsFirstInput(spatial + 2),
      spatial,
      'depthwise_kernel',
      () => [],
    );
    const single = new Array<number>(spatial).fill(1);
    const shape = [...single, inputChannels(call, x), filters];
    const kernel = call.initializer('pointwise_kernel', () =>
      convolutionKernel(call.variable('pointwise_kernel', 1, shape)),
    );
    const inputs = [x.value, kernel, ...biasOf(call, 2, filters)];
    const value = call.node('Conv', inputs, { kernel_shape: single }, 'pointwise');
    const format = call.dataFormat;
    const sizes = spatialSizes(x.shape!, format);
    return applyActivation(call, imageOf(call.assumeShape(x, x.shape!), value, filters, sizes, format));
  };
}

/**
 * Conv1DTranspose, Conv2DTranspose, Conv3DTranspose: the gradient of a convolution. With n elements in and a window that
 * reaches over r, the windows span (n − 1)·stride + r elements. The output has L of them, as Keras defines it
 * (keras/src/backend/common/backend_utils.py); what is more is cut off, the smaller half at the beginning, and what is
 * less is added at the end.
 */
function transposedConvolution(spatial: number): LayerConverter {
  return (call) => {
    const { config, dataFormat } = call;
    const x = call.channelsFirstInput(spatial + 2);
    const { kernel, strides, dilations, padding } = convolutionWindow(call, spatial);
    const filters = config.integer('filters', undefined, 1);
    const extra = config.has('output_padding') ? config.integers('output_padding', spatial) : undefined;
    const reach = kernel.map((size, axis) => (size - 1) * dilations[axis]! + 1);
    // L less the span of the windows, which does not depend on n.
    const surplus = reach.map((r, axis) => {
      const stride = strides[axis]!;
      if (extra !== undefined) return extra[axis]! - (padding === 'same' ? 2 * Math.floor(r / 2) : 0);
      return padding === 'same' ? stride - r : Math.max(stride - r, 0);
    });
    const cut = surplus.map((more) => Math.max(-more, 0));
    const begins = cut.map((total) => Math.floor(total / 2));
    const ends = cut.map((total, axis) => total - begins[axis]!);
    const shape = [...kernel, filters, inputChannels(call, x)];
    const weight = call.initializer('kernel', () => convolutionKernel(call.variable('kernel', 0, shape)));
    const value = call.node('ConvTranspose', [x.value, weight, ...biasOf(call, 1, filters)], {
      kernel_shape: kernel,
      strides,
      dilations,
      pads: [...begins, ...ends],
      output_padding: surplus.map((more) => Math.max(more, 0)),
    });
    const sizes = spatialSizes(x.shape, dataFormat).map((size, axis) =>
      typeof size === 'number' ? (size - 1) * strides[axis]! + reach[axis]! + surplus[axis]! : null,
    );
    return applyActivation(call, imageOf(x, value, filters, sizes, dataFormat));
  };
}

export const CONVOLUTION_LAYERS: LayerTable = {
  Conv1D: convolution(1),
  Conv2D: convolution(2),
  Conv3D: convolution(3),
  Convolution1D: convolution(1),
  Convolution2D: convolution(2),
  Convolution3D: convolution(3),
  DepthwiseConv1D: depthwise(1),
  DepthwiseConv2D: depthwise(2),
  SeparableConv1D: separable(1),
  SeparableConv2D: separable(2),
  SeparableConvolution1D: separable(1),
  SeparableConvolution2D: separable(2),
  Conv1DTranspose: transposedConvolution(1),
  Conv2DTranspose: transposedConvolution(2),
  Conv3DTranspose: transposedConvolution(3),
  Convolution1DTranspose: transposedConvolution(1),
  Convolution2DTranspose: transposedConvolution(2),
  Convolution3DTranspose: transposedConvolution(3),
};
