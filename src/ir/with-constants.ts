import type { Initializer, Model, Node } from './graph.ts';
import { usesOf } from './traverse.ts';

/**
 * A copy of the model in which values are constants: initializers that are replaced, or results of nodes, whose nodes
 * leave the graph together with all that was only there for them. Without such results the nodes are the very same list.
 */
export function withConstants(model: Model, constants: ReadonlyMap<string, Initializer>): Model {
  const { graph } = model;
  const initializers = new Map(graph.initializers);
  for (const [name, initializer] of constants) initializers.set(name, initializer);
  const isMade = (node: Node): boolean => node.outputs.some((name) => constants.has(name));
  if (!graph.nodes.some(isMade)) return { ...model, graph: { ...graph, initializers } };

  const uses = new Map<string, number>();
  const count = (name: string, by: number): number => {
    const left = (uses.get(name) ?? 0) + by;
    uses.set(name, left);
    return left;
  };
  for (const node of graph.nodes) for (const name of usesOf(node)) count(name, 1);
  for (const { name } of graph.outputs) count(name, 1);
  const gone = new Set<Node>();
  // Backwards, so that a node is looked at after all that use what it makes.
  for (const node of graph.nodes.toReversed()) {
    const isUnused = node.outputs.every((name) => name === '' || (uses.get(name) ?? 0) === 0);
    const wasUsed = node.outputs.some((name) => uses.has(name));
    if (!isMade(node) && !(isUnused && wasUsed)) continue;
    gone.add(node);
    for (const name of usesOf(node))
      if (count(name, -1) === 0 && !constants.has(name)) initializers.delete(name);
  }
  return {
    ...model,
    graph: { ...graph, nodes: graph.nodes.filter((node) => !gone.has(node)), initializers },
  };
}
