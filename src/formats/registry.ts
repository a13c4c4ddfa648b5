import type { Model } from '../ir/graph.ts';
import type { FileKind } from './detect.ts';
import type { FileSource } from './file.ts';
import { readOnnx, readOnnxFile } from './onnx/read.ts';
import { readPacked } from './packed/read.ts';

export interface FormatOptions {
  /** Name for messages and provenance. */
  readonly file?: string;
  /** Folder of data that the file refers to. */
  readonly directory?: string;
  /** Check hashes where the format has them; default true. */
  readonly verify?: boolean;
}

/** A model format: what it looks like and how it is read. A new one is a file and a line here. */
export interface ModelFormat {
  readonly kind: FileKind;
  readonly name: string;
  read(bytes: Uint8Array, options: FormatOptions): Model | Promise<Model>;
  /** Reads a file that is too large to be held in memory; absent where a format is always read whole. */
  readFile?(source: FileSource, options: FormatOptions): Model | Promise<Model>;
}

export const MODEL_FORMATS: readonly ModelFormat[] = [
  { kind: 'onnx', name: 'ONNX', read: readOnnx, readFile: readOnnxFile },
  { kind: 'safetensors', name: 'packed (.bnnq)', read: readPacked },
];
