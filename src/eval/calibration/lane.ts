import type { Model } from '../../ir/graph.ts';
import type { Kernels } from '../../kernels/contract.ts';
import { extractGraph, valuesAcross } from '../../passes/extract-graph.ts';
import { createSession } from '../../runtime/session.ts';
import { widen } from '../../runtime/widen.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { CalibrationBatches } from './batches.ts';

/** Values of one batch by name. */
export type BatchValues = ReadonlyMap<string, Tensor>;

/** Computes values of the batches, one batch at a time. */
export interface BatchRunner {
  run(batch: number): Promise<BatchValues>;
  dispose(): void;
}

/**
 * One network on its way over the calibration images. What all images gave at some cut of the graph, the checkpoint, is
 * held in memory; any later value is computed from there. So a network is walked layer by layer for the price of one run
 * where memory lets the checkpoint follow closely, and for little more where it stays behind at the narrow places.
 */
export class Lane {
  /** May be exchanged for another, as long as what lies before the checkpoint stays the same. */
  model: Model;
  readonly #batches: CalibrationBatches;
  readonly #kernels: Kernels;
  /** The checkpoint is the cut before the node that makes this value; undefined at the beginning, where images are fed. */
  #cut: string | undefined;
  #held: Map<string, Tensor>[] = [];

  constructor(model: Model, batches: CalibrationBatches, kernels: Kernels) {
    this.model = model;
    this.#batches = batches;
    this.#kernels = kernels;
  }

  /** Makes ready to compute values that lie behind the checkpoint, or cross it. */
  runner(names: readonly string[]): BatchRunner {
    const fed =
      this.#cut === undefined
        ? this.model.graph.inputs.map(({ name }) => name)
        : valuesAcross(this.model, this.#cut);
    const made = names.filter((name) => !fed.includes(name));
    const part = made.length === 0 ? undefined : extractGraph(this.model, fed, made);
    const session = part && createSession(part, { kernels: this.#kernels });
    return {
      run: async (batch) => {
        const given = this.#held[batch] ?? new Map([[this.#batches.input, await this.#fed(batch)]]);
        const values = new Map<string, Tensor>();
        if (session !== undefined) {
          const feeds = new Map(session.inputs.map(({ name }) => [name, given.get(name)!]));
          for (const [name, tensor] of session.run(feeds)) values.set(name, tensor);
        }
        for (const name of names) if (!values.has(name)) values.set(name, given.get(name)!);
        return values;
      },
      dispose: () => session?.dispose(),
    };
  }

  /** The images of a batch as the network computes with them: half precision widened, as in all that it gives. */
  async #fed(batch: number): Promise<Tensor> {
    return widen(await this.#batches.feed(batch));
  }

  /** Moves the checkpoint on to the cut before the node that makes `value`. @param onBatch throws to stop */
  async advance(value: string, onBatch: () => void | Promise<void>): Promise<void> {
    if (value === this.#cut) return;
    const runner = this.runner(valuesAcross(this.model, value));
    const held: Map<string, Tensor>[] = [];
    try {
      for (let i = 0; i < this.#batches.batches; i++) {
        held.push(new Map(await runner.run(i)));
        this.#held[i]?.clear(); // so that there are never two checkpoints in memory
        await onBatch();
      }
    } finally {
      runner.dispose();
    }
    this.#held = held;
    this.#cut = value;
  }
}
