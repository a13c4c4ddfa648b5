import { dirname } from 'node:path';
import { BnnqError } from '../errors.ts';
import type { Model } from '../ir/graph.ts';
import { type Detected, detect } from './detect.ts';
import { readFileBytes } from './file.ts';
import { MAX_MODEL_BYTES } from './limits.ts';
import { type FormatOptions, MODEL_FORMATS } from './registry.ts';

export interface ReadModelOptions {
  /** Check hashes where the format has them; default true. */
  readonly verify?: boolean;
}

/**
 * Reads a model: .onnx or .bnnq, told by content and not by name. Weights stay views of the file's bytes until they are
 * used.
 * @throws not-found, io, malformed, unsupported, limit: one sentence with file, tensor and numbers
 */
export async function readModel(path: string, options: ReadModelOptions = {}): Promise<Model> {
  const bytes = readFileBytes(path, MAX_MODEL_BYTES);
  return readModelBytes(bytes, { ...options, file: path, directory: dirname(path) });
}

/**
 * Reads a model from memory; the bytes must not be changed afterwards.
 * @param options `file` names it in messages, `directory` is the folder of external data
 */
export async function readModelBytes(bytes: Uint8Array, options: FormatOptions = {}): Promise<Model> {
  const what = options.file === undefined ? 'the model' : `"${options.file}"`;
  const at = options.file === undefined ? {} : { file: options.file };
  if (bytes.length === 0) throw new BnnqError('malformed', `${what} is empty`, at);
  const detected = detect(bytes);
  const format = MODEL_FORMATS.find(({ kind }) => kind === detected.kind);
  if (format === undefined) throw new BnnqError('unsupported', `${what} ${refusal(detected)}`, at);
  try {
    return await format.read(bytes, options);
  } catch (thrown) {
    if (!(thrown instanceof BnnqError)) throw unexpected(what, at, thrown);
    throw new BnnqError(thrown.code, thrown.message, { ...at, ...thrown.at }, thrown.cause);
  }
}

const NOT_YET = 'Keras import is not there yet; convert the model to ONNX, for example with tf2onnx';

function refusal({ kind, what }: Detected): string {
  if (kind === 'keras-h5') return `is an HDF5 file: ${NOT_YET}`;
  if (kind === 'zip') return `is a zip file, such as .keras: ${NOT_YET}`;
  if (kind === 'tfjs-json') return `is a TensorFlow.js model: ${NOT_YET}`;
  return `is ${what ?? 'not a model that is known here'}; expected an ONNX model or a packed model (.bnnq)`;
}

function unexpected(what: string, at: { file?: string }, thrown: unknown): BnnqError {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new BnnqError('internal', `${what} cannot be read: ${message}`, at, thrown);
}
