import { existsSync } from 'node:fs';
import { arch, availableParallelism, cpus, platform } from 'node:os';
import { join } from 'node:path';
import { BnnqError, type ErrorCode, messageOf } from '../errors.ts';
import { contentFingerprint } from '../formats/datasets/content-fingerprint.ts';
import type { Dataset } from '../formats/datasets/dataset.ts';
import { hashOf } from '../formats/datasets/source.ts';
import type { Model } from '../ir/graph.ts';
import { VERSION } from '../version.ts';
import { CalibratedModels } from './calibrated-models.ts';
import { openBatches } from './calibration/batches.ts';
import { contentHash } from './content-hash.ts';
import { pointCosts } from './cost/discretized-cost.ts';
import { describeModel } from './describe-model.ts';
import { settingsProblems } from './discretize-model.ts';
import { Evaluation, type Pass, type StartRunner } from './evaluation.ts';
import type { Unit } from './job-queue.ts';
import { JOURNAL_NAME, Journal } from './journal.ts';
import { classNamesOf, floatOutcomes, pointOutcomes } from './outcomes.ts';
import { type DiscretizedPoint, settingsOf, usesImages, type WeightOptions } from './point.ts';
import { type PointRange, pointsOf } from './points.ts';
import type { SubmitOptions } from './queue/options.ts';
import { QueueRunner } from './queue/queue-runner.ts';
import { withoutComparison } from './score.ts';
import type { EvaluateOptions, Setup } from './setup.ts';
import type {
  CostSummary,
  FailedPoint,
  FloatScores,
  MeasuredSensitivity,
  PointSettings,
  Report,
  ReportCalibration,
  Scores,
  SweepPoint,
} from './types.ts';
import { weightHistograms } from './weights/histograms.ts';

/** What a finished point holds; entries of the journal that were written in another way are computed again. */
const RESULT_FORMAT = 2;

export interface SweepOptions extends EvaluateOptions, PointRange, WeightOptions {
  /** Folder that keeps finished points (`points.jsonl`); a sweep with the same inputs goes on from there. */
  readonly out?: string;
  /** When it aborts, the points in work are finished and kept and no others are begun; `signal` stops at once. */
  readonly finish?: AbortSignal;
  /** Workers of a queue do the points; absent: threads of this process. The report is the same but for times. */
  readonly queue?: SubmitOptions;
  /** For the report: the command line that asked for it. */
  readonly command?: readonly string[];
  /** For the report: losses of single layers of the same model. */
  readonly sensitivity?: MeasuredSensitivity;
}

export interface SweepProgress {
  readonly images: number;
  readonly totalImages: number;
  readonly points: number;
  readonly totalPoints: number;
  /** Points that an earlier run had finished; counted in `points`. */
  readonly resumed: number;
  /** All that is finished, those of an earlier run too. */
  readonly results: readonly SweepPoint[];
  /** Absent until it is known. */
  readonly float?: FloatScores;
  /** The point that has just been finished, when that is the news. */
  readonly finished?: SweepPoint;
}

/**
 * Tries every combination of schemes, widths and granularities on a network and scores each against the float network.
 * Points run side by side on worker threads; each is kept in `out` as soon as it is there. A point that fails is listed
 * in the report's `failures` and the others go on.
 * @param source path of the float model, or the model
 * @param data spec as for `openDataset`, or a dataset; labels are optional
 * @throws option, dataset, mismatch, unsupported; interrupted, with what is finished kept; the first failure when no point succeeds
 */
