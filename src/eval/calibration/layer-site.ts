import type { Model, Node } from '../../ir/graph.ts';
import { consumersOf } from '../../ir/traverse.ts';
import type { Kernels } from '../../kernels/contract.ts';
import type { PlannedWeight } from '../../quantizers/plan/plan-weights.ts';
import { type LayerView, layerView } from './layer-view.ts';

/** The one place of a model where a weight is used. */
export interface LayerSite {
  readonly node: Node;
  readonly view: LayerView;
  /** Names of what the node reads and gives. */
  readonly input: string;
  readonly output: string;
}

/** Weights of more elements are rounded: their targets and moments would fill the memory. */
const MOST_WEIGHTS = 2 ** 25;

/** Where a weight is used; or why it cannot be calibrated. */
export function layerSite(model: Model, planned: PlannedWeight, kernels: Kernels): LayerSite | string {
  const { chain, count, rows, columns } = planned;
  if (count > MOST_WEIGHTS) return `it has ${count} weights, more than ${MOST_WEIGHTS}`;
  const consumers = consumersOf(model.graph.nodes);
  let operand = chain.value;
  let users = consumers.get(operand) ?? [];
  for (const view of chain.views) {
    if (users.length > 1) break;
    operand = view.node.outputs[0]!;
    users = consumers.get(operand) ?? [];
  }
  const [node] = users;
  if (node === undefined || users.length > 1) return `${users.length} nodes use it`;
  if (node.inputs.indexOf(operand) !== 1) return `it is not the right operand of ${node.opType}`;
  const view = layerView(node, chain.shape, kernels);
  if (view === undefined || view.rows !== rows || view.columns !== columns)
    return `the inputs of ${node.opType} are not looked into`;
  return { node, view, input: node.inputs[0]!, output: node.outputs[0]! };
}
