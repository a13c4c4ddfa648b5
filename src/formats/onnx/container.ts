import type { FunctionBody, Graph, Initializer, Model, Node } from '../../ir/graph.ts';
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
  readonly functions: readonly FunctionBody[];
  readonly metadata: ReadonlyMap<string, string>;
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

/** How a model differs from the file that it was read from, where that can be said in the file's bytes. */
export interface FileChanges {
  /** Initializers that take the place of nodes, by the output that they are named after. */
  readonly folded: ReadonlyMap<string, Initializer>;
  /** Values that are gone, with the nodes or initializers that gave them. */
  readonly dropped: ReadonlySet<string>;
  /** Functions that are gone, as `functionKey` has them, and keys of metadata. */
  readonly functions: ReadonlySet<string>;
  readonly metadata: ReadonlySet<string>;
}

/** A function by domain, name and overload. */
export function functionKey({
  domain,
  name,
  overload,
}: Pick<FunctionBody, 'domain' | 'name' | 'overload'>): string {
  return `${domain} ${name} ${overload}`;
}

/**
 * The changes, where the model differs from the file only in values of initializers and in nodes that have become
 * initializers or are gone; undefined for a model that has to be written anew.
 */
export function changesOf(model: Model, container: OnnxContainer): FileChanges | undefined {
  const { graph } = model;
  const before = container.graph;
  if (graph.inputs !== before.inputs || graph.outputs !== before.outputs) return undefined;
  const dropped = droppedValues(graph.nodes, before.nodes);
  if (dropped === undefined) return undefined;
  const folded = new Map<string, Initializer>();
  for (const [name, initializer] of graph.initializers) {
    const original = before.initializers.get(name);
    if (original === undefined) {
      if (!dropped.has(name)) return undefined;
      folded.set(name, initializer);
    } else if (initializer !== original && !isReplaceable(original, initializer)) return undefined;
  }
  for (const name of before.initializers.keys()) if (!graph.initializers.has(name)) dropped.add(name);
  const functions = new Set(container.functions.map(functionKey));
  for (const body of model.functions) functions.delete(functionKey(body));
  const metadata = new Set(container.metadata.keys());
  for (const key of model.metadata.keys()) metadata.delete(key);
  return { folded, dropped, functions, metadata };
}

/** Outputs of the nodes that are gone; undefined where others have come or the order is another. */
function droppedValues(nodes: readonly Node[], before: readonly Node[]): Set<string> | undefined {
  const dropped = new Set<string>();
  if (nodes === before) return dropped;
  let at = 0;
  for (const node of before) {
    if (node === nodes[at]) at++;
    else for (const output of node.outputs) if (output !== '') dropped.add(output);
  }
  return at === nodes.length ? dropped : undefined;
}

function isReplaceable(original: Initializer, initializer: Initializer): boolean {
  return (
    spanOf(original) !== undefined &&
    initializer.dtype === original.dtype &&
    initializer.shape.join() === original.shape.join()
  );
}