export async function sweep(
  source: string | Model,
  data: string | Dataset,
  options: SweepOptions,
  onProgress?: (progress: SweepProgress) => void,
): Promise<Report> {
  const { points: wanted, left } = pointsOf(options);
  const hasImages = options.calibration !== undefined;
  checkPoints(wanted, hasImages);
  for (const note of left) options.onNote?.(`left out: ${note}`);
  const evaluation = await Evaluation.open([source], data, options, true, runnerOf(options));
  const { setup, dataset } = evaluation;
  const model = evaluation.models[0]!;
  const finish = (): void => evaluation.finish();
  if (options.finish?.aborted) finish();
  options.finish?.addEventListener('abort', finish);
  let journal: Journal | undefined;
  let models: CalibratedModels | undefined;
  try {
    const description = describeModel(model, options);
    // Only now, so that a sweep that cannot begin leaves no folder behind.
    if (options.out !== undefined) journal = new Journal(join(options.out, JOURNAL_NAME));
    const fingerprint = await contentFingerprint(dataset, { limit: setup.count });
    const calibration = await describeCalibration(model, options, setup, wanted);
    const sources = [description.sha256, contentHash(model), fingerprint];
    const base = [VERSION, RESULT_FORMAT, ...sources, setup.count, setup.preprocess ?? null];
    const given = [setup.output ?? null, options.include ?? [], options.exclude ?? []];
    const keyOf = (point: PointSettings | 'float'): string => {
      const images =
        point !== 'float' && usesImages(point, hasImages)
          ? [calibration?.fingerprint, calibration?.seed]
          : [];
      return hashOf(JSON.stringify([...base, ...given, ...images, point]));
    };
    const folder = new CalibratedModels(options.out);
    models = folder;
    const results = wanted.map((point) => journal?.get(keyOf(point)) as SweepPoint | undefined);
    const resumed = results.filter((point) => point !== undefined).length;
    const missing = wanted.flatMap((point, i) => (results[i] === undefined ? [{ point, i }] : []));
    const failed = new Map<number, FailedPoint>();

    // Calibrating counts as one more pass over the images.
    const passes = missing.length + missing.filter(({ point }) => usesImages(point, hasImages)).length;
    const totalImages = (passes + (missing.length > 0 ? 1 : 0)) * setup.count;
    let float = journal?.get(keyOf('float')) as FloatScores | undefined;
    const progress = (finished?: SweepPoint): void => {
      const there = results.filter((point) => point !== undefined);
      onProgress?.({
        images: Math.min(totalImages, evaluation.imagesDone),
        totalImages,
        points: there.length + failed.size,
        totalPoints: wanted.length,
        resumed,
        results: there,
        ...(float && { float }),
        ...(finished && { finished }),
      });
    };
    progress();
    const timer = setInterval(progress, 100);
    try {
      if (missing.length > 0 || float === undefined) {
        const pass = await evaluation.pass({ model: 0, table: 'write' }, 2 * evaluation.threads);
        if (float === undefined) {
          const { scores, runSeconds, parts } = pass;
          float = { ...withoutComparison(scores), runSeconds, ...floatOutcomes(parts, setup) };
          journal?.append(keyOf('float'), float);
        }
      }
      // Not Promise.all: when one is interrupted, those that had begun are still finished and kept.
      const ends = await Promise.allSettled(
        missing.map(async ({ point, i }, place) => {
          try {
            const unit: Unit = { begun: false };
            const shards = shardsOf(place, missing.length, evaluation.threads);
            const result = usesImages(point, hasImages)
              ? await scoreCalibrated(evaluation, point, options, shards, unit, folder, keyOf(point), journal)
              : await scorePoint(evaluation, point, options, shards, unit);
            journal?.append(keyOf(point), result);
            evaluation.kept(unit);
            results[i] = result;
            progress(result);
          } catch (thrown) {
            if (codeOf(thrown) === 'io') await evaluation.close(); // what others would give could not be kept either
            if (codeOf(thrown) === 'io' || codeOf(thrown) === 'interrupted') throw thrown;
            failed.set(i, { ...point, message: messageOf(thrown) });
          }
        }),
      );
      throwWorst(ends);
      const costOf = pointCosts(model, options);
      const points = results.flatMap((point) =>
        point === undefined ? [] : [withCost(point, costOf(point))],
      );
      const failures = wanted.flatMap((_, i) => failed.get(i) ?? []);
      if (points.length === 0) throw allFailed(failures);
      return {
        schema: 'bnn-quantize/report@1',
        tool: { name: 'bnn-quantize', version: VERSION },
        command: options.command ?? null,
        created: new Date().toISOString(),
        machine: {
          cpu: cpus()[0]?.model.trim() ?? 'unknown',
          cores: availableParallelism(),
          platform: `${platform()} ${arch()}`,
          node: process.version,
        },
        model: description,
        dataset: {
          spec: dataset.spec,
          count: setup.count,
          fingerprint,
          labelled: dataset.labels !== undefined,
          classes: setup.kind === 'index' ? null : setup.width,
          ...classNamesOf(dataset, setup),
          preprocess: setup.preprocess ?? null,
        },
        ...(calibration && { calibration }),
        weights: weightHistograms(model, options, wanted),
        ...(options.sensitivity && { sensitivity: options.sensitivity }),
        float: withCost(float, costOf({ layers: [] })),
        points,
        ...(failures.length > 0 && { failures }),
      };
    } catch (thrown) {
      if (codeOf(thrown) === 'interrupted') throw interrupted(journal, results, wanted.length);
      throw thrown;
    } finally {
      clearInterval(timer);
    }
  } finally {
    options.finish?.removeEventListener('abort', finish);
    journal?.close();
    await evaluation.close();
    models?.dispose();
  }
}

