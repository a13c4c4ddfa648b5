import { throwIfAny } from '../../errors.ts';
import type { Graph, Model, Node } from '../../ir/graph.ts';
import { type RowLayout, rowsAndColumns } from '../../ir/quantized-tensor.ts';
import { layoutBeforeTranspose, sameRows } from '../../ir/row-layout.ts';
import { consumersOf, producersOf, subgraphsOf } from '../../ir/traverse.ts';
import { computedType, isComputable } from '../../passes/constant-elementwise.ts';
import { withoutFunctions } from '../../passes/expand-functions.ts';
import { type WeightChain, WeightChains } from '../../passes/weight-chain.ts';
import type { DataType } from '../../tensor/dtype.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import { isWeightType } from '../weight-values.ts';
import { choiceOf } from './globs.ts';
import { weightPlaces } from './layout.ts';

/** A weight that is to be discretized. */
export interface PlannedWeight {
  /** Name of the value that is discretized: an initializer, or what nodes such as DequantizeLinear make of one. */
  readonly name: string;
  /** The initializer that it comes from. */
  readonly source: string;
  /** Operator that makes its values from the initializer's, the last one; null where they are the same. */
  readonly maker: string | null;
  /** Name of the (first) node that uses it. */
  readonly node: string;
  readonly opType: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly layout: RowLayout;
  readonly rows: number;
  readonly columns: number;
  /** Number of elements. */
  readonly count: number;
  /** The way from the initializer to the node. */
  readonly chain: WeightChain;
}

export interface SkippedWeight {
  readonly name: string;
  readonly reason: string;
}

/** What of a model is discretized, in the order of its nodes, and which weights are not. */
export interface WeightPlan {
  readonly chosen: readonly PlannedWeight[];
  readonly skipped: readonly SkippedWeight[];
}

export interface PlanOptions {
  /** Globs on names of initializers and nodes; absent or empty: all. */
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
}

/**
 * Chooses the weights of Conv, ConvTranspose, Gemm, MatMul and the recurrent operators that are initializers of FLOAT,
 * FLOAT16, BFLOAT16 or DOUBLE, or that are made from initializers by nodes that we can compute (Quant, BipolarQuant,
 * DequantizeLinear, Sign, Cast, arithmetic with constants), perhaps behind Reshape, Transpose and the like. Everything
 * else (biases, BatchNormalization, …) stays as it is and is not listed; weights that cannot be discretized, or are not
 * wanted, are listed with the reason. What a call hands to a function of the model is followed into the function.
 * Reads no elements of weights.
 * @throws option, with every pattern that matches nothing
 */
export function planWeights(model: Model, options: PlanOptions = {}): WeightPlan {
  const choice = choiceOf(options.include ?? [], options.exclude ?? []);
  const whole = withoutFunctions(model, isKnown);
  const uses = weightUses(whole);
  const isInner = insideOfFunctions(model);
  const chosen: PlannedWeight[] = [];
  const skipped: SkippedWeight[] = [];
  for (const [name, found] of uses.weights) {
    const { node, chain } = found[0]!;
    const source = chain.initializer.name;
    const unwanted = choice.reason([name, source, ...found.map((use) => nodeName(use.node))]);
    const layout = isInner(name)
      ? inside(name, node, 'a function').reason
      : planOf(whole, uses.consumers, name, found);
    if (typeof layout === 'string') skipped.push({ name, reason: layout });
    else if (unwanted !== undefined) skipped.push({ name, reason: unwanted });
    else {
      const { rows, columns } = rowsAndColumns(layout);
      chosen.push({
        name,
        source,
        maker: chain.makers.at(-1)?.node.opType ?? null,
        node: nodeName(node),
        opType: node.opType,
        dtype: typeOf(chain, model)!,
        shape: chain.views[0]?.from ?? chain.shape,
        layout,
        rows,
        columns,
        count: rows * columns,
        chain,
      });
    }
  }
  throwIfAny(choice.unmatched());
  return { chosen, skipped: [...skipped, ...uses.elsewhere, ...innerWeights(whole)] };
}

/** Operators that planning knows; a function of their name is not looked into. */
function isKnown(node: Node): boolean {
  return weightPlaces(node).length > 0 || isComputable(node);
}

