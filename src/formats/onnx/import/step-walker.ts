import type { Node } from '../../../ir/graph.ts';
import { type ExportedGraph, isPermutation } from './made-weight.ts';

/** Walks over the nodes behind one that makes a weight, as `WeightParts.make` writes them. */
export interface StepWalker {
  /** The nodes so far. */
  readonly nodes: readonly Node[];
  /** What the last of them makes. */
  readonly value: string;
  /** Takes the next node into the chain if it is a step of that operator: steps have names of their own kind. */
  step(opType: string): Node | undefined;
}

export function stepWalker(first: Node, graph: ExportedGraph): StepWalker {
  const nodes: Node[] = [first];
  let value = first.outputs[0] ?? '';
  return {
    nodes,
    get value() {
      return value;
    },
    step(opType) {
      const [next, ...others] = graph.consumers(value);
      const output = next?.outputs[0] ?? '';
      if (next === undefined || others.length > 0 || next.opType !== opType || next.domain !== '')
        return undefined;
      if (next.inputs[0] !== value || next.name !== '' || graph.isOutput(value)) return undefined;
      if (!value.startsWith(`${output}.${opType}`)) return undefined;
      nodes.push(next);
      value = output;
      return next;
    },
  };
}

/** How elements in row order become a weight. */
export interface Order {
  readonly shape: readonly number[];
  /** Columns of a row, where rows were filled up. */
  readonly columns?: number;
  readonly transposed?: { readonly split: readonly number[]; readonly perm: readonly number[] };
}

/**
 * The steps that bring elements in row order into the order of the weight: cut, permuted, reshaped.
 * @param first the shape that they begin with
 * @returns undefined for steps that are none of `stepsFrom`
 */
export function orderSteps(
  walker: StepWalker,
  first: readonly number[],
  graph: ExportedGraph,
): Order | undefined {
  let dims = first;
  let columns: number | undefined;
  const slice = walker.step('Slice');
  if (slice !== undefined) {
    columns = intsOf(graph, slice.inputs[2])?.[0];
    const kept = intsOf(graph, walker.step('Reshape')?.inputs[1]);
    if (columns === undefined || kept === undefined) return undefined;
    dims = kept;
  }
  const cut = columns === undefined ? {} : { columns };
  const transpose = walker.step('Transpose');
  if (transpose === undefined) return { shape: dims, ...cut };
  const inverse = transpose.attributes.get('perm');
  if (inverse?.type !== 'INTS' || !isPermutation(inverse.value, dims.length)) return undefined;
  const perm = inverse.value.map((_, axis) => inverse.value.indexOf(axis));
  const transposed = { split: inverse.value.map((axis) => dims[axis]!), perm };
  const reshape = walker.step('Reshape');
  const shape = reshape === undefined ? transposed.split : intsOf(graph, reshape.inputs[1]);
  return shape && { shape, ...cut, transposed };
}

/** Numbers of a constant of type INT64 with one axis. */
export function intsOf(graph: ExportedGraph, name: string | undefined): number[] | undefined {
  const constant = graph.constant(name);
  if (constant?.dtype !== 'INT64' || constant.shape.length !== 1) return undefined;
  return Array.from(constant.read().data as BigInt64Array, Number);
}
