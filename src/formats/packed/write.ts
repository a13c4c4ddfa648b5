import type { Model } from '../../ir/graph.ts';
import { checkWritable, type WriteOptions, writeFileAtomically } from '../file.ts';
import { concat } from '../onnx/wire.ts';
import { type PackedSize, type PackOptions, packModel } from './pack.ts';

/**
 * Writes a model as a packed file: under a temporary name first, so that a failure leaves nothing half-written.
 * @throws exists (unless forced), io, not-found
 */
export async function writePacked(
  model: Model,
  path: string,
  options: PackOptions & WriteOptions,
): Promise<PackedSize> {
  checkWritable(path, options);
  const packed = packModel(model, options);
  writeFileAtomically(path, packed.chunks(), options);
  return packed.size;
}

/** The bytes of the packed file of a model. */
export function encodePacked(model: Model, options: PackOptions): Uint8Array {
  return concat([...packModel(model, options).chunks()]);
}

/** The exact size of the packed file of a model, without making it. */
export function packedSize(model: Model, options: PackOptions): PackedSize {
  return packModel(model, options, false).size;
}
