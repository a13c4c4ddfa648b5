import type { Node } from '../../ir/graph.ts';
import { usesOf } from '../../ir/traverse.ts';
import { isElementwise } from './node-operations.ts';
import { partOf } from './operations.ts';
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
 * arithmetic). An elementwise node takes the operand that is made last as it comes, in one pass with the node that makes it; what nobody
 * reads otherwise is never stored. Inputs and outputs of the network are off-chip, all else is on-chip; where more is alive at a node than
 * `capacityBits`, all that this node reads and writes is off-chip.
 */
export function placeActivations(
  structure: Structure,
  capacityBits: number = Number.POSITIVE_INFINITY,
): Placement {
  const nodes = structure.nodes.filter((node) => !isInPlace(node));
  const maker = new Map<string, number>();
  for (const [i, node] of nodes.entries())
    for (const output of node.outputs) if (output !== '') maker.set(output, i);
  const taken = nodes.map((node) => takenAsItComes(structure, maker, node));
  const readers = new Map<string, number[]>();
  for (const [i, node] of nodes.entries())
    for (const name of operandsOf(structure, node))
      if (name !== taken[i]) readers.set(name, [...(readers.get(name) ?? []), i]);
  const stored = [...maker.keys()].filter((name) => readers.has(name) || structure.isOutput(name));
  const bitsOf = (name: string): number => (structure.countOf(name) ?? 0) * structure.widthOf(name).bits;

  const passes = passesOf(taken, maker);
  const inside = stored.filter((name) => !structure.isOutput(name));
  const change = new Float64Array(nodes.length + 1);
  for (const name of inside) {
    const ends = readers.get(name)!.map((reader) => passes[reader]!.end);
    change[passes[maker.get(name)!]!.begin]! += bitsOf(name);
    change[Math.max(...ends) + 1]! -= bitsOf(name);
  }
  const alive = runningSum(change).slice(0, -1);
  const outside = new Set(
    inside.filter((name) => [maker.get(name)!, ...readers.get(name)!].some((i) => alive[i]! > capacityBits)),
  );

  const moved = new Map<Node, Moved[]>(nodes.map((node) => [node, []]));
  const move = (i: number, name: string, bits: number): void => {
    const isOff = outside.has(name) || structure.isInput(name) || structure.isOutput(name);
    const part = partOf(structure.widthOf(name).bits);
    moved.get(nodes[i]!)!.push({ level: isOff ? 'dram' : 'sram', part, bits });
  };
  for (const name of stored) move(maker.get(name)!, name, bitsOf(name));
  for (const [name, list] of readers)
    for (const i of list) {
      const picks = PICKING.has(nodes[i]!.opType);
      move(i, name, picks ? Math.min(bitsOf(name), bitsOf(nodes[i]!.outputs[0]!)) : bitsOf(name));
    }
  return { moved, peakBits: alive.reduce((a, b) => Math.max(a, b), 0) };
}

/** The values that a node reads, without constants. */
function operandsOf(structure: Structure, node: Node): Set<string> {
  const names = usesOf(node).filter((name) => !structure.isConstant(name));
  return new Set(names.map((name) => structure.rootOf(name)));
}

/** The operand that an elementwise node takes from the node that makes it. */
function takenAsItComes(
  structure: Structure,
  maker: ReadonlyMap<string, number>,
  node: Node,
): string | undefined {
  if (!isElementwise(node)) return undefined;
  const size = structure.countOf(node.outputs[0]!);
  const made = [...operandsOf(structure, node)].filter((name) => maker.has(name));
  const last = made.toSorted((a, b) => maker.get(b)! - maker.get(a)!)[0];
  return last !== undefined && structure.countOf(last) === size ? last : undefined;
}

/** First and last node of the pass that each node runs in. */
function passesOf(
  taken: readonly (string | undefined)[],
  maker: ReadonlyMap<string, number>,
): { begin: number; end: number }[] {
  const passes: { begin: number; end: number }[] = [];
  for (const [i, name] of taken.entries()) {
    const pass = name === undefined ? { begin: i, end: i } : passes[maker.get(name)!]!;
    pass.end = i;
    passes.push(pass);
  }
  return passes;
}

function runningSum(steps: Float64Array): Float64Array {
  let sum = 0;
  return steps.map((step) => {
    sum += step;
    return sum;
  });
}
