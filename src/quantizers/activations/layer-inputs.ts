import { throwIfAny } from '../../errors.ts';
import type { Model, Node } from '../../ir/graph.ts';
import { nodeName } from '../../ir/print.ts';
import { usesOf } from '../../ir/traverse.ts';
import { numberAttribute } from '../../passes/constant-values.ts';
import { choiceOf } from '../plan/globs.ts';
import { type PlanOptions, planWeights } from '../plan/plan-weights.ts';
import { type Use, weightUses } from '../plan/weight-uses.ts';

/** A value that layers multiply their weights with. */
export interface LayerInput {
  readonly value: string;
  /** The operands that it is, in the order of the nodes. */
  readonly layers: readonly LayerOperand[];
  /** Whether no layer comes before it: then it is what the network is fed, perhaps normalized. */
  readonly isFirst: boolean;
}

/** The place of an activation in a layer. */
export interface LayerOperand {
  readonly node: Node;
  readonly input: number;
  /** Name of the value that is the layer's weight. */
  readonly weight: string;
  /** Axis of its channels, which the layer sums over; from the end where it is negative. */
  readonly channelAxis: number;
}

/** A value that stays as it is, and why. */
export interface SkippedInput {
  readonly value: string;
  readonly reason: string;
}

/**
 * What the layers of the main graph whose weights `planWeights` would discretize, or that are discretized already, are
 * fed with, in the order of the nodes. Layers inside of functions, branches and loops are not looked into; recurrent
 * layers are listed as skipped, for the state inside of them is no value of the graph.
 * @param options globs on names of weights, of nodes and of the values themselves
 * @throws option, with every pattern that matches nothing
 */
export function layerInputs(
  model: Model,
  options: PlanOptions = {},
): { readonly chosen: readonly LayerInput[]; readonly skipped: readonly SkippedInput[] } {
  const choice = choiceOf(options.include ?? [], options.exclude ?? []);
  const planned = new Set(planWeights(model).chosen.map(({ name }) => name));
  const all = layersOf(model);
  const behind = valuesBehind(model, new Set(all.map(({ node }) => node)));
  const found = new Map<string, LayerOperand[]>();
  const skipped = new Map<string, string>();
  for (const { node, weight, uses } of all) {
    const [{ chain, layout }] = uses;
    const { initializer } = chain;
    if (typeof layout === 'string') continue;
    if (!planned.has(weight) && initializer.quantized === undefined) continue;
    const operand = operandOf(node, weight, uses);
    const value = node.inputs[operand?.input ?? 0]!;
    const unwanted = choice.reason([value, weight, initializer.name, nodeName(node)]);
    if (operand === undefined)
      skipped.set(value, `${nodeName(node)} (${node.opType}) has a state that cannot be discretized`);
    else if (unwanted !== undefined) skipped.set(value, unwanted);
    else found.set(value, [...(found.get(value) ?? []), operand]);
  }
  throwIfAny(choice.unmatched());
  return {
    chosen: [...found].map(([value, layers]) => ({ value, layers, isFirst: !behind.has(value) })),
    skipped: [...skipped].flatMap(([value, reason]) => (found.has(value) ? [] : [{ value, reason }])),
  };
}

interface Layer {
  readonly node: Node;
  /** Name of the (first) value that is its weight, and all the uses of weights by the node. */
  readonly weight: string;
  readonly uses: readonly [Use, ...Use[]];
}

/** The nodes that have weights, in order. */
function layersOf(model: Model): Layer[] {
  const layers = new Map<Node, Layer>();
  for (const [weight, uses] of weightUses(model).weights)
    for (const use of uses) {
      const known = layers.get(use.node);
      layers.set(
        use.node,
        known === undefined
          ? { node: use.node, weight, uses: [use] }
          : { ...known, uses: [...known.uses, use] },
      );
    }
  return model.graph.nodes.flatMap((node) => layers.get(node) ?? []);
}

/** Values that depend on what a layer gives. */
function valuesBehind(model: Model, layers: ReadonlySet<Node>): ReadonlySet<string> {
  const behind = new Set<string>();
  for (const node of model.graph.nodes)
    if (layers.has(node) || usesOf(node).some((name) => behind.has(name)))
      for (const output of node.outputs) behind.add(output);
  return behind;
}

/** The operand of a layer that is no weight; undefined for operators that have more than that. */
function operandOf(node: Node, weight: string, uses: readonly Use[]): LayerOperand | undefined {
  const flag = (name: string): boolean => numberAttribute(node, name, 0) !== 0;
  switch (node.opType) {
    case 'Conv':
    case 'ConvTranspose':
    case 'FusedConv':
      return { node, weight, input: 0, channelAxis: 1 };
    case 'Gemm':
      return { node, weight, input: 0, channelAxis: flag('transA') ? -2 : -1 };
    case 'MatMul':
    case 'FusedMatMul': {
      const chains = new Set(uses.map(({ chain }) => chain.views.at(-1)?.node.outputs[0] ?? chain.value));
      const input = chains.has(node.inputs[1]!) ? 0 : 1;
      const lastIsSummed = input === 0 ? !flag('transA') : flag('transB');
      return { node, weight, input, channelAxis: lastIsSummed ? -1 : -2 };
    }
    default:
      return undefined;
  }
}
