import { throwIfAny } from '../../errors.ts';
import type { Graph, Model, Node } from '../../ir/graph.ts';
import { nodeName } from '../../ir/print.ts';
import { type RowLayout, rowsAndColumns } from '../../ir/quantized-tensor.ts';
import { sameRows } from '../../ir/row-layout.ts';
import { producersOf, subgraphsOf } from '../../ir/traverse.ts';
import { computedType, isComputable } from '../../passes/constant-elementwise.ts';
import { withoutFunctions } from '../../passes/expand-functions.ts';
import type { WeightChain } from '../../passes/weight-chain.ts';
import type { DataType } from '../../tensor/dtype.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import { isWeightType } from '../weight-values.ts';
import { choiceOf } from './globs.ts';
import { weightPlaces } from './layout.ts';
import { type SkippedWeight, type Use, weightUses } from './weight-uses.ts';

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
