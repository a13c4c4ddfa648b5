import { dirname } from 'node:path';
import { BnnqError, messageOf } from '../errors.ts';
import type { Model } from '../ir/graph.ts';
import { type Detected, detect, PREFIX_BYTES } from './detect.ts';
import { FileSource, readFileBytes } from './file.ts';
import { MAX_MODEL_BYTES, MAX_RESIDENT_BYTES } from './limits.ts';
import { type FormatOptions, MODEL_FORMATS, type ModelFormat } from './registry.ts';

export interface ReadModelOptions {
  /** Check hashes where the format has them; default true. */
  readonly verify?: boolean;
  /** Longer files keep their large tensors on disk, if the format allows it; default 64 MiB. */
  readonly maxResidentBytes?: number;
  /** Path of the architecture in JSON (`model.to_json()`) of a file of Keras weights; looked for beside it when absent. */
  readonly architecture?: string;
}

/**
 * Reads a model, told by content and not by name: ONNX, Keras (.h5, .keras, .weights.h5 with an architecture in JSON,
 * TensorFlow.js layers) or packed (.bnnq). Weights are not decoded before they are used; those of a large ONNX or Keras
 * file are not even loaded, and the file must stay as it is.
 * @throws not-found, io, malformed, unsupported, limit, option: one sentence with file, tensor and numbers
 */
export async function readModel(path: string, options: ReadModelOptions = {}): Promise<Model> {
  const { maxResidentBytes = MAX_RESIDENT_BYTES, ...rest } = options;
  const named: FormatOptions = { ...rest, file: path, directory: dirname(path) };
  const source = new FileSource(path);
  if (source.isRegular && source.length > maxResidentBytes) {
    const { readFile, maxFileBytes = MAX_MODEL_BYTES } = formatOf(
      source.read(0, Math.min(source.length, PREFIX_BYTES)),
      named,
    );
    if (readFile !== undefined && source.length <= maxFileBytes)
      return sentence(() => readFile(source, named), named);
  }
  return readModelBytes(readFileBytes(path, MAX_MODEL_BYTES), named);
}

/**
 * Reads a model from memory; the bytes must not be changed afterwards.
 * @param options `file` names it in messages, `directory` is the folder of external data
 */
export async function readModelBytes(bytes: Uint8Array, options: FormatOptions = {}): Promise<Model> {
  const format = formatOf(bytes, options);
  return sentence(() => format.read(bytes, options), options);
}

/** The format of a file that begins with these bytes. */
function formatOf(bytes: Uint8Array, options: FormatOptions): ModelFormat {
  const { what, at } = namesOf(options);
  if (bytes.length === 0) throw new BnnqError('malformed', `${what} is empty`, at);
  const detected = detect(bytes);
  const format = MODEL_FORMATS.find(({ kind }) => kind === detected.kind);
  if (format === undefined) throw new BnnqError('unsupported', `${what} ${refusal(detected)}`, at);
  if (options.architecture !== undefined && !format.takesArchitecture)
    throw new BnnqError('option', `architecture: ${what} is no file of Keras weights (HDF5)`, at);
  return format;
}

/** Runs a reader; whatever it throws comes out as one error that names the file. */
async function sentence(read: () => Model | Promise<Model>, options: FormatOptions): Promise<Model> {
  const { what, at } = namesOf(options);
  try {
    return await read();
  } catch (thrown) {
    if (thrown instanceof BnnqError)
      throw new BnnqError(thrown.code, thrown.message, { ...at, ...thrown.at }, thrown.cause);
    throw new BnnqError('internal', `${what} cannot be read: ${messageOf(thrown)}`, at, thrown);
  }
}

function namesOf({ file }: FormatOptions): { what: string; at: { file?: string } } {
  return file === undefined ? { what: 'the model', at: {} } : { what: `"${file}"`, at: { file } };
}

function refusal({ what }: Detected): string {
  return `is ${what ?? 'not a model that is known here'}; expected an ONNX model, a Keras model (.h5, .keras, TensorFlow.js) or a packed model (.bnnq)`;
}
