import type { Model, Node } from '../../ir/graph.ts';
import { nodeName } from '../../ir/print.ts';
import type { RowLayout } from '../../ir/quantized-tensor.ts';
import { layoutBeforeTranspose } from '../../ir/row-layout.ts';
import { consumersOf, producersOf, subgraphsOf } from '../../ir/traverse.ts';
import { type WeightChain, WeightChains } from '../../passes/weight-chain.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import { isWeightType } from '../weight-values.ts';
import { weightPlaces } from './layout.ts';

/** A weight that stays as it is, and why. */
export interface SkippedWeight {
  readonly name: string;
  readonly reason: string;
}

/** A node that has a value in the place of a weight. */
export interface Use {
  readonly node: Node;
  readonly chain: WeightChain;
  /** Rows of the value's elements; or why it has none. */
  readonly layout: RowLayout | string;
}

interface Uses {
  /** By the value that has the elements. */
  readonly weights: ReadonlyMap<string, Use[]>;
  /** Operands in the place of a weight that cannot be followed to an initializer, and tables of lookups. */
  readonly elsewhere: SkippedWeight[];
  readonly consumers: ReadonlyMap<string, readonly Node[]>;
}

/** Everything in the place of a weight that comes from an initializer. */
export function weightUses(model: Model): Uses {
  const { nodes } = model.graph;
  const producers = producersOf(nodes);
  const chains = new WeightChains(model);
  const weights = new Map<string, Use[]>();
  const elsewhere = new Map<string, SkippedWeight>();
  for (const node of nodes) {
    for (const left of [lookupTable(node, model), integerWeight(node, model)])
      if (left !== undefined) elsewhere.set(left.name, left);
    const places = weightPlaces(node);
    const found = places.map(({ input }) => chains.to(node.inputs[input] ?? ''));
    for (const [i, { input, layout }] of places.entries()) {
      const name = node.inputs[input];
      const chain = found[i];
      if (name === undefined || name === '') continue;
      if (chain !== undefined) {
        const isProduct = ['MatMul', 'Gemm', 'FusedMatMul'].includes(node.opType);
        const bothConstant = isProduct && found.every((other) => other !== undefined);
        const own = bothConstant
          ? 'both operands are constant, the node computes no layer'
          : layoutOfValue(chain, layout(chain.shape));
        add(weights, chain.value, { node, chain, layout: own });
        continue;
      }
      const producer = producers.get(name);
      if (input > 0 && producer !== undefined && !dependsOnInput(name, producers, model))
        elsewhere.set(name, {
          name,
          reason: `weight of ${nodeName(node)} that ${producer.opType} computes from constants`,
        });
    }
  }
  const listed = [...elsewhere.values()].filter(({ name }) => !weights.has(name));
  return { weights, elsewhere: listed, consumers: consumersOf(nodes) };
}

/** A constant that a Gather looks rows up in, where it is large enough to be an embedding. */
function lookupTable(node: Node, { graph }: Model): SkippedWeight | undefined {
  const table = graph.initializers.get(node.inputs[0] ?? '');
  if (node.opType !== 'Gather' || node.domain !== '' || table === undefined) return undefined;
  if (!isWeightType(table.dtype) || table.shape.length < 2 || sizeOf(table.shape) < FEWEST_LOOKUPS)
    return undefined;
  if (table.quantized !== undefined) return undefined;
  return {
    name: table.name,
    reason: `${nodeName(node)} (Gather) looks rows up in it and multiplies nothing`,
  };
}

/** Which input is the weight of operators that multiply integers. */
const INTEGER_WEIGHTS: Readonly<Record<string, number>> = {
  QLinearConv: 3,
  QLinearMatMul: 3,
  ConvInteger: 1,
  MatMulInteger: 1,
};

/** A constant that a node multiplies as integers. */
function integerWeight(node: Node, { graph }: Model): SkippedWeight | undefined {
  const isBlocks = node.domain === 'com.microsoft' && node.opType === 'MatMulNBits';
  const input = node.domain === '' ? INTEGER_WEIGHTS[node.opType] : isBlocks ? 1 : undefined;
  const weight = input === undefined ? undefined : graph.initializers.get(node.inputs[input] ?? '');
  if (isBlocks && weight !== undefined)
    return {
      name: weight.name,
      reason: `${nodeName(node)} (${node.opType}) holds codes of few bits already`,
    };
  return weight && { name: weight.name, reason: `${nodeName(node)} (${node.opType}) multiplies integers` };
}

/** Elements of the smallest constant that counts as a table of lookups. */
const FEWEST_LOOKUPS = 256;

/** The rows of a chain's value from the rows of the operand that it becomes. */
function layoutOfValue(chain: WeightChain, layout: RowLayout | string): RowLayout | string {
  let current = layout;
  for (const { from, perm } of chain.views.toReversed()) {
    if (typeof current === 'string') return current;
    if (perm !== undefined)
      current =
        layoutBeforeTranspose(current, from, perm) ??
        'its rows are cut by a Transpose in a way that cannot be followed';
  }
  return current;
}

function add(weights: Map<string, Use[]>, name: string, use: Use): void {
  const list = weights.get(name);
  if (list === undefined) weights.set(name, [use]);
  else list.push(use);
}

/** Whether a value depends on what the caller feeds: then it is no weight, but an activation. */
function dependsOnInput(name: string, producers: ReadonlyMap<string, Node>, model: Model): boolean {
  const fed = new Set(model.graph.inputs.map((value) => value.name));
  const seen = new Set<string>();
  const open = [name];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (fed.has(value)) return true;
    if (seen.has(value)) continue;
    seen.add(value);
    const producer = producers.get(value);
    if (producer === undefined) continue;
    if (subgraphsOf(producer).length > 0) return true;
    open.push(...producer.inputs.filter((input) => input !== ''));
  }
  return false;
}
