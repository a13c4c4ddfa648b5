import { throwIfAny } from '../../errors.ts';
import type { Initializer, Model, Node } from '../../ir/graph.ts';
import { type RowLayout, rowsAndColumns } from '../../ir/quantized-tensor.ts';
import { allNodes, consumersOf, subgraphsOf } from '../../ir/traverse.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import { isWeightType } from '../weight-values.ts';
import { choiceOf } from './globs.ts';
import { weightPlaces } from './layout.ts';
import { reshapedShape } from './reshape.ts';

/** A weight that is to be discretized. */
export interface PlannedWeight {
  /** Name of the initializer. */
  readonly name: string;
  /** Name of the (first) node that uses it. */
  readonly node: string;
  readonly opType: string;
  readonly layout: RowLayout;
  readonly rows: number;
  readonly columns: number;
  /** Number of elements. */
  readonly count: number;
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
 * Chooses the weights of Conv, ConvTranspose, Gemm and MatMul that are initializers of FLOAT, FLOAT16, BFLOAT16 or
 * DOUBLE. Everything else (biases, BatchNormalization, …) stays as it is and is not listed; weights that cannot be
 * discretized, or are not wanted, are listed with the reason. Reads no elements.
 * @throws option, with every pattern that matches nothing
 */
export function planWeights(model: Model, options: PlanOptions = {}): WeightPlan {
  const choice = choiceOf(options.include ?? [], options.exclude ?? []);
  const uses = weightUses(model);
  const chosen: PlannedWeight[] = [];
  const skipped: SkippedWeight[] = [];
  for (const [name, found] of uses.weights) {
    const { node } = found[0]!;
    const unwanted = choice.reason([name, ...found.map((use) => nodeName(use.node))]);
    const plan = planOf(model, uses.consumers, name, found);
    if (typeof plan === 'string') skipped.push({ name, reason: plan });
    else if (unwanted !== undefined) skipped.push({ name, reason: unwanted });
    else {
      const { rows, columns } = rowsAndColumns(plan);
      chosen.push({
        name,
        node: nodeName(node),
        opType: node.opType,
        layout: plan,
        rows,
        columns,
        count: rows * columns,
      });
    }
  }
  throwIfAny(choice.unmatched());
  return { chosen, skipped: [...skipped, ...uses.elsewhere, ...innerWeights(model)] };
}

/** The name of a node, or of its first output where it has none. */
function nodeName(node: Node): string {
  return node.name !== '' ? node.name : (node.outputs[0] ?? node.opType);
}

interface Use {
  readonly node: Node;
  /** Rows of the initializer's elements; or why it has none. */
  readonly layout: RowLayout | string;
  /** The node that takes the initializer itself: `node`, or the Reshape before it. */
  readonly taker: Node;
}

interface Uses {
  /** By initializer. */
  readonly weights: ReadonlyMap<string, Use[]>;
  /** Operands in the place of a weight that are computed at run time. */
  readonly elsewhere: SkippedWeight[];
  readonly consumers: ReadonlyMap<string, readonly Node[]>;
}

/** Every initializer in the place of a weight, directly or behind a Reshape to a constant shape. */
function weightUses(model: Model): Uses {
  const { nodes, initializers } = model.graph;
  const producers = new Map(nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const weights = new Map<string, Use[]>();
  const elsewhere = new Map<string, SkippedWeight>();
  for (const node of nodes) {
    const places = weightPlaces(node);
    const isConstant = (input: number): boolean => initializers.has(node.inputs[input] ?? '');
    for (const { input, layout } of places) {
      const name = node.inputs[input];
      if (name === undefined || name === '') continue;
      const initializer = initializers.get(name);
      const producer = producers.get(name);
      if (initializer !== undefined) {
        const bothConstant = places.length > 1 && isConstant(0) && isConstant(1);
        const own = bothConstant
          ? 'both operands are constant, the node computes no layer'
          : layout(initializer.shape);
        add(weights, name, { node, taker: node, layout: own });
        continue;
      }
      const reshaped = producer === undefined ? undefined : reshapedShape(producer, initializers);
      if (producer !== undefined && reshaped !== undefined)
        add(weights, producer.inputs[0]!, { node, taker: producer, layout: layout(reshaped) });
      else if (input === 1 && producer !== undefined && !dependsOnInput(name, producers, model))
        elsewhere.set(name, {
          name,
          reason: `weight of ${nodeName(node)} that ${producer.opType} computes from constants`,
        });
    }
  }
  return { weights, elsewhere: [...elsewhere.values()], consumers: consumersOf(nodes) };
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

/** The layout of an initializer's rows, on which all its users agree; or why it stays as it is. */
function planOf(
  model: Model,
  consumers: ReadonlyMap<string, readonly Node[]>,
  name: string,
  uses: readonly Use[],
): RowLayout | string {
  const initializer = model.graph.initializers.get(name) as Initializer;
  if (initializer.quantized !== undefined) return 'it is discretized already';
  if (!isWeightType(initializer.dtype)) return `its type is ${initializer.dtype}, not a float type`;
  if (sizeOf(initializer.shape) === 0) return 'it has no elements';
  const problem = uses.find(({ layout }) => typeof layout === 'string');
  if (problem !== undefined) return problem.layout as string;
  const other = (consumers.get(name) ?? []).find((node) => !uses.some(({ taker }) => taker === node));
  if (other !== undefined) return `${nodeName(other)} (${other.opType}) uses it, too, and not as a weight`;
  if (model.graph.outputs.some((output) => output.name === name)) return 'it is an output of the graph';
  const [first, ...others] = uses.map(({ layout }) => layout as RowLayout);
  if (others.some((layout) => JSON.stringify(layout) !== JSON.stringify(first)))
    return `${uses.map(({ node }) => nodeName(node)).join(' and ')} share it with different rows`;
  return first!;
}

/** Weights inside of control flow and of functions. */
function innerWeights(model: Model): SkippedWeight[] {
  const skipped: SkippedWeight[] = [];
  const list = (nodes: Iterable<Node>, where: string): void => {
    for (const node of nodes)
      for (const { input } of weightPlaces(node).slice(0, 1)) {
        const name = node.inputs[input];
        if (name)
          skipped.push({ name, reason: `weight of ${nodeName(node)} (${node.opType}) inside of ${where}` });
      }
  };
  for (const node of model.graph.nodes)
    for (const graph of subgraphsOf(node))
      list(allNodes(graph.nodes), `a branch or loop body of ${nodeName(node)}`);
  for (const { name, nodes } of model.functions) list(allNodes(nodes), `the function ${name}`);
  return skipped;
}
