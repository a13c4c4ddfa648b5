import type { Node } from '../../ir/graph.ts';
import { accumulatorBits, isOnIntegers, type Products } from './layer-operations.ts';
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

/** Activations of an element of a recurrent layer's state, and products and sums by element, that go with its gates. */
const GATES: Readonly<
  Record<
    string,
    { readonly gates: number; readonly functions: number; readonly multiply: number; readonly add: number }
  >
> = {
  RNN: { gates: 1, functions: 1, multiply: 0, add: 1 },
  GRU: { gates: 3, functions: 3, multiply: 3, add: 5 },
  LSTM: { gates: 4, functions: 5, multiply: 3, add: 5 },
};

/** Work of a logistic function or a hyperbolic tangent: exp, an addition, a reciprocal (node-operations.ts). */
const FUNCTION = { add: 12, multiply: 15 };

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
    const add = gates.add + gates.functions * FUNCTION.add + (hasBias(node) ? gates.gates : 0);
    return workOn({ add, multiply: gates.multiply + gates.functions * FUNCTION.multiply }, type, sums);
  }
  const bias = hasBias(node) ? workOn({ add: 1 }, type, sums) : [];
  const requantized = node.opType.startsWith('QLinear')
    ? workOn({ multiply: 1, add: 1, compare: 2 }, { bits: 32, integer: false }, sums)
    : [];
  return [...bias, ...requantized];
}

function hasBias({ opType, inputs }: Node): boolean {
  return (inputs[BIAS[opType] ?? inputs.length] ?? '') !== '';
}

function isWholeBias(structure: Structure, { opType, inputs }: Node): boolean {
  return structure.widthOf(inputs[BIAS[opType] ?? inputs.length] ?? '').integer;
}
