import { BnnqError } from '../../../errors.ts';
import { MAX_GRAPH_DEPTH } from '../../limits.ts';
import { isArray, isObject, short } from '../config.ts';
import type { Json, JsonObject } from '../contract.ts';
import type { ImportContext, LayerJson } from '../layer-call.ts';
import type { KerasTensor } from '../tensor.ts';

/** A model to convert: the outermost one, or one that is a layer of another. */
export interface ModelCall {
  readonly context: ImportContext;
  readonly model: LayerJson;
  /** Names of the models around its layers: empty for the outermost, whose name is part of no weight's. */
  readonly path: readonly string[];
  /** What a nested model is called on; absent for the outermost one, whose inputs become those of the graph. */
  readonly inputs?: readonly KerasTensor[];
}

/** The outputs of a model, with the names of the layers that make them. */
export interface ModelOutputs {
  readonly tensors: readonly KerasTensor[];
  readonly names: readonly string[];
}

type Kind = 'sequential' | 'functional';

/** Whether a layer is a model that its configuration describes: layers, and how they are connected. */
export function modelKind({ className, config }: LayerJson): Kind | undefined {
  if (!isArray(config.layers)) return undefined;
  if (config.input_layers !== undefined && config.output_layers !== undefined) return 'functional';
  return className === 'Sequential' ? 'sequential' : undefined;
}

/** The layers of a model. @throws malformed */
export function layersOf(model: LayerJson): readonly Json[] {
  const { layers } = model.config;
  if (isArray(layers)) return layers;
  throw new BnnqError(
    'malformed',
    `keras: the layers of the model "${model.name}" are ${short(layers ?? null)}, expected a list`,
  );
}

/** A nested structure of layers' outputs, as a list: `["a",0,0]`, `[["a",0,0],…]` or an object of such. */
export function flatRefs(json: Json | undefined, depth = 0): (readonly Json[])[] {
  if (depth > MAX_GRAPH_DEPTH) throw new BnnqError('limit', 'keras: the outputs are nested too deep');
  if (isArray(json))
    return typeof json[0] === 'string' ? [json] : json.flatMap((item) => flatRefs(item, depth + 1));
  return isObject(json) ? sortedValues(json).flatMap((item) => flatRefs(item, depth + 1)) : [];
}

/** The values of an object in the order in which Keras flattens dictionaries: by their keys. */
function sortedValues(json: JsonObject): Json[] {
  return Object.keys(json)
    .toSorted()
    .map((key) => json[key]!);
}
