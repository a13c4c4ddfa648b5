import { BnnqError } from '../errors.ts';
import type { Graph, Value } from '../ir/graph.ts';
import type { Body } from './call.ts';
import { executeStep, type Values } from './execute.ts';
import type { Memory } from './memory.ts';
import type { Plan } from './plan.ts';
import { isTensor, type RuntimeValue } from './values.ts';

/** A value of the graph around a body, by its slots there and in the body. */
export interface Capture {
  readonly outer: number;
  readonly inner: number;
}

/** A subgraph with a plan of its own. What it captures stays the property of the graph around it. */
export class GraphBody implements Body {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly #plan: Plan;
  readonly #memory: Memory;
  readonly #captures: readonly Capture[];
  readonly #outputSlots: readonly number[];
  readonly #values: Values;

  constructor(graph: Graph, plan: Plan, memory: Memory, captures: readonly Capture[]) {
    this.inputs = graph.inputs;
    this.outputs = graph.outputs;
    this.#plan = plan;
    this.#memory = memory;
    this.#captures = captures;
    this.#outputSlots = graph.outputs.map(({ name }) => plan.slotOf.get(name)!);
    this.#values = plan.initial.slice();
  }

  /** Takes the captured values of a graph around it that is being run; to be done before every step that runs the body. */
  capture(outer: Values): void {
    for (const { outer: from, inner } of this.#captures) this.#values[inner] = outer[from];
  }

  run(inputs: readonly RuntimeValue[]): RuntimeValue[] {
    const values = this.#values;
    if (inputs.length !== this.inputs.length)
      throw new BnnqError(
        'mismatch',
        `its subgraph takes ${this.inputs.length} inputs, ${inputs.length} are given`,
      );
    inputs.forEach((value, slot) => {
      values[slot] = value;
    });
    for (const slot of this.#plan.unread) {
      this.#release(values[slot]);
      values[slot] = undefined;
    }
    for (const step of this.#plan.steps) executeStep(step, values, this.#memory);
    return this.#handOut();
  }

  /**
   * The outputs with a reference each: that of the body where it owns the value, else a new one. A constant comes out as a
   * view: who takes an operand for a constant may keep what it makes of it, and another branch gives another one.
   */
  #handOut(): RuntimeValue[] {
    const values = this.#values;
    const made = this.#outputSlots.map((slot, i) => {
      const value = values[slot];
      if (value === undefined)
        throw new BnnqError('mismatch', `output "${this.outputs[i]!.name}" of its subgraph has no value`);
      const isLast = this.#outputSlots.indexOf(slot, i + 1) < 0;
      const isHandedOver = isLast && this.#plan.owned(slot);
      return isHandedOver || !isTensor(value) ? value : this.#memory.view(value, value.shape);
    });
    for (const slot of this.#outputSlots) if (this.#plan.owned(slot)) values[slot] = undefined;
    return made;
  }

  #release(value: RuntimeValue | undefined): void {
    if (value !== undefined && isTensor(value)) this.#memory.release(value);
  }
}
