import type { LayerConverter, LayerTable } from '../layer-call.ts';

/** Layers that do something in training alone. */
const identity: LayerConverter = (call) => call.input;

export const IDENTITY_LAYERS: LayerTable = {
  Dropout: identity,
  SpatialDropout1D: identity,
  SpatialDropout2D: identity,
  SpatialDropout3D: identity,
  AlphaDropout: identity,
  GaussianDropout: identity,
  GaussianNoise: identity,
  ActivityRegularization: identity,
  Identity: identity,
};
