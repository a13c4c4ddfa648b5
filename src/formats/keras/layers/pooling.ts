import type { Dim } from '../../../ir/graph.ts';
import type { LayerCall, LayerConverter, LayerTable } from '../layer-call.ts';
import type { KerasTensor } from '../tensor.ts';
import { channelsOf, imageOf, type Padding, spatialSizes, type Window, windowAttributes } from '../window.ts';

type Kind = 'Max' | 'Average';

/** MaxPooling and AveragePooling; an average is over the elements that are there, not over the padding. */
function pooling(kind: Kind, spatial: number): LayerConverter {
  return (call) => {
    const { config, dataFormat } = call;
    const x = call.channelsFirstInput(spatial + 2);
    const kernel = config.integers(config.has('pool_size') ? 'pool_size' : 'pool_length', spatial, 2, 1);
    const paddings: readonly Padding[] = ['valid', 'same'];
    const window: Window = {
      kernel,
      strides: config.has('strides') ? config.integers('strides', spatial, undefined, 1) : kernel,
      dilations: kernel.map(() => 1),
      padding: config.choice('padding', paddings, 'valid'),
    };
    const { attributes, sizes } = windowAttributes(call, window, spatialSizes(x.shape, dataFormat));
    const value = call.node(`${kind}Pool`, [x.value], attributes);
    return imageOf(x, value, channelsOf(x.shape, dataFormat), sizes, dataFormat);
  };
}

/** GlobalMaxPooling and GlobalAveragePooling: all spatial axes become one number, or axes of 1 with `keepdims`. */
function globalPooling(kind: Kind, spatial: number): LayerConverter {
  return (call) => {
    const x = call.channelsFirstInput(spatial + 2);
    const isMasked = x.mask !== undefined && kind === 'Average' && spatial === 1;
    return isMasked ? maskedAverage(call, x, x.mask!) : globalStep(call, x, kind);
  };
}

/** The average of the steps that a mask keeps: their sum by their number. */
function maskedAverage(
  call: LayerCall,
  x: KerasTensor & { readonly shape: readonly Dim[] },
  mask: string,
): KerasTensor {
  const { dataFormat } = call;
  const counted = call.cast(mask, 'FLOAT', 'counted');
  const weights = call.node('Unsqueeze', [counted, call.integers('channels', [1])]);
  const axes = call.integers('time', [2]);
  const keepdims = call.config.flag('keepdims', false) ? 1 : 0;
  const sum = call.node('ReduceSum', [call.node('Mul', [x.value, weights]), axes], { keepdims });
  const value = call.node('Div', [sum, call.node('ReduceSum', [weights, axes], { keepdims }, 'count')]);
  const channels = channelsOf(x.shape, dataFormat);
  if (keepdims === 1) return imageOf(x, value, channels, [1], dataFormat);
  return x.with({ value, shape: [x.shape[0]!, channels], order: undefined, mask: undefined });
}

function globalStep(
  call: LayerCall,
  x: KerasTensor & { readonly shape: readonly Dim[] },
  kind: Kind,
): KerasTensor {
  const channels = channelsOf(x.shape, call.dataFormat);
  const ones = spatialSizes(x.shape, call.dataFormat).map(() => 1);
  const value = call.node(`Global${kind}Pool`, [x.value]);
  if (call.config.flag('keepdims', false)) return imageOf(x, value, channels, ones, call.dataFormat);
  const flat = call.node('Flatten', [value], { axis: 1 });
  return x.with({ value: flat, shape: [x.shape[0]!, channels], order: undefined, mask: undefined });
}

/** AdaptivePooling to a size that divides the input's is pooling; to one pixel it is global pooling. */
function adaptivePooling(kind: Kind, spatial: number): LayerConverter {
  return (call) => {
    const { dataFormat } = call;
    const x = call.channelsFirstInput(spatial + 2);
    const wanted = call.config.integers('output_size', spatial, undefined, 1);
    const channels = channelsOf(x.shape, dataFormat);
    if (wanted.every((size) => size === 1))
      return imageOf(x, call.node(`Global${kind}Pool`, [x.value]), channels, wanted, dataFormat);
    const kernel = spatialSizes(x.shape, dataFormat).map((size, axis) => {
      const ratio = typeof size === 'number' ? size / wanted[axis]! : Number.NaN;
      if (Number.isInteger(ratio)) return ratio;
      throw call.unsupported(
        `pooling ${size ?? 'an unknown number of'} elements to ${wanted[axis]}, which do not divide them`,
      );
    });
    const value = call.node(`${kind}Pool`, [x.value], { kernel_shape: kernel, strides: kernel });
    return imageOf(x, value, channels, wanted, dataFormat);
  };
}

export const POOLING_LAYERS: LayerTable = {
  MaxPooling1D: pooling('Max', 1),
  MaxPooling2D: pooling('Max', 2),
  MaxPooling3D: pooling('Max', 3),
  MaxPool1D: pooling('Max', 1),
  MaxPool2D: pooling('Max', 2),
  MaxPool3D: pooling('Max', 3),
  AveragePooling1D: pooling('Average', 1),
  AveragePooling2D: pooling('Average', 2),
  AveragePooling3D: pooling('Average', 3),
  AvgPool1D: pooling('Average', 1),
  AvgPool2D: pooling('Average', 2),
  AvgPool3D: pooling('Average', 3),
  GlobalMaxPooling1D: globalPooling('Max', 1),
  GlobalMaxPooling2D: globalPooling('Max', 2),
  GlobalMaxPooling3D: globalPooling('Max', 3),
  GlobalMaxPool1D: globalPooling('Max', 1),
  GlobalMaxPool2D: globalPooling('Max', 2),
  GlobalMaxPool3D: globalPooling('Max', 3),
  GlobalAveragePooling1D: globalPooling('Average', 1),
  GlobalAveragePooling2D: globalPooling('Average', 2),
  GlobalAveragePooling3D: globalPooling('Average', 3),
  GlobalAvgPool1D: globalPooling('Average', 1),
  GlobalAvgPool2D: globalPooling('Average', 2),
  GlobalAvgPool3D: globalPooling('Average', 3),
  AdaptiveMaxPooling1D: adaptivePooling('Max', 1),
  AdaptiveMaxPooling2D: adaptivePooling('Max', 2),
  AdaptiveMaxPooling3D: adaptivePooling('Max', 3),
  AdaptiveAveragePooling1D: adaptivePooling('Average', 1),
  AdaptiveAveragePooling2D: adaptivePooling('Average', 2),
  AdaptiveAveragePooling3D: adaptivePooling('Average', 3),
};
