import type { Dim, Model, Node, Value } from '../ir/graph.ts';
import { numberAttribute, textAttribute } from './constant-values.ts';
import { product } from './shapes/fact.ts';
import { labelSizes } from './shapes/linear.ts';

/**
 * Multiply-accumulate operations of every convolution, matrix product (of integers, too), recurrent layer and attention of
 * the main graph; nodes whose shapes are not known are left out. Biases are not counted.
 * @param shapes of `inferShapes`, for the batch that is counted
 */
export function countMacs(model: Model, shapes: ReadonlyMap<string, Value>): Map<Node, number> {
  const counts = new Map<Node, number>();
  for (const node of model.graph.nodes) {
    const operands = COUNTED_OPERANDS[node.opType] ?? [0, 1];
    const [a, b] = operands.map((i) => shapes.get(node.inputs[i] ?? '')?.shape);
    const out = shapes.get(node.outputs[0] ?? '')?.shape;
    const count = node.domain === '' ? macsOf(node, a, b, out) : null;
    if (count !== null) counts.set(node, count);
  }
  return counts;
}

/** Where the two factors are among the inputs, if not first and second. */
const COUNTED_OPERANDS: Readonly<Record<string, readonly number[]>> = {
  QLinearConv: [0, 3],
  QLinearMatMul: [0, 3],
};

type Shape = readonly Dim[] | undefined;

function macsOf(node: Node, a: Shape, b: Shape, out: Shape): number | null {
  if (a === undefined || b === undefined) return null;
  const gates = GATES.get(node.opType);
  if (gates !== undefined) return recurrentMacs(a, b, gates);
  if (out === undefined) return null;
  switch (node.opType) {
    case 'Conv':
    case 'ConvInteger':
    case 'QLinearConv': // every output element is a sum over the kernel of one group
      return product([...out, ...b.slice(1)]);
    case 'ConvTranspose': // every input element is spread over the kernel of one group
      return product([...a, ...b.slice(1)]);
    case 'Gemm':
      return product([...out, a[numberAttribute(node, 'transA', 0) === 0 ? 1 : 0] ?? null]);
    case 'MatMul':
    case 'MatMulInteger':
    case 'QLinearMatMul':
      return product([...out, a.at(-1) ?? null]);
    case 'Einsum': {
      // of two operands: a product for every combination of their labels; longer chains depend on the order
      if (node.inputs.length !== 2) return null;
      const sizes = labelSizes(textAttribute(node, 'equation', ''), [a, b]);
      return sizes === undefined ? null : product([...sizes.of.values()]);
    }
    case 'Attention': {
      // every query is multiplied by every key, and its probabilities by every value; not told with a cache of open length
      if ((node.inputs[4] ?? '') !== '') return null;
      const [scores, weighted] = [product([...a, b.at(-2) ?? null]), product([...out, b.at(-2) ?? null])];
      return scores === null || weighted === null ? null : scores + weighted;
    }
    default:
      return null;
  }
}

const GATES: ReadonlyMap<string, number> = new Map([
  ['RNN', 1],
  ['GRU', 3],
  ['LSTM', 4],
]);

/** X [steps, batch, inputs] and W [directions, gates·hidden, inputs]: W and R are applied at every step. */
function recurrentMacs(x: readonly Dim[], w: readonly Dim[], gates: number): number | null {
  const [directions, rows, inputs] = w;
  const steps = product(x.slice(0, 2));
  if (typeof directions !== 'number' || typeof rows !== 'number' || typeof inputs !== 'number') return null;
  return steps === null ? null : steps * directions * rows * (inputs + rows / gates);
}
