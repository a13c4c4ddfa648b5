import type { LayerConverter, LayerTable } from '../layer-call.ts';
import { alignOperands, broadcastShape } from '../operands.ts';
import { KerasTensor } from '../tensor.ts';

/** A factor for each element of the last axis, of ConvNeXt. */
const layerScale: LayerConverter = (call) => {
  if (!call.config.has('init_values') || !call.config.has('projection_dim'))
    throw call.unsupported('is not the LayerScale of keras.applications');
  const x = call.float(call.inputOfKnownRank());
  const shape = [call.config.integer('projection_dim', undefined, 1)];
  // Keras 3 gives it no name of its own.
  const gamma = call.weight(call.major < 3 ? 'gamma' : 'variable', 0, shape);
  const factor = new KerasTensor({ value: gamma, dtype: 'FLOAT', shape });
  const [a, b] = alignOperands(call, [x, factor], 0) as [KerasTensor, KerasTensor];
  return a.with({ value: call.node('Mul', [a.value, b.value]), mask: undefined });
};

/** Drops whole samples in training, of ConvNeXt. */
const stochasticDepth: LayerConverter = (call) => {
  if (!call.config.has('drop_path_rate'))
    throw call.unsupported('is not the StochasticDepth of keras.applications');
  return call.input.with({ mask: undefined });
};

/** x + scale · y, of Inception-ResNet. */
const customScaleLayer: LayerConverter = (call) => {
  const { inputs } = call;
  if (!call.config.has('scale') || inputs.length !== 2)
    throw call.unsupported('is not the CustomScaleLayer of keras.applications');
  const [x, y] = alignOperands(
    call,
    inputs.map((input) => call.float(input)),
    0,
  ) as [KerasTensor, KerasTensor];
  const scaled = call.node('Mul', [y.value, call.graph.scalar(call.config.number('scale'))], {}, 'scale');
  const shape = broadcastShape([x.shape, y.shape]);
  return x.with({ value: call.node('Add', [x.value, scaled]), shape, mask: undefined });
};

/** Layers that keras.applications defines beside its networks; the keys of their configurations tell them, too. */
export const APPLICATION_LAYERS: LayerTable = {
  LayerScale: layerScale,
  StochasticDepth: stochasticDepth,
  CustomScaleLayer: customScaleLayer,
  // Keras 2 registers it without a package.
  'Custom>CustomScaleLayer': customScaleLayer,
};
