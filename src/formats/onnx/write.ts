import type { Initializer, Model } from '../../ir/graph.ts';
import { encodeTensor } from '../../tensor/decode.ts';
import { changesOf, isOutside, onnxContainerOf, spanOf } from './container.ts';
import { constantNode, encodeModel, type Placement } from './encode.ts';
import { foldNodes } from './fold-nodes.ts';
import { type MetadataEntry, patchOnnx, type TensorData } from './patch.ts';

/**
 * A model as ONNX bytes. Where it came from ONNX and differs in values of initializers only, or in nodes that became
 * initializers, these are changed in the bytes that were read and everything else stays as it was; else the model is
 * written from the IR. Discretized weights
 * are written as their levels, unless they are placed outside.
 * @param placeOf the place outside of an initializer's elements; none are outside where absent
 * @param metadata an entry to put at the very end of the file
 */
export function onnxBytes(
  model: Model,
  placeOf: Placement = () => undefined,
  metadata?: MetadataEntry,
): Uint8Array {
  const container = onnxContainerOf(model);
  const changes = container && changesOf(model, container);
  if (container === undefined || changes === undefined) {
    const bytes = encodeModel(model, placeOf);
    return metadata === undefined ? bytes : patchOnnx(bytes, new Map(), metadata);
  }
  const patches = new Map<number, TensorData>();
  const raw = (initializer: Initializer): TensorData => ({ raw: encodeTensor(initializer.read()) });
  const named = new Set<number>();
  for (const [name, initializer] of model.graph.initializers) {
    const original = container.graph.initializers.get(name);
    if (original === undefined) continue; // it takes the place of a node
    const span = spanOf(original);
    const location = placeOf(initializer);
    if (span === undefined) continue;
    named.add(span.start);
    if (location !== undefined) patches.set(span.start, { location });
    else if (initializer !== original || isOutside(original)) patches.set(span.start, raw(initializer));
  }
  // Data outside of subgraphs and attributes comes in: the file stands alone.
  for (const tensor of container.tensors)
    if (tensor.isOutside && !named.has(tensor.span.start) && !changes.dropped.has(tensor.name))
      patches.set(tensor.span.start, raw(tensor));
  if (changes.dropped.size + changes.functions.size + changes.metadata.size === 0)
    return patchOnnx(container.bytes, patches, metadata);
  const patched = patchOnnx(container.bytes, patches);
  const folded = foldNodes(patched, changes, (output, name) => {
    const initializer = changes.folded.get(output);
    return initializer && constantNode(name, initializer, placeOf(initializer));
  });
  return metadata === undefined ? folded : patchOnnx(folded, new Map(), metadata);
}
