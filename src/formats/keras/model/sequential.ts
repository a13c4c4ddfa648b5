import type { Dim } from '../../../ir/graph.ts';
import { MAX_GRAPH_DEPTH } from '../../limits.ts';
import { isArray } from '../config.ts';
import { LayerCall, type LayerJson } from '../layer-call.ts';
import type { KerasTensor } from '../tensor.ts';
import { declaredShape, declaredType, shapeOf } from './inputs.ts';
import { layerJsonOf } from './layer-json.ts';
import { layersOf, type ModelCall, type ModelOutputs } from './model-call.ts';

/** A Sequential model: each layer is called on what the one before it gives. */
export function convertSequential({ context, model, path, inputs }: ModelCall): ModelOutputs {
  const layers = layersOf(model).map((json, i) => layerJsonOf(json, `layer ${i} of "${model.name}"`));
  const [first] = layers;
  let values: readonly KerasTensor[];
  if (inputs !== undefined) values = inputs;
  else {
    const shape =
      shapeOf(model.config.build_input_shape) ?? declaredShape(model) ?? (first && innerShape(first));
    const name = first?.className === 'InputLayer' ? first.name : `${first?.name ?? model.name}_input`;
    values = [context.graph.input(name, shape, declaredType(first?.config.dtype))];
  }
  let last = model.name;
  for (const layer of layers) {
    if (layer.className === 'InputLayer') continue;
    const args = values.length === 1 ? values : [values];
    values = context.convert(new LayerCall({ context, layer, path: [...path, layer.name], args }));
    last = layer.name;
  }
  return { tensors: values, names: values.map((_, i) => (i === 0 ? last : `${last}.${i}`)) };
}

/** The input shape of a layer, or of the first layer of a model that it is; not deeper than files nest models. */
function innerShape(layer: LayerJson): readonly Dim[] | undefined {
  let current = layer;
  for (let depth = 0; depth < MAX_GRAPH_DEPTH; depth++) {
    const shape = shapeOf(current.config.build_input_shape) ?? declaredShape(current);
    const { layers } = current.config;
    const first = isArray(layers) ? layers[0] : undefined;
    if (shape !== undefined || first === undefined) return shape;
    current = layerJsonOf(first, `the first layer of "${current.name}"`);
  }
  return undefined;
}
