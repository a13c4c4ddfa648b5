import type { Node } from '../../ir/graph.ts';
import { numberAttribute } from '../../passes/constant-values.ts';
import { accumulatorBits, isOnIntegers, type Products } from './layer-operations.ts';
import { SIGMOID, SOFTMAX } from './node-operations.ts';
import { type ElementType, type Operations, workOn } from './operations.ts';
import type { Structure } from './structure.ts';

/** Which input is the bias. */
const BIAS: Readonly<Record<string, number>> = {
  Conv: 2,
  ConvTranspose: 2,
  Gemm: 2,
  QLinearConv: 8,
  RNN: 3,
  GRU: 3,
  LSTM: 3,
};

/** Of an element of a recurrent layer's state: gates, functions of them, and how they are put together. */
interface Gates {
  readonly gates: number;
  readonly functions: number;
  readonly multiply: number;
  readonly add: number;
}

const GATES: Readonly<Record<string, Gates>> = {
  RNN: { gates: 1, functions: 1, multiply: 0, add: 0 },
  GRU: { gates: 3, functions: 3, multiply: 3, add: 2 },
  LSTM: { gates: 4, functions: 5, multiply: 3, add: 1 },
};

/** What a layer does with its sums: bias, the requantization that its operator holds, gates. */
export function epilogueOperations(
  structure: Structure,
  node: Node,
  products: readonly Products[],
): Operations[] {
  const [first] = products as [Products, ...Products[]];
  const { sums } = first;
  const onIntegers = isOnIntegers(first);
  // Sums with a scale are floats by then, others whole numbers.
  const output = structure.widthOf(node.outputs[0] ?? '');
  const isWhole =
    onIntegers && first.form.unit && first.input.scale === 'none' && isWholeBias(structure, node);
  const type: ElementType = isWhole
    ? { bits: accumulatorBits(first), integer: true }
    : { bits: output.integer ? 32 : output.bits, integer: false };
  const gates = GATES[node.opType];
  if (gates !== undefined) {
    // W·x and R·h are added up, and the bias.
    const joined = gates.gates * (hasBias(node) ? 2 : 1);
    const add = gates.add + gates.functions * SIGMOID.add + joined;
    const multiply = gates.multiply + gates.functions * SIGMOID.multiply;
    return workOn({ add, multiply }, { bits: 32, integer: false }, sums / gates.gates);
  }
  if (node.opType === 'Attention') return workOn(SOFTMAX, type, probabilities(structure, node));
  const bias = hasBias(node) ? workOn({ add: 1 }, type, sums) : [];
  const requantized = node.opType.startsWith('QLinear')
    ? workOn({ multiply: 1, add: 1, compare: 2 }, { bits: 32, integer: false }, sums)
    : [];
  return [...bias, ...requantized];
}

/** Elements of the matrices of probabilities of Q [N, heads, L, d] or [N, L, heads·d]: one for each query and key. */
function probabilities(structure: Structure, node: Node): number {
  const [q = [], k = []] = node.inputs.slice(0, 2).map((name) => structure.shapeOf(name));
  const heads = q.length === 4 ? q[1] : numberAttribute(node, 'q_num_heads', 1);
  return [q[0], heads, q.at(-2), k.at(-2)].reduce<number>((all, dim) => all * Number(dim), 1);
}

function hasBias({ opType, inputs }: Node): boolean {
  return (inputs[BIAS[opType] ?? inputs.length] ?? '') !== '';
}

function isWholeBias(structure: Structure, { opType, inputs }: Node): boolean {
  return structure.widthOf(inputs[BIAS[opType] ?? inputs.length] ?? '').integer;
}
