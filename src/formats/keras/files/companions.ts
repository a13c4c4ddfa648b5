import { BnnqError } from '../../../errors.ts';
import { type ByteSource, memorySource } from '../../byte-source.ts';

/** Bytes that have a name: a path, or what stands for it. */
export interface NamedSource extends ByteSource {
  readonly path: string;
}

/** What belongs to a model and is in other files. Each is absent where nothing is known of what surrounds the model. */
export interface Companions {
  /** A shard of a TensorFlow.js model. @param where begins messages */
  shard?(name: string, where: string): NamedSource;
  /** The architecture in JSON that a file of weights belongs to. */
  architecture?(): NamedSource;
  /** The file of weights that belongs to an architecture. */
  weights?(): NamedSource;
}

/** Shards that are in memory, by their names. @throws not-found */
export function shardsInMemory(files: ReadonlyMap<string, Uint8Array>): Companions {
  return {
    shard(path, where) {
      const bytes = files.get(path);
      if (bytes === undefined)
        throw new BnnqError('not-found', `${where} "${path}" is needed, and was not given`);
      return { path, ...memorySource(bytes) };
    },
  };
}
