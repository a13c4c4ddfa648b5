import type { Model, Node } from '../ir/graph.ts';
import { isQuantDomain } from '../ir/quant-domains.ts';
import { producersOf } from '../ir/traverse.ts';
import type { DataType } from '../tensor/dtype.ts';
import { floatsOf } from './constant-elementwise.ts';
import { VIEWS } from './weight-chain.ts';

/** How few values an activation has, and the operator that makes it so. */
export interface ActivationBits {
  readonly bits: number;
  readonly by: string;
}

/** Operators that give values that their input had, at most in another shape or order. */
const PASSING: ReadonlySet<string> = new Set([...VIEWS, 'Dropout', 'MaxPool']);

/**
 * Bits of the values of a graph that Sign, BipolarQuant, Quant, MultiThreshold, QuantizeLinear and DequantizeLinear or a choice
 * of two constants round, perhaps with a constant added to what BipolarQuant gives; undefined for all others.
 */
export function activationBits(model: Model): (name: string) => ActivationBits | undefined {
  const producers = producersOf(model.graph.nodes);
  const makerOf = (name = ''): Node | undefined => {
    let node = producers.get(name);
    while (node !== undefined && node.domain === '' && PASSING.has(node.opType))
      node = producers.get(node.inputs[0] ?? '');
    return node;
  };
  return (name) => {
    let node = makerOf(name);
    if (node?.domain === '' && node.opType === 'Add') {
      const [a, b] = node.inputs;
      const other = model.graph.initializers.has(b ?? '') ? makerOf(a) : undefined;
      if (other?.opType === 'BipolarQuant') node = other;
    }
    if (node?.domain === '' && node.opType === 'DequantizeLinear') node = producers.get(node.inputs[0] ?? '');
    const bits = node && roundedTo(node, model);
    return bits === undefined ? undefined : { bits, by: node!.opType };
  };
}

/** Bits of the types that QuantizeLinear gives. */
const BITS: Partial<Record<DataType, number>> = { UINT8: 8, INT8: 8, UINT4: 4, INT4: 4, UINT2: 2, INT2: 2 };

/** Bits of what a node makes of any input. */
function roundedTo({ domain, opType, inputs }: Node, { graph }: Model): number | undefined {
  const sizeOfConstant = (name = ''): number | undefined =>
    graph.initializers.get(name)?.shape.reduce((product, dim) => product * dim, 1);
  if (domain === '') {
    // Where(x ≥ 0, +1, −1) is the sign of Larq, which is never 0.
    const isChoice = opType === 'Where' && [1, 2].every((i) => sizeOfConstant(inputs[i]) === 1);
    if (opType === 'DynamicQuantizeLinear') return 8;
    if (opType === 'QuantizeLinear') return BITS[graph.initializers.get(inputs[2] ?? '')?.dtype ?? 'UINT8'];
    return opType === 'Sign' || isChoice ? 1 : undefined;
  }
  if (!isQuantDomain(domain)) return undefined;
  switch (opType) {
    case 'BipolarQuant':
      return 1;
    case 'Quant':
    case 'IntQuant': {
      const width = floatsOf(graph.initializers.get(inputs[3] ?? ''));
      return width?.data.length === 1 ? width.data[0] : undefined;
    }
    case 'MultiThreshold': {
      const steps = graph.initializers.get(inputs[1] ?? '')?.shape[1];
      return steps === undefined ? undefined : 32 - Math.clz32(steps);
    }
    default:
      return undefined;
  }
}
