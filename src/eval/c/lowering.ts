import { BnnqError } from '../../errors.ts';
import type { CStep, Operand, Place } from '../../formats/c/program.ts';
import type { Model, Node } from '../../ir/graph.ts';
import { usesOf } from '../../ir/traverse.ts';
import type { Kernels } from '../../kernels/contract.ts';
import { type Lifetime, placeInArena } from '../../runtime/arena.ts';
import { Call } from '../../runtime/call.ts';
import { ConstantTensor } from '../../runtime/constants.ts';
import { limitedMemory } from '../../runtime/memory.ts';
import { versionOf } from '../../runtime/rewrite.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';

/** Memory of one value or more (a view shares that of what it looks at), in the arena until it is said that the caller has it. */
export interface Slot {
  at: 'in' | 'out' | 'arena';
  offset: number;
  readonly byteLength: number;
  birth: number;
  death: number;
  /** Reads that are still to come, and one where it is the output. */
  pending: number;
}

/** A value of the graph; the shape is that which the runtime gives it. */
export interface Held {
  readonly kind: 'floats' | 'codes' | 'fixed' | 'signs';
  readonly shape: readonly number[];
  /** Of a map of signs, whose shape tells whole words alone. */
  readonly channels: number;
  readonly slot: Slot;
}

const WORD_BYTES = 4;
/** Blocks of the arena start at multiples of a float. */
const ALIGNMENT = 4;
const MAX_BYTES = 1 << 30;
const NOTHING = new Float32Array(0);
const TYPES = { floats: 'FLOAT', codes: 'UINT8', fixed: 'INT32', signs: 'UINT8' } as const;

/** A network on its way from nodes to steps. What a node reads is asked of a `Call`, as the runtime's operators do it. */
export class Lowering {
  readonly steps: CStep[] = [];
  readonly values: Map<string, Held> = new Map();
  readonly #model: Model;
  readonly #kernels: Kernels;
  readonly #slots: Slot[] = [];
  readonly #readers = new Map<string, number>();

  constructor(model: Model, kernels: Kernels) {
    this.#model = model;
    this.#kernels = kernels;
    const { nodes, outputs } = model.graph;
    for (const name of [...nodes.flatMap(usesOf), ...outputs.map((output) => output.name)])
      this.#readers.set(name, (this.#readers.get(name) ?? 0) + 1);
  }

  /** The node as an operator sees it, what is computed without elements. */
  call(node: Node): Call {
    const call = new Call(node, versionOf(this.#model, node), this.#kernels, limitedMemory(MAX_BYTES));
    call.inputs = node.inputs.map((name) => (name === '' ? undefined : this.tensor(name)));
    return call;
  }

  /** A constant with its elements, or the type and shape of what is computed. */
  tensor(name: string): Tensor {
    const constant = this.#model.graph.initializers.get(name);
    if (constant !== undefined) return new ConstantTensor(constant);
    const { kind, shape } = this.value(name);
    return { dtype: TYPES[kind], shape, data: NOTHING };
  }

  isConstant(name: string): boolean {
    return this.#model.graph.initializers.has(name);
  }

  value(name: string): Held {
    const value = this.values.get(name);
    if (value !== undefined) return value;
    throw new BnnqError('unsupported', `value "${name}" is a constant, or is not computed before it is read`);
  }

  /** A value that must be floats. */
  floats(name: string): Held {
    const value = this.value(name);
    if (value.kind !== 'floats')
      throw new BnnqError('unsupported', `value "${name}" is ${value.kind}, floats are needed`);
    return value;
  }

  /** Floats that may be constants. */
  operand(name: string): Operand {
    if (!this.isConstant(name)) return this.floats(name).slot;
    const { dtype, data } = this.tensor(name);
    if (dtype !== 'FLOAT') throw new BnnqError('unsupported', `constant "${name}" is of type ${dtype}`);
    return { at: 'constant', values: data as Float32Array };
  }

  slot(byteLength: number): Slot {
    const slot: Slot = { at: 'arena', offset: 0, byteLength, birth: -1, death: -1, pending: 0 };
    this.#slots.push(slot);
    return slot;
  }

  /** Of floats or fixed-point values. */
  floatSlot(shape: readonly number[]): Slot {
    return this.slot(4 * sizeOf(shape));
  }

  /** Codes take a byte each, signs a bit, the channels of a pixel in whole words. */
  mapSlot(kind: 'codes' | 'signs', pixels: number, channels: number): Slot {
    return this.slot(pixels * (kind === 'codes' ? channels : WORD_BYTES * Math.ceil(channels / 32)));
  }

  /** The memory of the node's operand, where nothing reads it after this node and it is as large as wanted; else new. */
  inPlace(node: Node, name: string, shape: readonly number[]): Slot {
    const value = this.values.get(name);
    const reads = node.inputs.filter((input) => this.values.get(input)?.slot === value?.slot).length;
    const isFree = value !== undefined && value.slot.at !== 'in' && value.slot.pending === reads;
    return isFree && value.slot.byteLength === 4 * sizeOf(shape) ? value.slot : this.floatSlot(shape);
  }

  define(
    name: string,
    kind: Held['kind'],
    shape: readonly number[],
    slot: Slot,
    channels: number = shape[1] ?? 1,
  ): void {
    this.values.set(name, { kind, shape, channels, slot });
    slot.pending += this.#readers.get(name) ?? 0;
  }

  emit(step: CStep): void {
    const time = this.steps.length;
    for (const place of placesOf(step)) {
      const slot = place as Slot;
      if (slot.birth < 0) slot.birth = time;
      slot.death = time + 1;
    }
    this.steps.push(step);
  }

  /** The convolution that made a value for the node at hand alone, if it is the last step: it is taken back, and the value is no more. */
  takeBack(made: Slot): (CStep & { op: 'conv' }) | undefined {
    const last = this.steps.at(-1);
    const isIt = last?.op === 'conv' && last.y === made && last.addend === undefined && !last.isWinograd;
    if (!isIt || made.pending !== 1) return undefined;
    this.steps.pop();
    made.birth = -1;
    return last;
  }

  /** The node has been lowered: its reads are done. */
  done(node: Node): void {
    for (const name of node.inputs) {
      const slot = this.values.get(name)?.slot;
      if (slot !== undefined) slot.pending--;
    }
  }

  /** Gives every slot its place. @returns bytes of the arena */
  place(): number {
    const placed = this.#slots.filter(({ at, birth }) => at === 'arena' && birth >= 0);
    // A step reads and writes at once: what it reads dies after what it makes is born.
    const lifetimes = placed.map(
      ({ byteLength, birth, death }): Lifetime => ({ byteLength, birth: 2 * birth, death: 2 * death - 1 }),
    );
    if (lifetimes.length === 0) return 0;
    const { offsets, byteLength } = placeInArena(lifetimes, ALIGNMENT);
    placed.forEach((slot, i) => {
      slot.offset = offsets[i]!;
    });
    return byteLength;
  }
}

const PLACES = ['x', 'y', 'a', 'b', 'addend', 'gridScale', 'gridZero'] as const;

/** The memory that a step reads and writes. */
function placesOf(step: CStep): Place[] {
  const places = step as Partial<Record<(typeof PLACES)[number], Operand>>;
  return PLACES.map((name) => places[name]).filter(
    (place): place is Place => place !== undefined && place.at !== 'constant',
  );
}
