import type { Model } from '../../../ir/graph.ts';
import { allNodes } from '../../../ir/traverse.ts';

/** Gives names that no value of the model has. */
export function nameMaker({ graph }: Model): (wanted: string) => string {
  const taken = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name));
  for (const name of graph.initializers.keys()) taken.add(name);
  for (const { inputs, outputs } of allNodes(graph.nodes))
    for (const name of [...inputs, ...outputs]) taken.add(name);
  return (wanted) => {
    let name = wanted;
    for (let i = 2; taken.has(name); i++) name = `${wanted}.${i}`;
    taken.add(name);
    return name;
  };
}
