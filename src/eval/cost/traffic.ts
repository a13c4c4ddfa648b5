import type { Node } from '../../ir/graph.ts';
import { usesOf } from '../../ir/traverse.ts';
import { partOf } from './operations.ts';
import { isElementwise } from './node-work.ts';
import { isInPlace, type Structure } from './structure.ts';
import type { Part } from './types.ts';

/** Bits that a node moves, by where and by the width of the numbers. */
export interface Moved {
  readonly level: 'sram' | 'dram';
  readonly part: Part;
  readonly bits: number;
}

/** What is kept where for one sample. */
export interface Placement {
  /** Activations that each node reads and writes. */
  readonly moved: ReadonlyMap<Node, readonly Moved[]>;
  /** Bits of activations that are kept at the same time at most, those of the network's inputs and outputs aside. */
  readonly peakBits: number;
}

/** Operators that read no more of their input than they give. */
const PICKING: ReadonlySet<string> = new Set(['Slice', 'Gather', 'GatherElements', 'GatherND', 'Split']);

/**
 * Activations are written once where they are made and read once by each node that uses them (rows of a window are kept beside the
 * arithmetic). An elementwise node takes the operand that is made last as it comes, if nothing else wants it: that value is never stored.
 * Inputs and outputs of the network are off-chip, all else is on-chip; where more is alive at a node than `capacityBits`, what this node
 * reads and writes goes off-chip.
 */
export function placeActivations(structure: Structure, capacityBits: number = Number.POSITIVE_INFINITY): Placement {
  const { nodes } = structure;
  const made = new Map<string, number>();
  for (const [i, node] of nodes.entries())
    if (!isInPlace(node)) for (const output of node.outputs) if (output !== '') made.set(output, i);
  const streamed = new Set(nodes.flatMap((node) => streamedInto(structure, made, node) ?? []));
  const bitsOf = (name: string): number => (structure.countOf(name) ?? 0) * structure.widthOf(name).bits;
  const alive = aliveAt(structure, made, streamed, bitsOf);
  const moved = new Map<Node, Moved[]>();
  for (const [i, node] of nodes.entries()) {
    if (isInPlace(node)) continue;
    const list: Moved[] = [];
    const move = (name: string, bits: number): void => {
      const isOutside = structure.isInput(name) || structure.isOutput(name) || alive[i]! > capacityBits;
      list.push({ level: isOutside ? 'dram' : 'sram', part: partOf(structure.widthOf(name).bits), bits });
    };
    const operands = usesOf(node).filter((name) => !structure.isConstant(name));
    for (const name of new Set(operands.map((operand) => structure.rootOf(operand)))) {
      if (streamed.has(name)) continue;
      const most = PICKING.has(node.opType) ? bitsOf(node.outputs[0]!) : Number.POSITIVE_INFINITY;
      move(name, Math.min(bitsOf(name), most));
    }
    for (const name of node.outputs)
      if (isStored(structure, name) && !streamed.has(name)) move(name, bitsOf(name));
    moved.set(node, list);
  }
  return { moved, peakBits: alive.reduce((a, b) => Math.max(a, b), 0) };
}

/** Whether somebody wants the value. */
function isStored(structure: Structure, name: string): boolean {
  return name !== '' && !structure.isConstant(name) && (structure.readersOf(name).length > 0 || structure.isOutput(name));
}

/** The operand that an elementwise node takes as it comes. */
function streamedInto(
  structure: Structure,
  made: ReadonlyMap<string, number>,
  node: Node,
): string | undefined {
  if (!isElementwise(node)) return undefined;
  const size = structure.countOf(node.outputs[0]!);
  const fit = node.inputs
    .map((name) => structure.rootOf(name))
    .filter(
      (name) =>
        made.has(name) &&
        structure.countOf(name) === size &&
        structure.readersOf(name).length === 1 &&
        !structure.isOutput(name),
    );
  return fit.toSorted((a, b) => made.get(b)! - made.get(a)!)[0];
}

/** Bits that are kept while each node runs. */
function aliveAt(
  structure: Structure,
  made: ReadonlyMap<string, number>,
  streamed: ReadonlySet<string>,
  bitsOf: (name: string) => number,
): number[] {
  const { nodes } = structure;
  const place = new Map(nodes.map((node, i) => [node, i]));
  const change = new Array<number>(nodes.length + 1).fill(0);
  for (const [name, begin] of made) {
    if (streamed.has(name) || structure.isOutput(name) || !isStored(structure, name)) continue;
    const end = Math.max(...structure.readersOf(name).map((reader) => place.get(reader) ?? begin));
    change[begin]! += bitsOf(name);
    change[end + 1]! -= bitsOf(name);
  }
  let bits = 0;
  return change.slice(0, -1).map((step) => {
    bits += step;
    return bits;
  });
}