function runnerOf({ queue, onNote, signal, finish }: SweepOptions): StartRunner | undefined {
  if (queue === undefined) return undefined;
  const isStopped = (): boolean => signal?.aborted === true || finish?.aborted === true;
  return (opened) => QueueRunner.open(opened, queue, { isStopped, onNote });
}

function codeOf(thrown: unknown): ErrorCode | undefined {
  return thrown instanceof BnnqError ? thrown.code : undefined;
}

/** What ended the sweep, if anything did: a failure, or else that it was interrupted. */
function throwWorst(ends: readonly PromiseSettledResult<void>[]): void {
  const reasons = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []));
  if (reasons.length > 0) throw reasons.find((reason) => codeOf(reason) !== 'interrupted') ?? reasons[0];
}

function withCost<T extends object>(scored: T, cost: CostSummary | undefined): T {
  return { ...scored, ...(cost && { cost }) };
}

/** @throws option with what points need and do not have */
function checkPoints(points: readonly PointSettings[], hasImages: boolean): void {
  const problems = points.flatMap((point) => settingsProblems(settingsOf(point), hasImages));
  if (problems.length > 0) throw new BnnqError('option', [...new Set(problems)].join('; '));
}

/** The calibration images that points need; undefined where none does. */
async function describeCalibration(
  model: Model,
  { calibration }: EvaluateOptions,
  { preprocess, output }: Setup,
  points: readonly PointSettings[],
): Promise<ReportCalibration | undefined> {
  if (calibration === undefined || !points.some((point) => usesImages(point, true))) return undefined;
  const { samples, data, seed = 0 } = calibration;
  const { spec, count, fingerprint } = await openBatches(model, data, { preprocess, samples, output });
  return { spec, count, fingerprint, seed };
}

/**
 * Parts that a point's images are shared out in. Points are handed out whole while there are enough for all threads;
 * what is left over at the end is split, so that no thread stands idle.
 */
export function shardsOf(place: number, points: number, threads: number): number {
  const rest = points % threads;
  return place < points - rest ? 1 : Math.floor(threads / rest);
}

async function scorePoint(
  evaluation: Evaluation,
  settings: PointSettings,
  { include, exclude }: WeightOptions,
  shards: number,
  unit: Unit,
): Promise<SweepPoint> {
  const point = { ...settings, ...(include && { include }), ...(exclude && { exclude }) };
  const pass = await evaluation.pass({ model: 0, point, table: 'compare' }, shards, unit);
  return { ...settings, ...scoredIn(pass, evaluation), ...pass.discretized! };
}

/**
 * Discretizes with the calibration images, which may take a while, into a packed file that is kept; then scores that file. What
 * an earlier run had discretized is not done again.
 */
async function scoreCalibrated(
  evaluation: Evaluation,
  settings: PointSettings,
  { include, exclude }: WeightOptions,
  shards: number,
  unit: Unit,
  folder: CalibratedModels,
  key: string,
  journal: Journal | undefined,
): Promise<SweepPoint> {
  const point = { ...settings, ...(include && { include }), ...(exclude && { exclude }) };
  const file = folder.fileOf(settings, key);
  const record = `discretized ${key}`;
  let discretized = existsSync(file) ? (journal?.get(record) as DiscretizedPoint | undefined) : undefined;
  if (discretized === undefined) {
    discretized = await evaluation.discretize({ point, file }, unit);
    journal?.append(record, discretized);
  }
  const pass = await evaluation.pass({ model: file, table: 'compare' }, shards, unit);
  return { ...settings, ...scoredIn(pass, evaluation), ...discretized };
}

/** What a pass that compares with the float network tells of a point. */
function scoredIn(
  { scores, runSeconds, parts }: Pass,
  { setup }: Evaluation,
): Scores & Pick<SweepPoint, 'runSeconds' | 'outcomes' | 'flips'> {
  return { ...scores, runSeconds, ...pointOutcomes(parts, setup) };
}

function allFailed(failures: readonly FailedPoint[]): BnnqError {
  const messages = [...new Set(failures.map(({ message }) => message))];
  return new BnnqError(
    'unsupported',
    `none of the ${failures.length} points could be scored: ${messages.slice(0, 5).join('; ')}`,
  );
}

function interrupted(
  journal: Journal | undefined,
  results: readonly (SweepPoint | undefined)[],
  total: number,
): BnnqError {
  const done = results.filter((point) => point !== undefined).length;
  const kept =
    journal === undefined
      ? 'nothing is kept without an output folder'
      : `kept in "${journal.path}", the same sweep goes on from there`;
  return new BnnqError('interrupted', `interrupted: ${done} of ${total} points are finished, ${kept}`);
}
