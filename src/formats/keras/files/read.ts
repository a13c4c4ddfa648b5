import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import { BnnqError } from '../../../errors.ts';
import type { Model } from '../../../ir/graph.ts';
import { type ByteSource, wholeSource } from '../../byte-source.ts';
import { FileSource } from '../../file.ts';
import { openHdf5 } from '../../hdf5/file.ts';
import { MAX_JSON_BYTES } from '../../limits.ts';
import { pathInside } from '../../path-inside.ts';
import type { JsonObject, KerasSource } from '../contract.ts';
import { importKeras } from '../import.ts';
import { readKerasArchive } from './archive.ts';
import { findArchitecture, findWeights } from './companions.ts';
import { readHdf5Model } from './hdf5-weights.ts';
import { field, isJsonObject, parseJsonObject, textField } from './json.ts';
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

const HASH_BYTES = 2 ** 22;

/** Reads a Keras HDF5 file: a model of Keras 1, 2 or 3, or weights whose architecture is beside them. */
export function readKerasHdf5(source: ByteSource, options: KerasFileOptions): Model {
  const { keras, files } = hdf5Source(source, options);
  return modelOf(keras, [source, ...files], options);
}

/** Reads a `.keras` file. */
export function readKerasZip(source: ByteSource, options: KerasFileOptions): Model {
  return modelOf(readKerasArchive(source, nameOf(options), options.verify), [source], options);
}

/** Reads a JSON file: a TensorFlow.js layers model, or the architecture of a Keras model whose weights are beside it. */
export function readKerasJson(source: ByteSource, options: KerasFileOptions): Model {
  const what = nameOf(options);
  const json = readJsonFile(source, what);
  if (isTfjs(json)) {
    const shards: ByteSource[] = [];
    const openShard = (path: string): ByteSource => {
      const shard = openBeside(path, options);
      shards.push(shard);
      return shard;
    };
    const keras = readTfjs(json, openShard, what);
    return modelOf(keras, [source, ...shards], options);
  }
  architectureOf(json, what);
  if (options.file === undefined)
    throw new BnnqError('not-found', `keras: ${what} holds an architecture, and its folder is not known`);
  const path = findWeights(options.file);
  const weights = new FileSource(path);
  const { keras } = hdf5Source(weights, { ...options, file: path, architecture: options.file });
  return modelOf(keras, [source, weights], options);
}

/** What an HDF5 file holds, and the files besides it that were read. */
function hdf5Source(
  source: ByteSource,
  options: KerasFileOptions,
): { keras: KerasSource; files: ByteSource[] } {
  const what = nameOf(options);
  const stored = readHdf5Model(openHdf5(source, what), what);
  if (stored.config !== undefined && options.architecture === undefined) {
    const config = parseJsonObject(stored.config, `keras: ${what}: model_config`);
    const { kerasVersion } = stored;
    return {
      keras: { container: '.h5', config, kerasVersion, weights: stored.weights(config, true) },
      files: [],
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
  return { keras, files: [file] };
}

/** The model in a JSON file: what `model.to_json()` gives, or a whole file's `model_config`. */
function architectureOf(json: JsonObject, what: string): JsonObject {
  const wrapped = field(json, 'model_config');
  const config = isJsonObject(wrapped) ? wrapped : json;
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

/** @param files all files that the model is in, the one that was asked for first: hash and length are those of all of them */
function modelOf(keras: KerasSource, files: readonly ByteSource[], { file }: KerasFileOptions): Model {
  const hash = createHash('sha256');
  for (const part of files)
    for (let at = 0; at < part.length; at += HASH_BYTES)
      hash.update(part.read(at, Math.min(HASH_BYTES, part.length - at)));
  const byteLength = files.reduce((sum, { length }) => sum + length, 0);
  return importKeras(keras, {
    source: { ...(file === undefined ? {} : { file }), sha256: hash.digest('hex'), byteLength },
  });
}
