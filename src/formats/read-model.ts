import { dirname } from 'node:path';
import type { Model } from '../ir/graph.ts';
import { PREFIX_BYTES } from './detect.ts';
import { FileSource, type OnFile, readFileBytes } from './file.ts';
import { companionFiles } from './keras/files/companion-files.ts';
import { MAX_MODEL_BYTES, MAX_RESIDENT_BYTES } from './limits.ts';
import { externalFiles } from './onnx/external-files.ts';
import { asSentence, formatOf, readBytes } from './read-bytes.ts';
import type { FormatOptions } from './registry.ts';

export interface ReadModelOptions {
  /** Check hashes where the format has them; default true. */
  readonly verify?: boolean;
  /** Longer files keep their large tensors on disk, if the format allows it; default 64 MiB. */
  readonly maxResidentBytes?: number;
  /** Path of the architecture in JSON (`model.to_json()`) of a file of Keras weights; looked for beside it when absent. */
  readonly architecture?: string;
  /** Told of every other file that the model lies in: as the model names it, below its folder, and its path. */
  readonly onFile?: OnFile;
}

/**
 * Reads a model, told by content and not by name: ONNX, Keras (.h5, .keras, .weights.h5 with an architecture in JSON,
 * TensorFlow.js layers) or packed (.bnnq). Weights are not decoded before they are used; those of a large ONNX or Keras
 * file are not even loaded, and the file must stay as it is.
 * @throws not-found, io, malformed, unsupported, limit, option: one sentence with file, tensor and numbers
 */
export async function readModel(path: string, options: ReadModelOptions = {}): Promise<Model> {
  const { maxResidentBytes = MAX_RESIDENT_BYTES, ...rest } = options;
  const named = { ...rest, file: path, directory: dirname(path) };
  const source = new FileSource(path);
  if (source.isRegular && source.length > maxResidentBytes) {
    const { readFile, maxFileBytes = MAX_MODEL_BYTES } = formatOf(
      source.read(0, Math.min(source.length, PREFIX_BYTES)),
      named,
    );
    if (readFile !== undefined && source.length <= maxFileBytes)
      return asSentence(() => readFile(source, withFilesAround(named)), named);
  }
  return readModelBytes(readFileBytes(path, MAX_MODEL_BYTES), named);
}

export interface ReadBytesOptions {
  /** Name for messages and provenance, and the path that other files of the model are found by. */
  readonly file?: string;
  /** Folder of data that the file refers to. */
  readonly directory?: string;
  /** Check hashes where the format has them; default true. */
  readonly verify?: boolean;
  /** Path of the architecture in JSON that a file of Keras weights belongs to. */
  readonly architecture?: string;
  readonly onFile?: OnFile;
}

/**
 * Reads a model from memory; the bytes must not be changed afterwards.
 * @param options `file` names it in messages, `directory` is the folder of external data
 */
export async function readModelBytes(bytes: Uint8Array, options: ReadBytesOptions = {}): Promise<Model> {
  return readBytes(bytes, withFilesAround(options));
}

function withFilesAround({ directory, onFile, ...options }: ReadBytesOptions): FormatOptions {
  return {
    ...options,
    companions: companionFiles({ ...options, ...(directory !== undefined && { directory }) }, onFile),
    ...(directory !== undefined && { external: externalFiles(directory, onFile) }),
  };
}
