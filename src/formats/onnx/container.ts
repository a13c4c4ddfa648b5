import type { Graph, Initializer, Model } from '../../ir/graph.ts';
import type { StoredTensor } from './stored-tensor.ts';
import type { Span } from './wire.ts';

/**
 * What the ONNX reader leaves in `model.source.container`: the file, and where its tensors lie in it. A writer starts
 * from these bytes, so that everything that the IR does not hold (documentation, metadata, fields of later versions)
 * stays in the file.
 */
export interface OnnxContainer {
  readonly kind: 'onnx';
  /** The file; where it is large, without the elements of large tensors (see outline.ts). */
  readonly bytes: Uint8Array;
  /** The graph as it was read. */
  readonly graph: Graph;
  /** Every TensorProto of the file, of subgraphs and attributes too. */
  readonly tensors: readonly StoredTensor[];
}

/** The container of a model that came from ONNX bytes. */
export function onnxContainerOf(model: Model): OnnxContainer | undefined {
  const container = model.source.container as Partial<OnnxContainer> | undefined;
  return container?.kind === 'onnx' ? (container as OnnxContainer) : undefined;
}

/** Where an initializer lies in the file; undefined for one that is not a TensorProto of it. */
export function spanOf(initializer: Initializer | undefined): Span | undefined {
  return (initializer as Partial<StoredTensor> | undefined)?.span;
}

/** Whether an initializer's elements are not in the container's bytes. */
export function isOutside(initializer: Initializer): boolean {
  return (initializer as Partial<StoredTensor>).isOutside === true;
}

/**
 * Whether the model differs from the file in values of initializers only, so that it can be written by changing those
 * tensors in the file's bytes.
 */
export function isPatchable(model: Model, container: OnnxContainer): boolean {
  const { graph } = model;
  const before = container.graph;
  if (graph.nodes !== before.nodes || graph.inputs !== before.inputs || graph.outputs !== before.outputs)
    return false;
  if (graph.initializers.size !== before.initializers.size) return false;
  for (const [name, initializer] of graph.initializers) {
    const original = before.initializers.get(name);
    if (original === undefined) return false;
    if (initializer === original) continue;
    if (spanOf(original) === undefined || initializer.dtype !== original.dtype) return false;
    if (initializer.shape.join() !== original.shape.join()) return false;
  }
  return true;
}
