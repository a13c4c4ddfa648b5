import { BnnqError } from '../../errors.ts';
import type { Graph, Model, Node } from '../../ir/graph.ts';
import { nodeLabel } from '../../ir/print.ts';
import { allNodes, usesOf, withSubgraphs } from '../../ir/traverse.ts';
import { findOperator } from '../../runtime/ops/registry.ts';
import { type ConversionContext, conversionOf } from './convert-node.ts';

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
  const hasMore = node.outputs.slice(1).some(isUsed);
  if (node.opType === 'Dropout' && hasMore && between(10)) return false; // a mask of another type
  if (node.opType === 'BatchNormalization' && hasMore && between(14)) return false;
  if (node.opType === 'Split' && inputs.length < 2 && between(18)) return attributes.has('num_outputs');
  if (from < 7 && (attributes.has('broadcast') || attributes.has('consumed_inputs'))) return false;
  const lost = LOST_ATTRIBUTES[node.opType] ?? {};
  return ![...attributes.keys()].some((name) => Object.hasOwn(lost, name) && between(lost[name]!));
}

/**
 * A node in the words of a newer set, one set after the other.
 * @returns the node itself where it means the same there as it stands; undefined where the set has no words for it
 */
function converted(
  node: Node,
  from: number,
  to: number,
  context: ConversionContext,
): readonly Node[] | undefined {
  let nodes: readonly Node[] = [node];
  for (let version = from + 1; version <= to; version++) {
    const next: Node[] = [];
    for (const one of nodes) {
      const convert = one.domain === '' ? conversionOf(one.opType, version) : undefined;
      const result = convert?.(one, context);
      if (result !== undefined) next.push(...result);
      else if (
        convert === undefined &&
        (one.domain !== '' || meansTheSame(one, version - 1, version, context.isUsed))
      )
        next.push(one);
      else return undefined;
    }
    nodes = next;
  }
  return nodes;
}

/** Values of a graph that a node or the caller reads, in subgraphs too. */
function usedNames(nodes: readonly Node[], outputs: readonly { readonly name: string }[]): Set<string> {
  const used = new Set(outputs.map(({ name }) => name));
  for (const node of nodes) for (const name of usesOf(node)) used.add(name);
  return used;
}

/** The nodes of a graph in a newer set; `blocked` takes those that it has no words for. Subgraphs first. */
function convertedNodes(
  { nodes, outputs }: Pick<Graph, 'nodes' | 'outputs'>,
  from: number,
  to: number,
  context: Omit<ConversionContext, 'isUsed'>,
  blocked: Node[],
): ReadonlyMap<Node, readonly Node[]> {
  const used = usedNames(nodes, outputs);
  const result = new Map<Node, readonly Node[]>();
  // Types are known of values of the main graph; a name of a subgraph might stand for another value.
  const inside = { ...context, typeOf: () => undefined };
  for (const node of nodes) {
    let isChanged = false;
    const outer = withSubgraphs(node, (graph) => {
      const inner = convertedNodes(graph, from, to, inside, blocked);
      if (inner.size === 0) return graph;
      isChanged = true;
      return { ...graph, nodes: graph.nodes.flatMap((one) => inner.get(one) ?? [one]) };
    });
    const own = isChanged ? outer : node;
    const raised = converted(own, from, to, { ...context, isUsed: (name) => used.has(name) });
    if (raised === undefined) blocked.push(node);
    else if (raised.length !== 1 || raised[0] !== node) result.set(node, raised);
  }
  return result;
}

/** Nodes of the model's functions that mean something else in a newer set: a runtime puts them into the graph, in its set. */
function functionNodesInTheWay(model: Model, from: number, to: number): Node[] {
  return model.functions.flatMap((body) =>
    [...allNodes(body.nodes)].filter(
      (node) =>
        node.domain === '' && !meansTheSame(node, Math.min(to, body.opsets.get('') ?? from), to, () => true),
    ),
  );
}

/** The set of standard operators that a model is of. */
export function opsetOf(model: Model): number {
  return model.opsets.get('') ?? 0;
}

/**
 * What nodes of the main graph become in a newer set of standard operators, where they say there in other words what they
 * say now: operands that were attributes, operators with other names and defaults.
 * @param make what new constants and names are made by, and what is known of the values of the main graph
 * @param reason why the set is raised, for the message
 * @throws unsupported with the nodes that the newer set has no words for
 */
export function raisedNodes(
  model: Model,
  to: number,
  make: Omit<ConversionContext, 'isUsed'>,
  reason: string,
): ReadonlyMap<Node, readonly Node[]> {
  const from = opsetOf(model);
  if (to <= from) return new Map();
  const nodes: Node[] = [];
  const raised = convertedNodes(model.graph, from, to, make, nodes);
  nodes.push(...functionNodesInTheWay(model, from, to));
  if (nodes.length === 0) return raised;
  const labels = nodes.slice(0, 5).map(nodeLabel).join(', ') + (nodes.length > 5 ? ', …' : '');
  const count = nodes.length === 1 ? '1 node means' : `${nodes.length} nodes mean`;
  throw new BnnqError(
    'unsupported',
    `onnx: the model is of operator set ${from} and cannot be raised to ${to}${reason}: ${count} something else there, or may: ${labels}`,
    { node: nodes[0]!.name },
  );
}
