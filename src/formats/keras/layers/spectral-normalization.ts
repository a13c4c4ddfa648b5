import type { LayerConverter, LayerTable } from '../layer-call.ts';
import { layerJsonOf } from '../model/layer-json.ts';

/** SpectralNormalization scales the kernel of its layer in training; what is stored is the scaled one. */
const spectralNormalization: LayerConverter = (call) => {
  const layer = layerJsonOf(call.config.object('layer'), `the layer of ${call.where}`);
  return call.context.convert(call.inner('layer', layer, call.args));
};

export const SPECTRAL_NORMALIZATION_LAYERS: LayerTable = { SpectralNormalization: spectralNormalization };
