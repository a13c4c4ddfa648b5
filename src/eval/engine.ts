import { BnnqError } from '../errors.ts';
import type { Dataset } from '../formats/datasets/dataset.ts';
import { openDataset } from '../formats/datasets/open-dataset.ts';
import { readModel } from '../formats/read-model.ts';
import type { Model } from '../ir/graph.ts';
import type { Kernels } from '../kernels/contract.ts';
import { createKernels } from '../kernels/select.ts';
import type { ImageScores, OutputKind } from './metrics.ts';
import { type Network, openNetwork } from './network.ts';
import { PackedSamples } from './packed-samples.ts';
import { type DiscretizedPoint, discretize, type WeightOptions } from './point.ts';
import { type OutputTable, runImages } from './run-images.ts';
import { feederFor, type Setup } from './setup.ts';
import type { PointSettings } from './types.ts';

/** One piece of work: a network, discretized first where settings are given, over a range of images. */
export interface Job {
  /** Index in the engine's models. */
  readonly model: number;
  readonly point?: PointSettings & WeightOptions;
  readonly from: number;
  readonly to: number;
  /** Write the outputs to the table, or compare them with it, or neither. */
  readonly table: 'write' | 'compare' | 'none';
}

export interface JobResult {
  readonly kind: OutputKind;
  readonly scores: ImageScores;
  readonly seconds: number;
  readonly discretized: DiscretizedPoint | undefined;
}

/** Pauses of the calling thread's work, so that timers and signals get their turn. */
const YIELD_MS = 50;

/** Runs jobs one after the other in the thread that it is in; models, kernels and data are opened once. */
export class Engine {
  readonly #models: (Model | string)[];
  #dataset: Dataset | string;
  readonly #setup: Setup;
  #kernels: Kernels | undefined;
  #lastYield: number = performance.now();

  /** @param models paths or models; @param dataset a spec or a dataset; workers get the former */
  constructor(models: readonly (Model | string)[], dataset: Dataset | string, setup: Setup) {
    this.#models = [...models];
    this.#dataset = dataset;
    this.#setup = setup;
  }

  /** @throws interrupted when the setup's control says so; whatever the network or the data throw */
  async run(job: Job): Promise<JobResult> {
    this.#checkControl();
    const started = performance.now();
    const model = await this.#model(job.model);
    const discretized = job.point && discretize(model, job.point);
    const network = this.#open(discretized?.model ?? model);
    try {
      const { kind, scores } = await this.#images(network, job);
      const seconds = (performance.now() - started) / 1000;
      return { kind, scores, seconds, discretized: discretized?.point };
    } finally {
      network.dispose();
    }
  }

  dispose(): void {
    this.#kernels?.dispose();
    this.#kernels = undefined;
  }

  async #model(index: number): Promise<Model> {
    const model = this.#models[index]!;
    const read = typeof model === 'string' ? await readModel(model) : model;
    this.#models[index] = read;
    return read;
  }

  #open(model: Model): Network {
    this.#kernels ??= createKernels(this.#setup.kernels);
    return openNetwork(model, this.#kernels, this.#setup.output);
  }

  async #images(network: Network, job: Job): Promise<{ kind: OutputKind; scores: ImageScores }> {
    const { preprocess, cache, labels, batch, table, kind, width } = this.#setup;
    if (typeof this.#dataset === 'string') this.#dataset = await openDataset(this.#dataset);
    const dataset = this.#dataset;
    const feeder = feederFor(network, await dataset.sample(0), preprocess);
    const outputs: OutputTable | undefined = table && { values: new Float32Array(table), kind, width };
    return runImages({
      network,
      feeder,
      samples: new PackedSamples(dataset, feeder, cache),
      from: job.from,
      to: job.to,
      labels,
      reference: job.table === 'compare' ? outputs : undefined,
      keep: job.table === 'write' ? outputs : undefined,
      batch,
      onBatch: (images) => this.#afterBatch(images),
    });
  }

  #checkControl(): void {
    if (Atomics.load(new Int32Array(this.#setup.control), 0) !== 0)
      throw new BnnqError('interrupted', 'interrupted');
  }

  #afterBatch(images: number): void | Promise<void> {
    Atomics.add(new Int32Array(this.#setup.control), 1, images);
    this.#checkControl();
    if (performance.now() - this.#lastYield < YIELD_MS) return;
    return new Promise((resolve) =>
      setImmediate(() => {
        this.#lastYield = performance.now();
        resolve();
      }),
    );
  }
}
