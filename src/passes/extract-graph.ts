import { BnnqError } from '../errors.ts';
import type { Model, Node, Value } from '../ir/graph.ts';
import { producersOf, usesOf } from '../ir/traverse.ts';

/**
 * The part of a model that makes some values from others: a model of its own, with `inputs` fed and `outputs` given back.
 * Nodes are those on the way, in their order; initializers and functions are shared with the whole model.
 * @param inputs values of the main graph that will be fed; those that turn out not to be needed are left out
 * @param outputs values to give back; one that is an input or an initializer itself is refused
 * @throws option where a value does not exist, or cannot be made from the inputs
 */
export function extractGraph(model: Model, inputs: readonly string[], outputs: readonly string[]): Model {
  const { graph } = model;
  const producers = producersOf(graph.nodes);
  const fed = new Set(inputs);
  const needed = new Set<Node>();
  const used = new Set<string>();
  const open = [...outputs];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (used.has(name)) continue;
    used.add(name);
    if (fed.has(name) || graph.initializers.has(name)) continue;
    const node = producers.get(name);
    if (node === undefined)
      throw new BnnqError('option', `value "${name}" cannot be made from ${inputs.join(', ') || 'nothing'}`, {
        tensor: name,
      });
    if (needed.has(node)) continue;
    needed.add(node);
    open.push(...usesOf(node));
  }
  for (const name of outputs)
    if (!producers.has(name) || fed.has(name))
      throw new BnnqError('option', `value "${name}" is not made by a node`, { tensor: name });
  const declared = declaredValues(model);
  const asDeclared = (name: string): Value => declared.get(name) ?? { name };
  return {
    ...model,
    graph: {
      ...graph,
      inputs: inputs.filter((name) => used.has(name)).map(asDeclared),
      outputs: outputs.map(asDeclared),
      nodes: graph.nodes.filter((node) => needed.has(node)),
      initializers: new Map([...graph.initializers].filter(([name]) => used.has(name))),
    },
  };
}

function declaredValues({ graph }: Model): Map<string, Value> {
  const values = new Map(graph.valueInfo);
  for (const value of [...graph.inputs, ...graph.outputs]) values.set(value.name, value);
  return values;
}

/**
 * Values that cross the cut before the node that makes `before`: made ahead of it (or fed), and used by it or after it.
 * What does not depend on the graph's inputs (weights that nodes make of constants) is left out: it can be made anywhere.
 */
export function valuesAcross(model: Model, before: string): string[] {
  const { nodes, inputs } = model.graph;
  const cut = nodes.findIndex(({ outputs }) => outputs.includes(before));
  if (cut < 0) throw new BnnqError('option', `value "${before}" is not made by a node`, { tensor: before });
  const made = new Set(inputs.map(({ name }) => name));
  for (const node of nodes.slice(0, cut))
    if (usesOf(node).some((name) => made.has(name))) for (const output of node.outputs) made.add(output);
  const across = new Set<string>();
  for (const node of nodes.slice(cut)) for (const name of usesOf(node)) if (made.has(name)) across.add(name);
  return [...across];
}
