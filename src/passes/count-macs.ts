import type { Dim, Model, Node, Value } from '../ir/graph.ts';
import { numberAttribute } from './constant-values.ts';
import { product } from './shapes/fact.ts';

/**
 * Multiply-accumulate operations of every convolution and matrix product of the main graph; nodes whose shapes are not
 * known are left out. Biases are not counted.
 * @param shapes of `inferShapes`, for the batch that is counted
 */
export function countMacs(model: Model, shapes: ReadonlyMap<string, Value>): Map<Node, number> {
  const counts = new Map<Node, number>();
  for (const node of model.graph.nodes) {
    const [a, b] = [0, 1].map((i) => shapes.get(node.inputs[i] ?? '')?.shape);
    const out = shapes.get(node.outputs[0] ?? '')?.shape;
    const count = node.domain === '' ? macsOf(node, a, b, out) : null;
    if (count !== null) counts.set(node, count);
  }
  return counts;
}

type Shape = readonly Dim[] | undefined;

function macsOf(node: Node, a: Shape, b: Shape, out: Shape): number | null {
  if (a === undefined || b === undefined || out === undefined) return null;
  switch (node.opType) {
    case 'Conv': // every output element is a sum over the kernel of one group
      return product([...out, ...b.slice(1)]);
    case 'ConvTranspose': // every input element is spread over the kernel of one group
      return product([...a, ...b.slice(1)]);
    case 'Gemm':
      return product([...out, a[numberAttribute(node, 'transA', 0) === 0 ? 1 : 0] ?? null]);
    case 'MatMul':
      return product([...out, a.at(-1) ?? null]);
    default:
      return null;
  }
}
