import { BnnqError } from '../errors.ts';
import type { Graph, Model, Node } from '../ir/graph.ts';
import { capturedNames, sortNodes, usesOf } from '../ir/traverse.ts';
import type { Kernels } from '../kernels/contract.ts';
import { GraphBody } from './body.ts';
import { Call, type Operator } from './call.ts';
import type { Constants } from './constants.ts';
import type { Values } from './execute.ts';
import type { Memory } from './memory.ts';
import { findOperator } from './ops/registry.ts';
import { versionOf } from './rewrite.ts';

/** One operator call of a plan. Values live in numbered slots; -1 stands for an absent operand or output. */
export interface Step {
  readonly call: Call;
  readonly operator: Operator;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Slots that nothing reads after this step, each once. */
  readonly releases: readonly number[];
  /** The subgraphs of the node. */
  readonly bodies: readonly GraphBody[];
}

/** The slots: inputs first, then constants, then what a body captures, then what the steps make. */
export interface Plan {
  readonly steps: readonly Step[];
  readonly slotOf: ReadonlyMap<string, number>;
  /** The values before a run: the constants in their slots. */
  readonly initial: Values;
  /** Inputs that nothing reads. */
  readonly unread: readonly number[];
  /** Whether the value in a slot belongs to this graph: inputs and what steps make, not constants and what is captured. */
  owned(slot: number): boolean;
}

/** What plans of a model are made with. */
export interface PlanContext {
  readonly model: Model;
  readonly kernels: Kernels;
  readonly memory: Memory;
  readonly constants: Constants;
}

/**
 * Orders the nodes that the outputs need and finds out when each value is read last; a subgraph reads what it captures
 * when its node runs.
 * @param held values that are not released at their last use, for who runs the plan takes them
 */
export function makePlan(
  graph: Graph,
  outputs: readonly string[],
  context: PlanContext,
  held: readonly string[] = [],
): Plan {
  const nodes = orderedNodes(graph, outputs);
  const slotOf = new Map<string, number>();
  const slot = (name: string): number => {
    if (name === '') return -1;
    const known = slotOf.get(name);
    if (known !== undefined) return known;
    slotOf.set(name, slotOf.size);
    return slotOf.size - 1;
  };
  for (const input of graph.inputs) slot(input.name);
  for (const name of graph.initializers.keys()) slot(name);
  for (const name of capturedNames(graph)) slot(name);
  const firstMade = slotOf.size;
  const owned = (index: number): boolean => index >= firstMade || (index >= 0 && index < graph.inputs.length);
  const wired = nodes.map((node) => ({
    node,
    inputs: node.inputs.map(slot),
    outputs: node.outputs.map(slot),
    uses: usesOf(node).map(slot),
  }));
  const lastUse = new Map<number, number>();
  wired.forEach(({ uses, outputs: made }, step) => {
    for (const index of [...made, ...uses]) if (owned(index)) lastUse.set(index, step);
  });
  for (const name of held) lastUse.set(slot(name), nodes.length);
  const steps = wired.map(({ node, inputs, outputs: made, uses }, step) => {
    const { call, operator, bodies } = prepare(node, context, slotOf);
    call.dying = inputs.map((index) => lastUse.get(index) === step);
    const releases = [...new Set([...uses, ...made])].filter((index) => lastUse.get(index) === step);
    return { call, operator, inputs, outputs: made, releases, bodies };
  });
  const initial: Values = new Array(slotOf.size).fill(undefined);
  for (const [name, constant] of context.constants.of(graph)) initial[slotOf.get(name)!] = constant;
  const unread = graph.inputs.map((_, index) => index).filter((index) => !lastUse.has(index));
  return { steps, slotOf, initial, unread, owned };
}

/** The nodes that the outputs need, each behind those whose results it reads. */
export function orderedNodes(graph: Graph, outputs: readonly string[]): readonly Node[] {
  return neededNodes(sorted(graph), outputs);
}

function sorted(graph: Graph): readonly Node[] {
  const { nodes, cycle } = sortNodes(graph.nodes);
  if (cycle !== undefined)
    throw new BnnqError('malformed', `${cycle.length} nodes form a cycle, one of them "${cycle[0]!.name}"`);
  return nodes;
}

/** The call of a node, with its subgraphs planned; `slotOf` has the slots of the graph around them. */
function prepare(
  node: Node,
  context: PlanContext,
  slotOf: ReadonlyMap<string, number>,
): Pick<Step, 'call' | 'operator'> & { bodies: GraphBody[] } {
  const version = versionOf(context.model, node);
  const operator = findOperator(node.domain, node.opType, version);
  if (operator === undefined) throw new BnnqError('internal', `no operator ${node.domain}::${node.opType}`);
  const call = new Call(node, version, context.kernels, context.memory);
  const bodies = new Map<string, GraphBody>();
  for (const [name, attribute] of node.attributes)
    if (attribute.type === 'GRAPH') bodies.set(name, makeBody(attribute.value, context, slotOf));
  call.bodies = bodies;
  return { call, operator, bodies: [...bodies.values()] };
}

function makeBody(graph: Graph, context: PlanContext, outer: ReadonlyMap<string, number>): GraphBody {
  const outputs = graph.outputs.map(({ name }) => name);
  const plan = makePlan(graph, outputs, context, outputs);
  const captures = [...capturedNames(graph)].map((name) => ({
    outer: outer.get(name)!,
    inner: plan.slotOf.get(name)!,
  }));
  return new GraphBody(graph, plan, context.memory, captures);
}

function neededNodes(nodes: readonly Node[], outputs: readonly string[]): Node[] {
  const wanted = new Set(outputs);
  const needed: Node[] = [];
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i]!;
    if (!node.outputs.some((name) => wanted.has(name))) continue;
    needed.push(node);
    for (const name of usesOf(node)) wanted.add(name);
  }
  return needed.reverse();
}
