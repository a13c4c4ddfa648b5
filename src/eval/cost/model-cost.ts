import { BnnqError } from '../../errors.ts';
import type { Model, Node } from '../../ir/graph.ts';
import { nodeName } from '../../ir/print.ts';
import { DRAM_BIT, sramBit } from './energy-table.ts';
import { weightForms } from './layers.ts';
import { factorsText, type NodeWork, workOf } from './node-work.ts';
import { energyOf, merged, type Operations } from './operations.ts';
import { type Structure, structureOf } from './structure.ts';
import { type Moved, type Placement, placeActivations } from './traffic.ts';
import {
  type CostSummary,
  type Energy,
  type OperationCount,
  PARTS,
  type Part,
  type Traffic,
} from './types.ts';
import type { CodedWeight } from './weight-form.ts';

/** What a cost is worked out for. */
export interface CostOptions {
  /** Bytes of on-chip memory for activations; as many as are needed at once when absent. */
  readonly sramBytes?: number | undefined;
  /** Where weights are read from, once a sample: off-chip, or an on-chip memory of their size. `dram` when absent. */
  readonly weightsIn?: 'dram' | 'sram' | undefined;
  /** Shapes of inputs whose declared shape leaves more open than the batch. */
  readonly inputShapes?: ReadonlyMap<string, readonly number[]> | undefined;
}

/** What one node costs. */
export interface NodeCost {
  readonly node: string;
  readonly opType: string;
  readonly macs: number;
  /** Of a layer: what it multiplies with what, such as `3 exp × 8 bits`; null for other nodes. */
  readonly factors: string | null;
  readonly energy: Energy;
  readonly parts: Readonly<Record<Part, Energy>>;
  readonly operations: readonly OperationCount[];
  readonly traffic: Traffic;
}

export interface ModelCost extends CostSummary {
  readonly weightsIn: 'dram' | 'sram';
  /** In the order of the graph; nodes that cost nothing are left out. */
  readonly nodes: readonly NodeCost[];
}

/** Works out the cost of a network for any way in which its weights may be discretized. */
export interface CostMeter {
  /** @param coded weights that are taken as discretized, by the name of the weight; all others as they are in the model */
  cost(coded?: ReadonlyMap<string, CodedWeight>): ModelCost;
}

/** @throws mismatch where the shape of an input is not known; option for shapes of what is no input */
export function costMeter(model: Model, options: CostOptions = {}): CostMeter {
  const structure = structureOf(model, options.inputShapes ?? new Map());
  expectKnownInputs(structure, options.inputShapes);
  const forms = weightForms(structure);
  const { sramBytes } = options;
  const placement = placeActivations(structure, sramBytes === undefined ? undefined : 8 * sramBytes);
  // What is no layer takes the same whatever the weights are.
  const fixed = new Map<Node, NodeWork>();
  for (const node of structure.nodes)
    if (!structure.macs.has(node))
      fixed.set(
        node,
        workOf(structure, node, () => undefined),
      );
  return {
    cost: (coded) => {
      const weightOf = forms(coded);
      const works = structure.nodes.map((node) => fixed.get(node) ?? workOf(structure, node, weightOf));
      return costOf(structure, placement, works, options);
    },
  };
}

function expectKnownInputs({ model, countOf }: Structure, given: CostOptions['inputShapes']): void {
  const inputs = model.graph.inputs.map(({ name }) => name);
  for (const name of given?.keys() ?? [])
    if (!inputs.includes(name))
      throw new BnnqError(
        'option',
        `shape: "${name}" is no input of the model, which has ${inputs.join(', ')}`,
      );
  const open = model.graph.inputs.filter(({ name }) => countOf(name) === undefined);
  if (open.length === 0) return;
  const names = open.map(({ name }) => `"${name}"`).join(', ');
  throw new BnnqError(
    'mismatch',
    `the shape of ${open.length === 1 ? 'input' : 'inputs'} ${names} is not known, and costs depend on it: give one, such as ${open[0]!.name}=1,3,224,224`,
  );
}

/** Picojoules of a part. */
interface Sums {
  compute: number;
  sram: number;
  dram: number;
}

