import { BnnqError } from '../../../errors.ts';
import { type ByteSource, wholeSource } from '../../byte-source.ts';
import { openHdf5 } from '../../hdf5/file.ts';
import { MAX_JSON_BYTES } from '../../limits.ts';
import { isObject } from '../config.ts';
import type { JsonObject, KerasSource } from '../contract.ts';
import { readKerasArchive } from './archive.ts';
import type { Companions, NamedSource } from './companions.ts';
import { type Hdf5Model, readHdf5Model } from './hdf5-weights.ts';
import { field, parseJsonObject, textField } from './json.ts';
import { isTfjs, readTfjs } from './tfjs.ts';

export interface KerasFileOptions {
  /** Path of the file, for messages and provenance. */
  readonly file?: string;
  /** Path of the architecture in JSON that a file of weights belongs to; replaces the one that the file may have. */
  readonly architecture?: string;
  /** Where other files of the model are. */
  readonly companions?: Companions;
  /** Compare checksums where the format has them; default true. */
  readonly verify?: boolean;
}

/** A Keras model that is open, and all files that it is in, the one that was asked for first. */
export interface OpenedKeras {
  readonly keras: KerasSource;
  readonly files: readonly ByteSource[];
}

/** Opens a `.keras` file. */
export function openKerasZip(source: ByteSource, options: KerasFileOptions): OpenedKeras {
  return { keras: readKerasArchive(source, nameOf(options), options.verify), files: [source] };
}

/** Opens a JSON file: a TensorFlow.js layers model, or the architecture of a Keras model whose weights are beside it. */
export function openKerasJson(source: ByteSource, options: KerasFileOptions): OpenedKeras {
  const what = nameOf(options);
  const json = readJsonFile(source, what);
  if (isTfjs(json)) {
    const shards = new Map<string, NamedSource>();
    const openShard = (path: string): ByteSource => {
      const where = `tfjs: ${what}: shard`;
      const shard = options.companions?.shard?.(path, where);
      if (shard === undefined)
        throw new BnnqError('not-found', `${where} "${path}" is needed, and the model's folder is not known`);
      // Else a line of text could have a large file read a million times.
      if (shards.has(shard.path))
        throw new BnnqError('malformed', `tfjs: ${what}: the shard "${path}" is listed twice`);
      shards.set(shard.path, shard);
      return shard;
    };
    const keras = readTfjs(json, openShard, what);
    return { keras, files: [source, ...shards.values()] };
  }
  const config = architectureOf(json, what);
  const weights = options.companions?.weights?.();
  if (weights === undefined)
    throw new BnnqError('not-found', `keras: ${what} holds an architecture, and its folder is not known`);
  const named = `"${weights.path}"`;
  const stored = readHdf5Model(openHdf5(weights, named), named);
  return { keras: withArchitecture(stored, json, config), files: [source, weights] };
}

/** Opens a Keras HDF5 file: a model of Keras 1, 2 or 3, or weights whose architecture is beside them. */
export function openKerasHdf5(source: ByteSource, options: KerasFileOptions): OpenedKeras {
  const what = nameOf(options);
  const stored = readHdf5Model(openHdf5(source, what), what);
  if (stored.config !== undefined && options.architecture === undefined) {
    const config = parseJsonObject(stored.config, `keras: ${what}: model_config`);
    const { kerasVersion } = stored;
    return {
      keras: { container: '.h5', config, kerasVersion, weights: stored.weights(config, true) },
      files: [source],
    };
  }
  const file = options.companions?.architecture?.();
  if (file === undefined)
    throw new BnnqError('not-found', `keras: ${what} holds weights and no architecture`);
  const json = readJsonFile(file, `"${file.path}"`);
  return {
    keras: withArchitecture(stored, json, architectureOf(json, `"${file.path}"`)),
    files: [source, file],
  };
}

/** Weights with the architecture out of another file. @param json that file */
function withArchitecture(stored: Hdf5Model, json: JsonObject, config: JsonObject): KerasSource {
  return {
    container: '.weights.h5',
    config,
    kerasVersion:
      textField(json, 'keras_version') || stored.kerasVersion || (field(config, 'module') ? '3' : ''),
    weights: stored.weights(config, false),
  };
}

/** The model in a JSON file: what `model.to_json()` gives, or a whole file's `model_config`. */
function architectureOf(json: JsonObject, what: string): JsonObject {
  const wrapped = field(json, 'model_config');
  const config = isObject(wrapped) ? wrapped : json;
  if (textField(config, 'class_name') !== '' && field(config, 'config') !== undefined) return config;
  throw new BnnqError(
    'unsupported',
    `${what} is a JSON file; expected the architecture of a Keras model (model.to_json()) or a TensorFlow.js layers model`,
  );
}

function readJsonFile(source: ByteSource, what: string): JsonObject {
  const bytes = wholeSource(source, MAX_JSON_BYTES, what);
  return parseJsonObject(new TextDecoder().decode(bytes), what);
}

function nameOf({ file }: KerasFileOptions): string {
  return file === undefined ? 'the model' : `"${file}"`;
}
