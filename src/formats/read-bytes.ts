import { BnnqError, messageOf } from '../errors.ts';
import type { Model } from '../ir/graph.ts';
import { type Detected, detect } from './detect.ts';
import { type FormatOptions, MODEL_FORMATS, type ModelFormat } from './registry.ts';

/**
 * Reads a model from memory; the bytes must not be changed afterwards. Needs no file system, so it works in a browser.
 * @throws malformed, unsupported, limit, option; not-found where the model has parts elsewhere that `options` do not lead to
 */
export async function readBytes(bytes: Uint8Array, options: FormatOptions = {}): Promise<Model> {
  const format = formatOf(bytes, options);
  return asSentence(() => format.read(bytes, options), options);
}

/** The format of a file that begins with these bytes. */
export function formatOf(bytes: Uint8Array, options: FormatOptions): ModelFormat {
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
export async function asSentence(read: () => Model | Promise<Model>, options: FormatOptions): Promise<Model> {
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
