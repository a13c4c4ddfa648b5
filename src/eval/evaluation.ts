import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { BnnqError } from '../errors.ts';
import type { Dataset } from '../formats/datasets/dataset.ts';
import { isSource, openDataset, sourceOf } from '../formats/datasets/open-dataset.ts';
import { readModel } from '../formats/read-model.ts';
import type { Model } from '../ir/graph.ts';
import { createKernels } from '../kernels/select.ts';
import {
  type DiscretizeJob,
  Engine,
  type Job,
  type ResultOf,
  type ScoreJob,
  type ScoreJobResult,
} from './engine.ts';
import type { Unit } from './job-queue.ts';
import { type ImageScores, reduceScores } from './metrics.ts';
import { openNetwork } from './network.ts';
import type { DiscretizedPoint } from './point.ts';
import { localRunner, type Runner, WORKER_URL, WorkerPool } from './pool.ts';
import { writePacked } from './save.ts';
import { type EvaluateOptions, prepare, type Setup } from './setup.ts';
import type { Scores } from './types.ts';

/** Scores of one pass over the data. */
export interface Pass {
  readonly scores: Scores;
  /** What they were taken from, in parts in the order of the images. */
  readonly parts: readonly ImageScores[];
  /** See `SweepPoint`. */
  readonly runSeconds: number;
  readonly discretized: DiscretizedPoint | undefined;
}

/** What a runner is started for. */
export interface Opened {
  readonly models: readonly Model[];
  readonly dataset: Dataset;
  readonly setup: Setup;
  /** Paths of the models; one that is only in memory is written to a temporary packed file. */
  files(): Promise<string[]>;
}

/** Starts what the jobs of an evaluation are done by. */
export type StartRunner = (opened: Opened, threads: number) => Runner | Promise<Runner>;

/** Networks and data opened for scoring, and what does it: threads, each of which opens files for itself, if nothing else is said. */
export class Evaluation {
  readonly models: readonly Model[];
  readonly dataset: Dataset;
  readonly setup: Setup;
  readonly #runner: Runner;
  readonly #temporary: string | undefined;
  readonly #abort: () => void;
  readonly #signal: AbortSignal | undefined;

  private constructor(
    models: readonly Model[],
    dataset: Dataset,
    setup: Setup,
    runner: Runner,
    temporary: string | undefined,
    signal: AbortSignal | undefined,
  ) {
    this.models = models;
    this.dataset = dataset;
    this.setup = setup;
    this.#runner = runner;
    this.#temporary = temporary;
    this.#signal = signal;
    this.#abort = () => {
      Atomics.store(new Int32Array(setup.control), 0, 1);
      void runner.close(); // threads are ended at once; the calling thread stops after its batch
    };
    signal?.addEventListener('abort', this.#abort);
  }

  /**
   * @param sources paths or models; the first is the one that others are compared with when `compared`
   * @throws whatever opening them does, and what `prepare` finds wrong
   */
  static async open(
    sources: readonly (string | Model)[],
    data: string | Dataset,
    options: EvaluateOptions,
    compared: boolean,
    start: StartRunner = startRunner,
  ): Promise<Evaluation> {
    const threads = options.threads ?? availableParallelism();
    if (!Number.isInteger(threads) || threads < 1)
      throw new BnnqError('option', `threads: expected a whole number from 1 on, got ${threads}`);
    const models = await Promise.all(
      sources.map((source) => (typeof source === 'string' ? readModel(source) : source)),
    );
    const dataset = typeof data === 'string' ? await openDataset(data) : data;
    const setup = await prepareWith(models[0]!, dataset, options, compared);
    let temporary: string | undefined;
    const files = async (): Promise<string[]> => {
      if (sources.some((source) => typeof source !== 'string'))
        temporary ??= mkdtempSync(join(tmpdir(), 'bnn-quantize-'));
      return filesOf(sources, temporary);
    };
    try {
      const runner = await start({ models, dataset, setup, files }, threads);
      return new Evaluation(models, dataset, setup, runner, temporary, options.signal);
    } catch (thrown) {
      remove(temporary);
      throw thrown;
    }
  }

  get threads(): number {
    return this.#runner.threads;
  }

  /** Images that all passes together have done. */
  get imagesDone(): number {
    return Atomics.load(new Int32Array(this.setup.control), 1);
  }

