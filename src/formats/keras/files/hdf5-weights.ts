import { BnnqError } from '../../../errors.ts';
import type { Hdf5Group } from '../../hdf5/file.ts';
import type { JsonObject, KerasWeights } from '../contract.ts';
import { field, textField } from './json.ts';
import { type NamedVariable, namedWeights } from './named-weights.ts';
import { hasPlacedWeights, placedWeights } from './placed-weights.ts';
import { variableOf } from './stored-variable.ts';

/** An architecture in an HDF5 file, and the group of the weights. */
export interface Hdf5Model {
  /** Text of the attribute `model_config`; undefined in a file of weights alone. */
  readonly config: string | undefined;
  readonly kerasVersion: string;
  /** Makes the weights of a model. @param isSaved whether `config` was saved together with them */
  weights(config: JsonObject, isSaved: boolean): KerasWeights;
}

/** Attributes longer than 64 KB are cut into `name0`, `name1`, … (keras, `save_attributes_to_hdf5_group`). */
function longTexts(group: Hdf5Group, name: string): readonly string[] | undefined {
  const whole = group.texts(name);
  if (whole !== undefined) return whole;
  const chunks: string[] = [];
  for (let i = 0; ; i++) {
    const chunk = group.texts(`${name}${i}`);
    if (chunk === undefined) return i === 0 ? undefined : chunks;
    for (const text of chunk) chunks.push(text);
  }
}

/**
 * Reads what a Keras HDF5 file says of itself: whole models of Keras 1 to 3, and files of weights in both forms.
 * @param what the file, for messages
 * @throws malformed where it is none of these
 */
export function readHdf5Model(root: Hdf5Group, what: string): Hdf5Model {
  const inner = root.get('model_weights');
  const saved = inner?.kind === 'group' ? inner : root;
  const version = (root.texts('keras_version') ?? saved.texts('keras_version'))?.[0] ?? '';
  const config = root.texts('model_config')?.[0];
  const about = { config, kerasVersion: version };
  if (hasPlacedWeights(root))
    return { ...about, weights: (model, isSaved) => placedWeights(root, model, isSaved) };
  const layerNames = longTexts(saved, 'layer_names');
  if (layerNames !== undefined)
    return {
      ...about,
      kerasVersion: version || (config === undefined ? '' : '1'),
      weights: (model) => weightsByLayer(saved, layerNames, model, what),
    };
  if (config !== undefined)
    throw new BnnqError(
      'malformed',
      `keras: ${what} has an architecture and no weights: model_weights is missing`,
    );
  throw new BnnqError(
    'unsupported',
    `keras: ${what} is an HDF5 file without a Keras model: it has ${root.names.slice(0, 8).join(', ') || 'nothing'}`,
  );
}

/** Weights that are grouped by the layers of the outermost model, each group with the names of its variables in order. */
function weightsByLayer(
  saved: Hdf5Group,
  layerNames: readonly string[],
  config: JsonObject,
  what: string,
): KerasWeights {
  const variables: NamedVariable[] = [];
  for (const layer of new Set(layerNames)) {
    const group = saved.get(layer);
    if (group?.kind !== 'group')
      throw new BnnqError('malformed', `keras: ${what} lists the layer "${layer}" and has no group of it`);
    for (const name of longTexts(group, 'weight_names') ?? []) {
      const dataset = group.get(name);
      if (dataset?.kind !== 'dataset')
        throw new BnnqError(
          'malformed',
          `keras: ${what} lists the weight "${name}" of layer "${layer}" and has none`,
        );
      variables.push({ layer, name, variable: variableOf(dataset, name) });
    }
  }
  return namedWeights(variables, layerNamesIn(layerNames, config));
}

/**
 * How the file calls the layers of the architecture: by the same names, or where these differ by place, as Keras itself
 * loads weights. Layers get other names when a network is built twice in one session.
 */
function layerNamesIn(stored: readonly string[], config: JsonObject): (name: string) => string {
  const own = field(config, 'config');
  const layers = Array.isArray(own) ? own : field(own, 'layers');
  const isSequential = textField(config, 'class_name') === 'Sequential';
  const names = (Array.isArray(layers) ? layers : [])
    .filter((layer) => !isSequential || textField(layer, 'class_name') !== 'InputLayer')
    .map((layer) => textField(field(layer, 'config'), 'name') || textField(layer, 'name'));
  const known = new Set(stored);
  if (names.length !== stored.length || names.every((name) => known.has(name))) return (name) => name;
  const byPlace = new Map(names.map((name, i) => [name, stored[i]!]));
  return (name) => byPlace.get(name) ?? name;
}
