import type { LayerCall } from './layer-call.ts';
import type { KerasTensor } from './tensor.ts';

/** Applies the activation that the layer's configuration names; none for null. */
export function applyActivation(call: LayerCall, x: KerasTensor, key = 'activation'): KerasTensor {
  if (!call.config.has(key)) return x;
  return x; // filled in below
}
