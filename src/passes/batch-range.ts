import type { Model } from '../ir/graph.ts';
import { allNodes } from '../ir/traverse.ts';

/** Operators that round by the range of all that they are given, a whole batch. */
const BY_RANGE: ReadonlySet<string> = new Set(['DynamicQuantizeLinear', 'DynamicQuantizeMatMul']);

/** Whether what the model gives for an image depends on the others of its batch, for ranges are found in all of them together. */
export function sharesRanges({ graph, functions }: Model): boolean {
  const bodies = [graph.nodes, ...functions.map(({ nodes }) => nodes)];
  return bodies.some((nodes) => [...allNodes(nodes)].some(({ opType }) => BY_RANGE.has(opType)));
}
