import type { Model } from '../../../ir/graph.ts';
import { createSha256, hexOf } from '../../../tensor/sha256.ts';
import type { ByteSource } from '../../byte-source.ts';
import { importKeras } from '../import.ts';
import {
  type KerasFileOptions,
  type OpenedKeras,
  openKerasHdf5,
  openKerasJson,
  openKerasZip,
} from './open.ts';

const HASH_BYTES = 2 ** 22;

/** Reads a Keras HDF5 file: a model of Keras 1, 2 or 3, or weights whose architecture is beside them. */
export function readKerasHdf5(source: ByteSource, options: KerasFileOptions): Model {
  return modelOf(openKerasHdf5(source, options), options);
}

/** Reads a `.keras` file. */
export function readKerasZip(source: ByteSource, options: KerasFileOptions): Model {
  return modelOf(openKerasZip(source, options), options);
}

/** Reads a JSON file: a TensorFlow.js layers model, or the architecture of a Keras model whose weights are beside it. */
export function readKerasJson(source: ByteSource, options: KerasFileOptions): Model {
  return modelOf(openKerasJson(source, options), options);
}

/** Hash and length of the source are those of all its files, one after the other. */
function modelOf({ keras, files }: OpenedKeras, { file }: KerasFileOptions): Model {
  const hash = createSha256();
  for (const part of files)
    for (let at = 0; at < part.length; at += HASH_BYTES)
      hash.update(part.read(at, Math.min(HASH_BYTES, part.length - at)));
  const byteLength = files.reduce((sum, { length }) => sum + length, 0);
  return importKeras(keras, {
    source: { ...(file === undefined ? {} : { file }), sha256: hexOf(hash.digest()), byteLength },
  });
}
