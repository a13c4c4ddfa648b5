import { BnnqError } from '../errors.ts';
import type { Model, Node } from '../ir/graph.ts';
import { sortNodes, usesOf } from '../ir/traverse.ts';
import type { Kernels } from '../kernels/contract.ts';
import { Call, type Operator } from './call.ts';
import type { Memory } from './memory.ts';
import { findOperator } from './ops/registry.ts';
import { opsetOf } from './rewrite.ts';

/** One operator call of a plan. Values live in numbered slots; -1 stands for an absent operand or output. */
export interface Step {
  readonly call: Call;
  readonly operator: Operator;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Slots that nothing reads after this step, each once. */
  readonly releases: readonly number[];
}

export interface Plan {
  readonly steps: readonly Step[];
  readonly slotCount: number;
  readonly slotOf: ReadonlyMap<string, number>;
}

/** Orders the nodes that the outputs need and finds out when each value is read last. */
export function makePlan(model: Model, kernels: Kernels, memory: Memory, outputs: readonly string[]): Plan {
  const { graph } = model;
  const { nodes: sorted, cycle } = sortNodes(graph.nodes);
  if (cycle !== undefined)
    throw new BnnqError('malformed', `${cycle.length} nodes form a cycle, one of them "${cycle[0]!.name}"`);
  const nodes = neededNodes(sorted, outputs);
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
  const constantEnd = slotOf.size;
  const isConstant = (index: number): boolean => index >= graph.inputs.length && index < constantEnd;
  const wired = nodes.map((node) => ({
    node,
    inputs: node.inputs.map(slot),
    outputs: node.outputs.map(slot),
  }));
  const lastUse = new Map<number, number>();
  wired.forEach(({ inputs, outputs: made }, step) => {
    for (const index of [...made, ...inputs]) if (index >= 0 && !isConstant(index)) lastUse.set(index, step);
  });
  const steps = wired.map(({ node, inputs, outputs: made }, step) => {
    const version = opsetOf(model, node.domain);
    const operator = findOperator(node.domain, node.opType, version);
    if (operator === undefined) throw new BnnqError('internal', `no operator ${node.domain}::${node.opType}`);
    const call = new Call(node, version, kernels, memory);
    call.dying = inputs.map((index) => lastUse.get(index) === step);
    const touched = new Set([...inputs, ...made]);
    const releases = [...touched].filter((index) => lastUse.get(index) === step);
    return { call, operator, inputs, outputs: made, releases };
  });
  return { steps, slotCount: slotOf.size, slotOf };
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
