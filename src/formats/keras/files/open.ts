import { dirname } from 'node:path';
import { BnnqError } from '../../../errors.ts';
import { type ByteSource, wholeSource } from '../../byte-source.ts';
import { FileSource } from '../../file.ts';
import { openHdf5 } from '../../hdf5/file.ts';
import { MAX_JSON_BYTES } from '../../limits.ts';
import { pathInside } from '../../path-inside.ts';
import { isObject } from '../config.ts';
import type { JsonObject, KerasSource } from '../contract.ts';
import { readKerasArchive } from './archive.ts';
import { findArchitecture, findWeights } from './companions.ts';
import { readHdf5Model } from './hdf5-weights.ts';
import { field, parseJsonObject, textField } from './json.ts';
import { isTfjs, readTfjs } from './tfjs.ts';

export interface KerasFileOptions {
  /** Path of the file, for messages, provenance, and to look beside it. */
  readonly file?: string;
  /** Folder of the shards of a TensorFlow.js model. */
  readonly directory?: string;
  /** Path of the architecture in JSON that a file of weights belongs to. */
  readonly architecture?: string;
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
    const shards = new Map<string, FileSource>();
    const openShard = (path: string): ByteSource => {
      const shard = openBeside(path, options);
      // Else a line of text could have a large file read a million times.
      if (shards.has(shard.path))
        throw new BnnqError('malformed', `tfjs: ${what}: the shard "${path}" is listed twice`);
      shards.set(shard.path, shard);
      return shard;
    };
    const keras = readTfjs(json, openShard, what);
    return { keras, files: [source, ...shards.values()] };
  }
  architectureOf(json, what);
  if (options.file === undefined)
    throw new BnnqError('not-found', `keras: ${what} holds an architecture, and its folder is not known`);
  const path = findWeights(options.file);
  const weights = new FileSource(path);
  const { keras } = openKerasHdf5(weights, { ...options, file: path, architecture: options.file });
  return { keras, files: [source, weights] };
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
  if (options.architecture === undefined && options.file === undefined)
    throw new BnnqError('not-found', `keras: ${what} holds weights and no architecture`);
  const path = options.architecture ?? findArchitecture(options.file!);
  const file = new FileSource(path);
  const json = readJsonFile(file, `"${path}"`);
  const config = architectureOf(json, `"${path}"`);
  const version =
    textField(json, 'keras_version') || stored.kerasVersion || (field(config, 'module') ? '3' : '');
  const keras = {
    container: '.weights.h5',
    config,
    kerasVersion: version,
    weights: stored.weights(config, false),
  };
  return { keras, files: [source, file] };
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

function openBeside(path: string, options: KerasFileOptions): FileSource {
  const directory = options.directory ?? (options.file === undefined ? undefined : dirname(options.file));
  const where = `tfjs: ${nameOf(options)}: shard`;
  if (directory === undefined)
    throw new BnnqError('not-found', `${where} "${path}" is needed, and the model's folder is not known`);
  return new FileSource(pathInside(directory, path, where));
}

function nameOf({ file }: KerasFileOptions): string {
  return file === undefined ? 'the model' : `"${file}"`;
}
