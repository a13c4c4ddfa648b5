import { BnnqError } from '../../errors.ts';
import type { Model, Node } from '../../ir/graph.ts';
import { usesOf } from '../../ir/traverse.ts';
import type { PlannedWeight } from '../../quantizers/plan/plan-weights.ts';

/** Where a weight comes in. */
export interface Place {
  /** Of the first node that depends on it and on the input. */
  readonly index: number;
  /** What that node makes. */
  readonly first: string;
  /** Every value that depends on the weight. */
  readonly touched: ReadonlySet<string>;
}

/** Where each weight comes in, by name. */
export function placesOf({ graph }: Model, chosen: readonly PlannedWeight[]): Map<string, Place> {
  const live = valuesBehind(
    graph.nodes,
    graph.inputs.map(({ name }) => name),
  );
  const places = new Map<string, Place>();
  for (const { name } of chosen) {
    const touched = valuesBehind(graph.nodes, [name]);
    // Behind the input too, for a weight may be transposed long before it is used; or not, where no input comes in at all.
    const cut =
      firstMade(graph.nodes, (value) => touched.has(value) && live.has(value)) ??
      firstMade(graph.nodes, (value) => touched.has(value));
    if (cut === undefined) throw new BnnqError('internal', `weight "${name}" is not used`, { tensor: name });
    places.set(name, { ...cut, touched });
  }
  return places;
}

/** The first value of the kind that a node makes. */
function firstMade(
  nodes: readonly Node[],
  isOne: (value: string) => boolean,
): Omit<Place, 'touched'> | undefined {
  for (const [index, { outputs }] of nodes.entries()) {
    const first = outputs.find((value) => value !== '' && isOne(value));
    if (first !== undefined) return { index, first };
  }
  return undefined;
}

/** The values and all that depend on them. */
function valuesBehind(nodes: readonly Node[], names: readonly string[]): Set<string> {
  const touched = new Set(names);
  for (const node of nodes)
    if (usesOf(node).some((use) => touched.has(use))) for (const output of node.outputs) touched.add(output);
  return touched;
}
