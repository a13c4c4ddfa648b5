import type { ByteSource } from '../../byte-source.ts';

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