function costOf(
  structure: Structure,
  { moved, peakBits }: Placement,
  works: readonly NodeWork[],
  { weightsIn = 'dram', sramBytes = Math.ceil(peakBits / 8) }: CostOptions,
): ModelCost {
  const weightBits = works.reduce(
    (sum, { constants }) => sum + constants.reduce((all, one) => all + one.bits, 0),
    0,
  );
  const bit = { sram: sramBit(8 * sramBytes), dram: DRAM_BIT };
  const weightBit = weightsIn === 'dram' ? DRAM_BIT : sramBit(weightBits);
  const uncounted = new Set<string>();
  const nodes: NodeCost[] = [];
  for (const [i, node] of structure.nodes.entries()) {
    const { products, operations, constants, problem } = works[i]!;
    if (problem !== undefined) uncounted.add(problem);
    const sums: Record<Part, Sums> = { binary: empty(), lowBit: empty(), float: empty() };
    for (const one of operations) sums[one.part].compute += one.count * energyOf(one);
    for (const { level, part, bits } of moved.get(node) ?? []) sums[part][level] += bits * bit[level];
    for (const { part, bits } of constants) sums[part][weightsIn] += bits * weightBit;
    const parts = partsOf(sums);
    const energy = totalOf(parts);
    const traffic = trafficOf(constants, moved.get(node) ?? []);
    if (energy.total === 0) continue;
    const macs = products.reduce((sum, one) => sum + one.macs, 0);
    nodes.push({
      ...{ node: nodeName(node), opType: node.opType, macs, factors: factorsText(products) },
      ...{ energy, parts, operations: countsOf(operations), traffic },
    });
  }
  const parts = Object.fromEntries(
    PARTS.map((part) => [part, addUp(nodes.map((node) => node.parts[part]))]),
  ) as Record<Part, Energy>;
  const energy = totalOf(parts);
  return {
    macs: nodes.reduce((sum, node) => sum + node.macs, 0),
    energy,
    parts,
    shares: Object.fromEntries(
      PARTS.map((part) => [part, energy.total === 0 ? 0 : (100 * parts[part].total) / energy.total]),
    ) as Record<Part, number>,
    operations: countsOf(works.flatMap(({ operations }) => operations)),
    traffic: {
      weights: nodes.reduce((sum, { traffic }) => sum + traffic.weights, 0),
      dram: nodes.reduce((sum, { traffic }) => sum + traffic.dram, 0),
      sram: nodes.reduce((sum, { traffic }) => sum + traffic.sram, 0),
    },
    peakBytes: Math.ceil(peakBits / 8),
    sramBytes,
    ...(uncounted.size > 0 && { uncounted: [...uncounted] }),
    weightsIn,
    nodes,
  };
}

function trafficOf(constants: readonly Pick<Moved, 'bits'>[], moved: readonly Moved[]): Traffic {
  const bytes = (list: readonly Pick<Moved, 'bits'>[]): number =>
    list.reduce((sum, { bits }) => sum + bits, 0) / 8;
  return {
    weights: bytes(constants),
    dram: bytes(moved.filter(({ level }) => level === 'dram')),
    sram: bytes(moved.filter(({ level }) => level === 'sram')),
  };
}

function countsOf(operations: Iterable<Operations>): OperationCount[] {
  return merged(operations).map((one) => ({
    kind: one.kind,
    width: one.by === undefined ? String(one.width) : `${one.width}×${one.by}`,
    part: one.part,
    count: one.count,
    energy: (one.count * energyOf(one)) / PICO_IN_MICRO,
  }));
}

const PICO_IN_MICRO = 1e6;

function empty(): Sums {
  return { compute: 0, sram: 0, dram: 0 };
}

function partsOf(sums: Readonly<Record<Part, Sums>>): Record<Part, Energy> {
  const micro = ({ compute, sram, dram }: Sums): Energy => ({
    compute: compute / PICO_IN_MICRO,
    sram: sram / PICO_IN_MICRO,
    dram: dram / PICO_IN_MICRO,
    total: (compute + sram + dram) / PICO_IN_MICRO,
  });
  return { binary: micro(sums.binary), lowBit: micro(sums.lowBit), float: micro(sums.float) };
}

function totalOf(parts: Readonly<Record<Part, Energy>>): Energy {
  return addUp(PARTS.map((part) => parts[part]));
}

function addUp(energies: readonly Energy[]): Energy {
  const sum = (field: keyof Energy): number => energies.reduce((total, one) => total + one[field], 0);
  return { compute: sum('compute'), sram: sum('sram'), dram: sum('dram'), total: sum('total') };
}
