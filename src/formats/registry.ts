import type { Model } from '../ir/graph.ts';
import { type ByteSource, type HashedSource, memorySource } from './byte-source.ts';
import type { FileKind } from './detect.ts';
import type { Companions } from './keras/files/companions.ts';
import { MAX_ELEMENTS } from './limits.ts';
import type { ExternalReader } from './onnx/external-data.ts';
import { readOnnx, readOnnxFile } from './onnx/read.ts';
import { readPacked } from './packed/read.ts';

export interface FormatOptions {
  /** Name for messages and provenance. */
  readonly file?: string;
  /** Check hashes where the format has them; default true. */
  readonly verify?: boolean;
  /** Path of the architecture in JSON that a file of Keras weights belongs to. */
  readonly architecture?: string;
  /** Where other files of a Keras model are. */
  readonly companions?: Companions;
  /** Where the external data of an ONNX model is. */
  readonly external?: ExternalReader;
}

/** A model format: what it looks like and how it is read. A new one is a file and a line here. */
export interface ModelFormat {
  readonly kind: FileKind;
  readonly name: string;
  read(bytes: Uint8Array, options: FormatOptions): Model | Promise<Model>;
  /** Reads a file that is too large to be held in memory; absent where a format is always read whole. */
  readFile?(source: HashedSource, options: FormatOptions): Model | Promise<Model>;
  /** Longest file that `readFile` takes; that of ONNX where absent. */
  readonly maxFileBytes?: number;
  /** Whether a file may be weights alone, which belong to an architecture in another file. */
  readonly takesArchitecture?: true;
}

/** A format that reads by parts, whatever holds them. */
function byParts(
  read: (source: ByteSource, options: FormatOptions) => Promise<Model>,
): Pick<ModelFormat, 'read' | 'readFile' | 'maxFileBytes'> {
  return {
    read: (bytes, options) => read(memorySource(bytes), options),
    readFile: read,
    maxFileBytes: MAX_ELEMENTS,
  };
}

/** Loaded when a file of Keras is read. Measured: 0.10 s less for every other command and thread to start. */
const keras = () => import('./keras/files/read.ts');

export const MODEL_FORMATS: readonly ModelFormat[] = [
  { kind: 'onnx', name: 'ONNX', read: readOnnx, readFile: readOnnxFile },
  {
    kind: 'hdf5',
    name: 'Keras HDF5',
    ...byParts(async (source, options) => (await keras()).readKerasHdf5(source, options)),
    takesArchitecture: true,
  },
  {
    kind: 'zip',
    name: 'Keras (.keras)',
    ...byParts(async (source, options) => (await keras()).readKerasZip(source, options)),
  },
  {
    kind: 'json',
    name: 'TensorFlow.js or Keras architecture',
    ...byParts(async (source, options) => (await keras()).readKerasJson(source, options)),
  },
  { kind: 'safetensors', name: 'packed (.bnnq)', read: readPacked },
];
