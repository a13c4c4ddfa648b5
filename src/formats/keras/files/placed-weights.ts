import { datasetsOf, type Hdf5Group } from '../../hdf5/file.ts';
import type { Json, JsonObject, KerasWeights, VariableRef } from '../contract.ts';
import { field, textField } from './json.ts';
import { checked, variableOf } from './stored-variable.ts';

/** Where the layers of a model are; `_layer_checkpoint_dependencies` in files of Keras 2.12. */
const LAYER_FOLDERS = ['layers', '_layer_checkpoint_dependencies'];

/**
 * Weights by their place in the tree of objects, as Keras 3 (and the new format of Keras 2.12 and later) has them:
 * `layers/conv2d_1/vars/0`. A layer's folder is called after its class, with a number from the second of its class on;
 * newer files also keep its name as an attribute.
 * Source: keras/src/saving/saving_lib.py, `_save_state` and `_save_container_state`.
 * @param config the model that the weights belong to
 * @param isSaved whether config and weights were saved together, so that names are those of the same layers
 */
export function placedWeights(root: Hdf5Group, config: JsonObject, isSaved: boolean): KerasWeights {
  const used = new Set<string>();
  const groups = new Map<string, Place | undefined>();
  const place = (layer: readonly string[]): Place | undefined => {
    if (layer.length === 0) return { group: root, config };
    const key = JSON.stringify(layer);
    if (!groups.has(key)) {
      const outer = place(layer.slice(0, -1));
      const own = outer && layerIn(outer, layer.at(-1)!, isSaved);
      groups.set(key, own ?? (outer && elsewhere(layer, outer.config)));
    }
    return groups.get(key);
  };
  /** What is in two models is stored in the first of them alone: the place of the same layer in another model. */
  const elsewhere = (layer: readonly string[], model: Json): Place | undefined => {
    const name = layer.at(-1)!;
    const wanted = layersOf(model).find((candidate) => nameOf(candidate) === name);
    if (wanted === undefined) return undefined;
    for (const path of pathsTo(config, sameAs(wanted))) {
      let found: Place | undefined = { group: root, config };
      for (const step of path) found = found && layerIn(found, step, isSaved);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return {
    find(ref, shape) {
      const group = partOf(place(ref.layer)?.group, ref);
      const vars = group?.get('vars');
      if (vars?.kind !== 'group') return undefined;
      const dataset = vars.get(String(ref.index)) ?? vars.get(ref.name);
      if (dataset?.kind !== 'dataset') return undefined;
      used.add(dataset.path);
      return checked(variableOf(dataset, dataset.path), shape);
    },
    unused: () => {
      const folders = LAYER_FOLDERS.map((name) => root.get(name)).filter((found) => found?.kind === 'group');
      return folders.flatMap((folder) =>
        [...datasetsOf(folder)]
          .map(({ path }) => path)
          .filter((path) => !used.has(path) && !isRandomState(path)),
      );
    },
  };
}

interface Place {
  readonly group: Hdf5Group;
  /** The layer as it is serialised. */
  readonly config: Json;
}

/** The states of the random generators of Dropout and its like. */
function isRandomState(path: string): boolean {
  return path.includes('/seed_generator/');
}

/** The folder of a layer of a model. */
function layerIn({ group, config }: Place, name: string, isSaved: boolean): Place | undefined {
  const folder = LAYER_FOLDERS.map((candidate) => group.get(candidate)).find(
    (found) => found?.kind === 'group',
  );
  if (folder?.kind !== 'group') {
    // A model inside a wrapper: its layers are those of the wrapper's attribute `layer`.
    const wrapped = group.get('layer');
    const model = field(field(config, 'config'), 'layer');
    if (wrapped?.kind !== 'group' || model === undefined) return undefined;
    return layerIn({ group: wrapped, config: model }, name, isSaved);
  }
  const layers = layersOf(config);
  const counts = new Map<string, number>();
  let byClass: string | undefined;
  let own: Json = null;
  for (const layer of layers) {
    const base = snakeCase(textField(layer, 'class_name'));
    const count = counts.get(base) ?? 0;
    counts.set(base, count + 1);
    if (nameOf(layer) === name && byClass === undefined) {
      byClass = count === 0 ? base : `${base}_${count}`;
      own = layer;
    }
  }
  const named = folder.names.find((candidate) => storedName(folder, candidate) === name);
  const chosen = isSaved
    ? (named ?? byClass)
    : byClass !== undefined && folder.get(byClass)
      ? byClass
      : named;
  const found = chosen === undefined ? undefined : folder.get(chosen);
  return found?.kind === 'group' ? { group: found, config: own } : undefined;
}

/** The layers of a model, in order. */
function layersOf(model: Json): readonly Json[] {
  const config = field(model, 'config');
  const layers = Array.isArray(config) ? config : field(config, 'layers');
  return Array.isArray(layers) ? layers : [];
}

/** Whether another serialised layer has the same configuration; what is numbered anew at each writing is not looked at. */
function sameAs(layer: Json): (other: Json) => boolean {
  const text = (json: Json): string =>
    JSON.stringify([textField(json, 'class_name'), field(json, 'config') ?? null], (key, value) =>
      key === 'shared_object_id' ? undefined : value,
    );
  const [name, own] = [nameOf(layer), text(layer)];
  return (other) => nameOf(other) === name && text(other) === own;
}

/** Names of the nested models that lead to a layer, and its own; models in wrappers are not looked into. */
function* pathsTo(model: Json, isWanted: (layer: Json) => boolean): Generator<readonly string[]> {
  const open = [{ model, path: [] as readonly string[] }];
  for (let next = open.pop(); next !== undefined; next = open.pop())
    for (const layer of layersOf(next.model)) {
      const path = [...next.path, nameOf(layer)];
      if (isWanted(layer)) yield path;
      open.push({ model: layer, path });
    }
}

function nameOf(layer: Json): string {
  return textField(field(layer, 'config'), 'name') || textField(layer, 'name');
}

function storedName(folder: Hdf5Group, candidate: string): string | undefined {
  const vars = folder.get(`${candidate}/vars`);
  return vars?.kind === 'group' ? vars.texts('name')?.[0] : undefined;
}

/** Goes on to the part of a layer that owns the variable; private attributes count, too (Keras 2 has `_query_dense`). */
function partOf(layer: Hdf5Group | undefined, { part }: VariableRef): Hdf5Group | undefined {
  let at = layer;
  for (const attribute of part) {
    if (at === undefined) return undefined;
    const inner = at.get(attribute) ?? at.get(`_${attribute}`);
    at = inner?.kind === 'group' ? inner : undefined;
  }
  return at;
}

/** `SeparableConv2D` is `separable_conv2d`. Source: keras/src/utils/naming.py, `to_snake_case`. */
function snakeCase(name: string): string {
  return name
    .replace(/\W+/g, '')
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}

/** Whether a file is of this form. */
export function hasPlacedWeights(root: Hdf5Group): boolean {
  return LAYER_FOLDERS.some((name) => root.names.includes(name)) && root.texts('layer_names') === undefined;
}
