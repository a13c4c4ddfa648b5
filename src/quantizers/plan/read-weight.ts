import { BnnqError } from '../../errors.ts';
import type { Model } from '../../ir/graph.ts';
import {
  type Computed,
  compute,
  floatsOf,
  type Grid,
  transposedFloats,
} from '../../passes/constant-elementwise.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { PlannedWeight } from './plan-weights.ts';

/** The elements of a planned weight, and the grid that they were rounded to where a node says so. */
export interface WeightElements {
  readonly tensor: Tensor;
  readonly grid?: Grid;
}

/** Reads a weight: the initializer, and what the nodes after it make of its elements; or says why that cannot be computed. */
export function readWeight(model: Model, { source, chain }: PlannedWeight): WeightElements | string {
  const { initializer, makers } = chain;
  if (makers.length === 0) return { tensor: initializer.read() };
  let current: Computed | undefined = floatsOf(initializer);
  for (const { node, view } of makers) {
    if (current === undefined) break;
    if (view?.perm !== undefined) current = transposedFloats(current, view.perm);
    else if (view !== undefined) current = { shape: view.to, data: current.data };
    else {
      const operands = node.inputs.map((input) => model.graph.initializers.get(input));
      try {
        current = compute(node, current, [initializer, ...operands.slice(1)]);
      } catch (thrown) {
        if (thrown instanceof BnnqError) return `${node.opType} makes it from "${source}": ${thrown.message}`;
        throw thrown;
      }
    }
  }
  if (current === undefined)
    return `${makers.at(-1)!.node.opType} makes it from "${source}" in a way that is not computed here`;
  const { shape, data, grid } = current;
  return { tensor: { dtype: 'FLOAT', shape, data }, ...(grid && { grid }) };
}