/** Tells values that exist in bodies of functions alone: several calls may share them, and the main graph cannot hold their codes. */
function insideOfFunctions(model: Model): (name: string) => boolean {
  if (model.functions.length === 0) return () => false;
  const made = producersOf(model.graph.nodes);
  return (name) => !made.has(name) && !model.graph.initializers.has(name);
}

/** The name of a node, or of its first output where it has none. */
export function nodeName(node: Node): string {
  return node.name !== '' ? node.name : (node.outputs[0] ?? node.opType);
}

interface Use {
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
function weightUses(model: Model): Uses {
  const { nodes } = model.graph;
  const producers = new Map(nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
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
        const isProduct = node.opType === 'MatMul' || node.opType === 'Gemm';
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
  const input = node.domain === '' ? INTEGER_WEIGHTS[node.opType] : undefined;
  const weight = input === undefined ? undefined : graph.initializers.get(node.inputs[input] ?? '');
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

/** Type of the elements of a chain's value; undefined where the nodes do something that is not computed here. */
function typeOf(chain: WeightChain, model: Model): DataType | undefined {
  let type: DataType | undefined = chain.initializer.dtype;
  for (const { node, view } of chain.makers) {
    const operands = node.inputs.map((name) => model.graph.initializers.get(name));
    if (type !== undefined && view === undefined) type = computedType(node, type, operands);
  }
  return type;
}

/** The layout of the rows of a value, on which all its users agree; or why it stays as it is. */
function planOf(
  model: Model,
  consumers: ReadonlyMap<string, readonly Node[]>,
  name: string,
  uses: readonly Use[],
): RowLayout | string {
  const { chain } = uses[0]!;
  const { initializer } = chain;
  if (initializer.quantized !== undefined) return 'it is discretized already';
  const type = typeOf(chain, model);
  if (type === undefined)
    return `weight of ${nodeName(uses[0]!.node)} that ${chain.makers.at(-1)!.node.opType} computes from constants`;
  if (!isWeightType(type)) return `its type is ${type}, not a float type`;
  if (sizeOf(initializer.shape) === 0) return 'it has no elements';
  const problem = uses.find(({ layout }) => typeof layout === 'string');
  if (problem !== undefined) return problem.layout as string;
  const takers = new Set(uses.flatMap((use) => [use.node, ...use.chain.views.map((view) => view.node)]));
  const values = new Set([
    name,
    ...uses.flatMap((use) => use.chain.views.map((view) => view.node.outputs[0]!)),
  ]);
  for (const value of values) {
    const other = (consumers.get(value) ?? []).find((node) => !takers.has(node));
    if (other !== undefined) return `${nodeName(other)} (${other.opType}) uses it, too, and not as a weight`;
    if (model.graph.outputs.some((output) => output.name === value)) return 'it is an output of the graph';
  }
  const [first, ...others] = uses.map(({ layout }) => layout as RowLayout);
  if (others.some((layout) => !sameRows(layout, first!)))
    return `${uses.map(({ node }) => nodeName(node)).join(' and ')} share it with different rows`;
  return first!;
}

/** Weights inside of control flow, as far as they are constants there. */
function innerWeights(model: Model): SkippedWeight[] {
  const outer = model.graph.initializers;
  return model.graph.nodes.flatMap((node) => {
    const where = `a branch or loop body of ${nodeName(node)}`;
    return subgraphsOf(node).flatMap((graph) => weightsInside(graph, outer, where));
  });
}

function weightsInside(graph: Graph, outer: ReadonlyMap<string, unknown>, where: string): SkippedWeight[] {
  const known = new Map<string, unknown>([...outer, ...graph.initializers]);
  return graph.nodes.flatMap((node) => [
    ...weightPlaces(node).flatMap(({ input }) => {
      const name = node.inputs[input] ?? '';
      return known.has(name) ? [inside(name, node, where)] : [];
    }),
    ...subgraphsOf(node).flatMap((inner) => weightsInside(inner, known, where)),
  ]);
}

function inside(name: string, node: Node, where: string): SkippedWeight {
  return { name, reason: `weight of ${nodeName(node)} (${node.opType}) inside of ${where}` };
}
