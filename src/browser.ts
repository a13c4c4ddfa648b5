/**
 * The public API in a browser: reads models and images from bytes, runs them and classifies. Nothing here needs Node.
 *
 * ```ts
 * import { createClassifier, decodeImage, readModel } from 'bnn-quantize/browser';
 *
 * const model = await readModel(await (await fetch('model.bnnq')).blob());
 * const classifier = createClassifier(model);
 * const image = await decodeImage(await (await fetch('cat.png')).blob());
 * const { classes, checksum } = classifier.classify(image, { preprocess: 'torch' });
 * console.log(classes[0].index, classes[0].probability, checksum);
 * ```
 */
import type { Pixels } from './formats/datasets/dataset.ts';
import { decodeImage as decode } from './formats/images/decode-image.ts';
import { shardsInMemory } from './formats/keras/files/companions.ts';
import { externalBytes } from './formats/onnx/external-data.ts';
import { readBytes } from './formats/read-bytes.ts';
import type { Model } from './ir/graph.ts';

export { BnnqError, type ErrorCode, type ErrorPlace } from './errors.ts';
export { checkPreprocess } from './eval/check-preprocess.ts';
export {
  type Classification,
  type Classifier,
  type ClassifierOptions,
  type ClassifyOptions,
  type ClassScore,
  createClassifier,
} from './eval/classify.ts';
export { type PreprocessImageOptions, preprocessImage } from './eval/preprocess-image.ts';
export { PRESETS } from './eval/presets.ts';
export type { Pixels, Preprocess } from './eval/types.ts';
export type { Graph, Initializer, Model, ModelSource, Node, Value } from './ir/graph.ts';
export type { KernelChoice } from './kernels/select.ts';
export type { Feeds, ValueFeeds } from './runtime/feeds.ts';
export {
  createSession,
  type LayerArithmetic,
  type RunOptions,
  type Session,
  type SessionOptions,
} from './runtime/session.ts';
export { checksum } from './tensor/checksum.ts';
export type { DataType } from './tensor/dtype.ts';
export type { NumericArray, Tensor } from './tensor/tensor.ts';

/** Bytes in memory, or a file that was picked, dropped or fetched (Blob, File, Response). */
export type BytesSource = Uint8Array | ArrayBuffer | { arrayBuffer(): Promise<ArrayBuffer> };

export interface ReadModelOptions {
  /** Name for messages; that of a `File` when absent. */
  readonly file?: string;
  /** Check hashes where the format has them; default true. */
  readonly verify?: boolean;
  /** Other files of the model by name: external data of an ONNX model, shards of a TensorFlow.js model. */
  readonly files?: Readonly<Record<string, BytesSource>>;
}

/**
 * Reads a model, told by content and not by name: packed (.bnnq), ONNX, Keras (.h5, .keras, TensorFlow.js layers). The bytes must
 * not be changed afterwards.
 * @throws malformed, unsupported, limit; not-found for a file that the model names and `files` does not have
 */
export async function readModel(source: BytesSource, options: ReadModelOptions = {}): Promise<Model> {
  const { file = nameOf(source), verify, files = {} } = options;
  const others = new Map<string, Uint8Array>();
  for (const [name, other] of Object.entries(files)) others.set(name, await bytesOf(other));
  return readBytes(await bytesOf(source), {
    ...(file !== undefined && { file }),
    ...(verify !== undefined && { verify }),
    external: externalBytes(others),
    companions: shardsInMemory(others),
  });
}

/**
 * Decodes a JPEG or PNG image to 8 bits a channel, grey or RGB, by the decoders that `score` has: the same pixels on every machine,
 * which a browser's own decoder does not promise. Alpha is dropped; embedded profiles and EXIF orientation are not applied.
 * @param name what messages call it; that of a `File` when absent
 * @throws malformed, unsupported (CMYK), limit
 */
export async function decodeImage(source: BytesSource, name?: string): Promise<Pixels> {
  return decode(await bytesOf(source), name ?? nameOf(source) ?? 'image');
}

async function bytesOf(source: BytesSource): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  return new Uint8Array(source instanceof ArrayBuffer ? source : await source.arrayBuffer());
}

function nameOf(source: BytesSource): string | undefined {
  const { name } = source as { name?: unknown };
  return typeof name === 'string' ? name : undefined;
}
