import type { JsonObject } from '../contract.ts';
import { LayerCall, type LayerConverter, type LayerTable } from '../layer-call.ts';
import type { KerasTensor } from '../tensor.ts';
import { channelsOf, imageOf, spatialSizes, windowAttributes } from '../window.ts';
import { CONVOLUTION_LAYERS, convolutionWindow } from './convolution.ts';
import { DENSE_LAYERS } from './dense.ts';
import { LARQ_QUANTIZERS, larqQuantizer, quantizedKernel } from './larq-quantizer.ts';

/** Variables that have quantizers of their own, with the key of the configuration. */
const KERNELS: Readonly<Record<string, string>> = {
  kernel: 'kernel_quantizer',
  depthwise_kernel: 'depthwise_quantizer',
  pointwise_kernel: 'pointwise_quantizer',
};

/**
 * A layer of Larq is the Keras layer whose name it bears, on a quantized input and with quantized kernels: the ±1 of a
 * binary layer are the constants of the graph. What is stored is the float kernel that training went on from.
 */
function quantized(base: LayerConverter, spatial: number): LayerConverter {
  return (call) => {
    const quantizer = larqQuantizer(call, 'input_quantizer');
    const x = call.float(call.input);
    const context = { ...call.context, weights: quantizingWeights(call) };
    const on = (input: KerasTensor, changed: JsonObject): LayerCall =>
      new LayerCall({
        context,
        layer: { ...call.layer, config: { ...call.layer.config, ...changed } },
        path: call.path,
        part: call.part,
        args: [input],
        outputCount: call.outputCount,
      });
    const plain = on(quantizer === undefined ? x : quantizer.apply(call, x), {});
    const padded = spatial === 0 ? undefined : padWithValues(plain, spatial);
    return base(padded === undefined ? plain : on(padded, { padding: 'valid' }));
  };
}

/** The weights of the file, kernels as the network uses them. */
function quantizingWeights(call: LayerCall): LayerCall['context']['weights'] {
  const { weights } = call.context;
  const quantizers = new Map(
    Object.entries(KERNELS).flatMap(([name, key]) => {
      const quantizer = larqQuantizer(call, key);
      return quantizer === undefined ? [] : [[name, quantizer] as const];
    }),
  );
  return {
    find: (ref, shape) => {
      const found = weights.find(ref, shape);
      const quantizer = quantizers.get(ref.name);
      return found === undefined || quantizer === undefined ? found : quantizedKernel(found, quantizer);
    },
    unused: () => weights.unused(),
  };
}

/**
 * The input in a frame of `pad_values`, so that padding "same" keeps binary values binary; undefined where the layer pads
 * with zeros, which convolutions do on their own.
 */
function padWithValues(call: LayerCall, spatial: number): KerasTensor | undefined {
  const padValue = call.config.number('pad_values', 0);
  const window = convolutionWindow(call, spatial);
  if (padValue === 0 || window.padding !== 'same') return undefined;
  const x = call.channelsFirstInput(spatial + 2);
  const sizes = spatialSizes(x.shape, call.dataFormat);
  const { pads } = windowAttributes(call, window, sizes).attributes as { pads?: readonly number[] };
  if (pads === undefined)
    throw call.unsupported('it pads an image of unknown size with a value other than 0');
  const [begins, ends] = [pads.slice(0, spatial), pads.slice(spatial)];
  const frame = call.integers('pads', [0, 0, ...begins, 0, 0, ...ends]);
  const value = call.node('Pad', [x.value, frame, call.floats('pad_value', padValue)], {}, 'pad');
  const padded = sizes.map((size, axis) =>
    typeof size === 'number' ? size + begins[axis]! + ends[axis]! : null,
  );
  return imageOf(x, value, channelsOf(x.shape, call.dataFormat), padded, call.dataFormat);
}

/** Quantizers are layers, too. */
const quantizers: LayerTable = Object.fromEntries(
  Object.entries(LARQ_QUANTIZERS).map(([name, make]): [string, LayerConverter] => [
    name,
    (call) => make(call.config, call).apply(call, call.float(call.input)),
  ]),
);

const layers: LayerTable = {
  QuantDense: quantized(DENSE_LAYERS.Dense!, 0),
  QuantConv1D: quantized(CONVOLUTION_LAYERS.Conv1D!, 1),
  QuantConv2D: quantized(CONVOLUTION_LAYERS.Conv2D!, 2),
  QuantConv3D: quantized(CONVOLUTION_LAYERS.Conv3D!, 3),
  QuantDepthwiseConv2D: quantized(CONVOLUTION_LAYERS.DepthwiseConv2D!, 2),
  QuantSeparableConv1D: quantized(CONVOLUTION_LAYERS.SeparableConv1D!, 1),
  QuantSeparableConv2D: quantized(CONVOLUTION_LAYERS.SeparableConv2D!, 2),
  QuantConv2DTranspose: quantized(CONVOLUTION_LAYERS.Conv2DTranspose!, 0),
  QuantConv3DTranspose: quantized(CONVOLUTION_LAYERS.Conv3DTranspose!, 0),
};

/** HDF5 files have the class name alone; .keras files its module, which Keras puts before it. */
export const LARQ_LAYERS: LayerTable = {
  ...layers,
  ...prefixed('larq.layers', layers),
  ...quantizers,
  ...prefixed('larq.quantizers', quantizers),
};

function prefixed(module: string, table: LayerTable): LayerTable {
  return Object.fromEntries(Object.entries(table).map(([name, convert]) => [`${module}>${name}`, convert]));
}
