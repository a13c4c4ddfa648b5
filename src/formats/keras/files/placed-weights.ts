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
  const top: Place = { group: root, config };
  const places = new Map<string, Place | undefined>();
  let everywhere: ReadonlyMap<string, readonly Occurrence[]> | undefined;
  const place = (layer: readonly string[]): Place | undefined => {
    if (layer.length === 0) return top;
    const key = JSON.stringify(layer);
    if (!places.has(key)) {
      const outer = place(layer.slice(0, -1));
      const own = outer && layerIn(outer, layer.at(-1)!, isSaved);
      places.set(key, own ?? (outer && elsewhere(layer.at(-1)!, outer.config)));
    }
    return places.get(key);
  };
  /** What is in two models is stored in the first of them alone: the place of the same layer in another model. */
  const elsewhere = (name: string, model: Json): Place | undefined => {
    everywhere ??= occurrencesIn(config);
    const others = everywhere.get(name)?.slice(0, MAX_OCCURRENCES) ?? [];
    if (others.length < 2) return undefined;
    const wanted = layersOf(model).find((candidate) => nameOf(candidate) === name);
    if (wanted === undefined) return undefined;
    const isSame = sameAs(wanted);
    for (const { path, layer } of others) {
      if (!isSame(layer)) continue;
      let found: Place | undefined = top;
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
  /** The layers inside, once they were looked for. */
  layers?: ReadonlyMap<string, Place>;
}

/** A serialised layer, and the names of the models that lead to it and its own. */
interface Occurrence {
  readonly path: readonly string[];
  readonly layer: Json;
}

/** Layers of one name in different models that are compared. */
const MAX_OCCURRENCES = 100;

/** The states of the random generators of Dropout and its like. */
function isRandomState(path: string): boolean {
  return path.includes('/seed_generator/');
}

/** A layer of a model. */
function layerIn(model: Place, name: string, isSaved: boolean): Place | undefined {
  model.layers ??= placesIn(model, isSaved);
  return model.layers.get(name);
}

/** The layers of a model by their names, as far as they have folders. */
function placesIn({ group, config }: Place, isSaved: boolean): Map<string, Place> {
  const folder = LAYER_FOLDERS.map((candidate) => group.get(candidate)).find(
    (found) => found?.kind === 'group',
  );
  if (folder?.kind !== 'group') {
    // A model inside a wrapper: its layers are those of the wrapper's attribute `layer`.
    const wrapped = group.get('layer');
    const model = field(field(config, 'config'), 'layer');
    if (wrapped?.kind !== 'group' || model === undefined) return new Map();
    return placesIn({ group: wrapped, config: model }, isSaved);
  }
  const byName = new Map<string, Hdf5Group>();
  for (const name of folder.names) {
    const own = storedName(folder, name);
    const inner = own === undefined ? undefined : folder.get(name);
    if (inner?.kind === 'group' && !byName.has(own!)) byName.set(own!, inner);
  }
  const places = new Map<string, Place>();
  const counts = new Map<string, number>();
  for (const layer of layersOf(config)) {
    const base = snakeCase(textField(layer, 'class_name'));
    const count = counts.get(base) ?? 0;
    counts.set(base, count + 1);
    const name = nameOf(layer);
    const byClass = folder.get(count === 0 ? base : `${base}_${count}`);
    const named = byName.get(name);
    const found = isSaved ? (named ?? byClass) : (byClass ?? named);
    if (found?.kind === 'group' && !places.has(name)) places.set(name, { group: found, config: layer });
  }
  return places;
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

/** All layers of a model and of the models in it by their names; models in wrappers are not looked into. */
function occurrencesIn(config: Json): Map<string, Occurrence[]> {
  const found = new Map<string, Occurrence[]>();
  const open: Occurrence[] = [{ layer: config, path: [] }];
  for (const next of open)
    for (const layer of layersOf(next.layer)) {
      const one = { layer, path: [...next.path, nameOf(layer)] };
      const known = found.get(nameOf(layer));
      if (known === undefined) found.set(nameOf(layer), [one]);
      else known.push(one);
      open.push(one);
    }
  return found;
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
