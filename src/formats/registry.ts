import type { Model } from '../ir/graph.ts';
import { type ByteSource, memorySource } from './byte-source.ts';
import type { FileKind } from './detect.ts';
import type { FileSource } from './file.ts';
import { readKerasHdf5, readKerasJson, readKerasZip } from './keras/files/read.ts';
import { MAX_ELEMENTS } from './limits.ts';
import { readOnnx, readOnnxFile } from './onnx/read.ts';
import { readPacked } from './packed/read.ts';

export interface FormatOptions {
  /** Name for messages and provenance. */
  readonly file?: string;
  /** Folder of data that the file refers to. */
  readonly directory?: string;
  /** Check hashes where the format has them; default true. */
  readonly verify?: boolean;
  /** Path of the architecture in JSON that a file of Keras weights belongs to. */
  readonly architecture?: string;
}

/** A model format: what it looks like and how it is read. A new one is a file and a line here. */
export interface ModelFormat {
  readonly kind: FileKind;
  readonly name: string;
  read(bytes: Uint8Array, options: FormatOptions): Model | Promise<Model>;
  /** Reads a file that is too large to be held in memory; absent where a format is always read whole. */
  readFile?(source: FileSource, options: FormatOptions): Model | Promise<Model>;
  /** Longest file that `readFile` takes; that of ONNX where absent. */
  readonly maxFileBytes?: number;
  /** Whether a file may be weights alone, which belong to an architecture in another file. */
  readonly takesArchitecture?: true;
}

/** A format that reads by parts, whatever holds them. */
function byParts(
  read: (source: ByteSource, options: FormatOptions) => Model,
): Pick<ModelFormat, 'read' | 'readFile' | 'maxFileBytes'> {
  return {
    read: (bytes, options) => read(memorySource(bytes), options),
    readFile: read,
    maxFileBytes: MAX_ELEMENTS,
  };
}

export const MODEL_FORMATS: readonly ModelFormat[] = [
  { kind: 'onnx', name: 'ONNX', read: readOnnx, readFile: readOnnxFile },
  { kind: 'hdf5', name: 'Keras HDF5', ...byParts(readKerasHdf5), takesArchitecture: true },
  { kind: 'zip', name: 'Keras (.keras)', ...byParts(readKerasZip) },
  { kind: 'json', name: 'TensorFlow.js or Keras architecture', ...byParts(readKerasJson) },
  { kind: 'safetensors', name: 'packed (.bnnq)', read: readPacked },
];
