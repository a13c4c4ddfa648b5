import { BnnqError } from '../errors.ts';
import type { Model, Node } from '../ir/graph.ts';
import { nodeLabel } from '../ir/print.ts';
import { allNodes, usesOf } from '../ir/traverse.ts';
import { findOperator } from '../runtime/ops/registry.ts';

/** The newest set of standard operators whose changes are known here. */
export const NEWEST_OPSET = 25;

/**
 * Attributes that operators lost, by the set that took them away: a node that has one says something that it cannot say
 * from there on. Source: the operators' histories in ONNX 1.23; the attributes of binary operators of set 6 and older apart.
 */
const LOST_ATTRIBUTES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  BatchNormalization: { is_test: 7, spatial: 9 },
  Clip: { min: 11, max: 11 },
  DFT: { axis: 20 },
  Dropout: { is_test: 7, ratio: 12 },
  Gemm: { broadcast: 7 },
  GRU: { output_sequence: 7 },
  LSTM: { output_sequence: 7 },
  Pad: { paddings: 2, pads: 11, value: 11 },
  RNN: { output_sequence: 7 },
  ReduceL1: { axes: 18 },
  ReduceL2: { axes: 18 },
  ReduceLogSum: { axes: 18 },
  ReduceLogSumExp: { axes: 18 },
  ReduceMax: { axes: 18 },
  ReduceMean: { axes: 18 },
  ReduceMin: { axes: 18 },
  ReduceProd: { axes: 18 },
  ReduceSum: { axes: 13 },
  ReduceSumSquare: { axes: 18 },
  Reshape: { shape: 5 },
  Slice: { starts: 10, ends: 10, axes: 10 },
  Split: { split: 13 },
  Squeeze: { axes: 13 },
  TopK: { k: 10 },
  Unsqueeze: { axes: 13 },
};

/** Sets at which an operator came to mean something else although one implementation serves both, or left the standard. */
const CHANGES: Readonly<Record<string, readonly number[]>> = {
  Attention: [24],
  GridSample: [20],
  GroupNormalization: [18, 21],
  Hardmax: [13],
  LogSoftmax: [13],
  Resize: [11],
  RoiAlign: [16],
  Scatter: [11],
  Softmax: [13],
  Upsample: [7, 9, 10],
};

/** Whether a node of the standard means the same in both sets. */
function meansTheSame(node: Node, from: number, to: number, isUsed: (name: string) => boolean): boolean {
  const between = (version: number): boolean => from < version && version <= to;
  const operator = findOperator('', node.opType, from);
  if (operator === undefined || operator !== findOperator('', node.opType, to)) return false;
  if ((CHANGES[node.opType] ?? []).some(between)) return false;
  const { inputs, attributes } = node;
  const outputs = node.outputs.filter(isUsed);
  if (node.opType === 'Dropout' && outputs.length > 1 && between(10)) return false; // a mask of another type
  if (node.opType === 'BatchNormalization' && outputs.length > 1 && between(14)) return false;
  if (node.opType === 'Split' && inputs.length < 2 && between(18)) return attributes.has('num_outputs');
  if (from < 7 && (attributes.has('broadcast') || attributes.has('consumed_inputs'))) return false;
  const lost = LOST_ATTRIBUTES[node.opType] ?? {};
  return ![...attributes.keys()].some((name) => Object.hasOwn(lost, name) && between(lost[name]!));
}

/** Nodes of the standard, in graph, subgraphs and functions, that mean something else in a newer set, or may. */
function nodesInTheWay(model: Model, from: number, to: number): Node[] {
  const used = new Set(model.graph.outputs.map(({ name }) => name));
  for (const node of model.graph.nodes) for (const name of usesOf(node)) used.add(name);
  // Of subgraphs and functions it is not looked at what they use inside.
  const outer = new Set(model.graph.nodes);
  const found = [...allNodes(model.graph.nodes)].filter(
    (node) =>
      node.domain === '' && !meansTheSame(node, from, to, (name) => !outer.has(node) || used.has(name)),
  );
  // A runtime puts the nodes of a function into the graph, in the model's set.
  for (const body of model.functions)
    for (const node of allNodes(body.nodes))
      if (
        node.domain === '' &&
        !meansTheSame(node, Math.min(to, body.opsets.get('') ?? from), to, () => true)
      )
        found.push(node);
  return found;
}

/** The set of standard operators that a model is of. */
export function opsetOf(model: Model): number {
  return model.opsets.get('') ?? 0;
}

/**
 * Checks that a model can be declared to be of a newer set of standard operators without a change of meaning.
 * @param reason why, for the message
 * @throws unsupported with the nodes in the way
 */
export function expectRaisable(model: Model, to: number, reason: string): void {
  const from = opsetOf(model);
  if (to <= from) return;
  const nodes = nodesInTheWay(model, from, to);
  if (nodes.length === 0) return;
  const labels = nodes.slice(0, 5).map(nodeLabel).join(', ') + (nodes.length > 5 ? ', …' : '');
  const count = nodes.length === 1 ? '1 node means' : `${nodes.length} nodes mean`;
  throw new BnnqError(
    'unsupported',
    `onnx: the model is of operator set ${from} and cannot be raised to ${to}${reason}: ${count} something else there, or may: ${labels}`,
    { node: nodes[0]!.name },
  );
}