  /**
   * One pass over the data, in `shards` parts that may run at the same time. The scores are the same bits for any number
   * of them. @param unit what it is a part of; absent: it stands alone. @throws interrupted after an abort
   */
  async pass(job: Omit<ScoreJob, 'from' | 'to'>, shards: number, unit?: Unit): Promise<Pass> {
    this.#checkSignal();
    const { count } = this.setup;
    const most = this.#runner.largestShard ?? count;
    const parts = Math.max(1, Math.min(Math.max(shards, Math.ceil(count / most)), count));
    const bounds = Array.from({ length: parts + 1 }, (_, i) => Math.floor((i * count) / parts));
    const jobs = Array.from({ length: parts }, (_, i) => ({ ...job, from: bounds[i]!, to: bounds[i + 1]! }));
    const together = unit ?? { begun: false };
    let results: ScoreJobResult[];
    try {
      results = await Promise.all(jobs.map((part) => this.#runner.run(part, together)));
    } catch (thrown) {
      this.#checkSignal();
      throw thrown;
    }
    const byImage = results.map((result) => result.scores);
    const scores = reduceScores(byImage, results[0]!.kind);
    const seconds = results.reduce((sum, result) => sum + result.seconds, 0);
    const runSeconds = results.reduce((sum, result) => sum + result.runSeconds, 0);
    return {
      scores: { ...scores, seconds },
      runSeconds,
      parts: byImage,
      discretized: results[0]!.discretized,
    };
  }

  /** One job as it is, for who shares out the work elsewhere. */
  run<J extends Job>(job: J): Promise<ResultOf<J>> {
    return this.#runner.run(job);
  }

  /** To be called when the results of a unit are kept. */
  kept(unit: Unit): void {
    this.#runner.kept?.(unit);
  }

  /** Discretizes the first model with the calibration images and writes it to a packed file. @throws interrupted after an abort */
  async discretize(job: Omit<DiscretizeJob, 'model'>, unit?: Unit): Promise<DiscretizedPoint> {
    this.#checkSignal();
    try {
      return await this.#runner.run({ ...job, model: 0 }, unit);
    } catch (thrown) {
      this.#checkSignal();
      throw thrown;
    }
  }

  /** Finishes the units of work that have begun; the others fail with `interrupted`. */
  finish(): void {
    this.#runner.finish();
  }

  #checkSignal(): void {
    if (this.#signal?.aborted) throw new BnnqError('interrupted', 'interrupted');
  }

  async close(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#abort);
    Atomics.store(new Int32Array(this.setup.control), 0, 1); // what is still waiting is not wanted any more
    await this.#runner.close();
    remove(this.#temporary);
  }
}

/** Worker threads, or the calling thread where one is enough or data is only in its memory. */
function startRunner(opened: Opened, threads: number): Runner | Promise<Runner> {
  const { dataset, setup } = opened;
  const calibration = setup.calibration?.data;
  const isShared =
    sourceOf(dataset) !== undefined &&
    (calibration === undefined || isSource(calibration) || sourceOf(calibration) !== undefined);
  if (threads === 1 || WORKER_URL === undefined || !isShared)
    return localRunner(new Engine(opened.models, dataset, setup));
  return startThreads(opened, threads);
}

/** Worker threads. Data must be such that they can open it. */
export async function startThreads({ dataset, setup, files }: Opened, threads: number): Promise<Runner> {
  // A dataset object cannot be posted to a worker, what it was opened from can.
  const source = setup.calibration;
  const posted: Setup =
    source === undefined || isSource(source.data)
      ? setup
      : { ...setup, calibration: { ...source, data: sourceOf(source.data)! } };
  const start = { models: await files(), dataset: sourceOf(dataset)!, setup: posted };
  return new WorkerPool(WORKER_URL!, start, threads);
}

/** Paths of the models; those that are only in memory are written to the folder. */
function filesOf(sources: readonly (string | Model)[], folder: string | undefined): Promise<string[]> {
  return Promise.all(
    sources.map(async (source, i) => {
      if (typeof source === 'string') return source;
      const path = join(folder!, `${i}.bnnq`);
      await writePacked(source, path);
      return path;
    }),
  );
}

function remove(folder: string | undefined): void {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
}

async function prepareWith(
  model: Model,
  dataset: Dataset,
  options: EvaluateOptions,
  compared: boolean,
): Promise<Setup> {
  const kernels = createKernels(options.kernels);
  try {
    const network = openNetwork(model, kernels, options.output);
    const setup = await prepare(network, dataset, options, compared);
    network.dispose();
    return setup;
  } finally {
    kernels.dispose();
  }
}
