import type { Model } from '../../ir/graph.ts';
import type { PlannedWeight } from '../../quantizers/plan/plan-weights.ts';
import { macsBehind } from './cost.ts';
import type { Place } from './places.ts';

export interface SensitivityProgress {
  /** Of the work, from 0 to 1. */
  readonly share: number;
  readonly layer: string;
  /** Pairs of layer and candidate. */
  readonly done: number;
  readonly total: number;
}

export type OnSensitivityProgress = (progress: SensitivityProgress) => void;

/** How much of the work is done; a layer counts by the multiplications behind it. */
export class Work {
  readonly #costs: ReadonlyMap<string, number>;
  readonly #candidates: number;
  readonly #total: number;
  readonly #report: OnSensitivityProgress | undefined;
  #finished = 0;
  #done = 0;

  constructor(
    model: Model,
    layers: readonly PlannedWeight[],
    places: ReadonlyMap<string, Place>,
    candidates: number,
    report: OnSensitivityProgress | undefined,
  ) {
    const behind = macsBehind(model);
    this.#costs = new Map(layers.map(({ name }) => [name, 1 + behind[places.get(name)!.index]!]));
    this.#candidates = candidates;
    this.#total = candidates * [...this.#costs.values()].reduce((sum, cost) => sum + cost, 0);
    this.#report = report;
  }

  batch(layer: string, share: number): void {
    this.#tell(layer, this.#finished + share * this.#costs.get(layer)!);
  }

  cell(layer: string): void {
    this.#done++;
    this.#finished += this.#costs.get(layer)!;
    this.#tell(layer, this.#finished);
  }

  #tell(layer: string, cost: number): void {
    const total = this.#candidates * this.#costs.size;
    this.#report?.({ share: Math.min(1, cost / this.#total), layer, done: this.#done, total });
  }
}
