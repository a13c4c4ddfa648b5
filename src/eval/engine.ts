import { BnnqError } from '../errors.ts';
import type { Dataset } from '../formats/datasets/dataset.ts';
import { type DatasetSource, isSource, openSource } from '../formats/datasets/open-dataset.ts';
import { readModel } from '../formats/read-model.ts';
import type { Model } from '../ir/graph.ts';
import type { Kernels } from '../kernels/contract.ts';
import { createKernels } from '../kernels/select.ts';
import { type CalibrationBatches, openBatches } from './calibration/batches.ts';
import { feederFor } from './feeder.ts';
import type { ImageScores, OutputKind } from './metrics.ts';
import { type Network, openNetwork } from './network.ts';
import { PackedSamples } from './packed-samples.ts';
import { type DiscretizedPoint, discretize, type WeightOptions } from './point.ts';
import { type OutputTable, runImages } from './run-images.ts';
import { recordedOptions, writePacked } from './save.ts';
import type { Setup } from './setup.ts';
import type { PointSettings } from './types.ts';

/** A network over a range of images, rounded first where settings are given that need no images. */
export interface ScoreJob {
  /** Index in the engine's models, or the path of a packed file. */
  readonly model: number | string;
  readonly point?: PointSettings & WeightOptions;
  readonly from: number;
  readonly to: number;
  /** Write the outputs to the table, or compare them with it, or neither. */
  readonly table: 'write' | 'compare' | 'none';
}

/** A network to be discretized with the calibration images, and written to a packed file. */
export interface DiscretizeJob {
  readonly model: number;
  readonly point: PointSettings & WeightOptions;
  readonly file: string;
}

export type Job = ScoreJob | DiscretizeJob;

export interface ScoreJobResult {
  readonly kind: OutputKind;
  readonly scores: ImageScores;
  readonly seconds: number;
  /** Of these, for reading, preparing and running the images. */
  readonly runSeconds: number;
  readonly discretized: DiscretizedPoint | undefined;
}

export type ResultOf<J extends Job> = J extends DiscretizeJob ? DiscretizedPoint : ScoreJobResult;

/** Pauses of the calling thread's work, so that timers and signals get their turn. */
const YIELD_MS = 50;

/** Runs jobs one after the other in the thread that it is in; models, kernels and data are opened once. */
export class Engine {
  readonly #models: (Model | string)[];
  #dataset: Dataset | DatasetSource;
  readonly #setup: Setup;
  #kernels: Kernels | undefined;
  /** Opened once for all points. */
  #images: Promise<CalibrationBatches> | undefined;
  #lastYield: number = performance.now();

  /** @param models paths or models; @param dataset what it is opened from, or a dataset; workers get the former */
  constructor(models: readonly (Model | string)[], dataset: Dataset | DatasetSource, setup: Setup) {
    this.#models = [...models];
    this.#dataset = dataset;
    this.#setup = setup;
  }

  /** @throws interrupted when the setup's control says so; whatever the network or the data throw */
  async run<J extends Job>(job: J): Promise<ResultOf<J>> {
    this.#checkControl();
    return ('file' in job ? this.#discretize(job) : this.#score(job)) as Promise<ResultOf<J>>;
  }

  async #discretize({ model: index, point, file }: DiscretizeJob): Promise<DiscretizedPoint> {
    const { calibration, count, control } = this.#setup;
    const model = await this.#model(index);
    const images = await this.#calibrationBatches(model);
    let done = 0; // counted as one more pass over the images
    const onProgress = ({ fraction }: { fraction: number }): void => {
      const now = Math.floor(fraction * count);
      Atomics.add(new Int32Array(control), 1, now - done);
      done = now;
      this.#checkControl();
    };
    const seed = calibration?.seed;
    const { model: discretized, point: result } = await discretize(model, point, images, seed, {
      onProgress,
    });
    Atomics.add(new Int32Array(control), 1, count - done);
    await writePacked(discretized, file, {
      force: true,
      options: recordedOptions({ ...point, images, seed }),
    });
    return result;
  }

  async #calibrationBatches(model: Model): Promise<CalibrationBatches> {
    const { calibration, preprocess, output } = this.#setup;
    if (calibration === undefined)
      throw new BnnqError('option', 'calibration images are needed and none are given');
    const { data } = calibration;
    this.#images ??= openBatches(model, isSource(data) ? await openSource(data) : data, {
      preprocess,
      samples: calibration.samples,
      output,
    });
    return this.#images;
  }

  async #score(job: ScoreJob): Promise<ScoreJobResult> {
    const started = performance.now();
    const model = typeof job.model === 'string' ? await readModel(job.model) : await this.#model(job.model);
    const discretized = job.point && (await discretize(model, job.point));
    const network = this.#open(discretized?.model ?? model);
    try {
      const opened = performance.now();
      const { kind, scores } = await this.#runImages(network, job);
      const now = performance.now();
      const [seconds, runSeconds] = [(now - started) / 1000, (now - opened) / 1000];
      return { kind, scores, seconds, runSeconds, discretized: discretized?.point };
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

  async #runImages(network: Network, job: ScoreJob): Promise<{ kind: OutputKind; scores: ImageScores }> {
    const { preprocess, cache, labels, batch, table, kind, width } = this.#setup;
    if (isSource(this.#dataset)) this.#dataset = await openSource(this.#dataset);
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
