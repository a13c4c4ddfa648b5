import { join } from 'node:path';
import { BnnqError, type ErrorCode, messageOf } from '../../errors.ts';
import { contentFingerprint } from '../../formats/datasets/content-fingerprint.ts';
import type { Dataset } from '../../formats/datasets/dataset.ts';
import type { Model } from '../../ir/graph.ts';
import { openBatches } from '../calibration/batches.ts';
import { contentHash } from '../content-hash.ts';
import { describeModel } from '../describe-model.ts';
import { settingsProblems } from '../discretize-model.ts';
import { Evaluation, type StartRunner } from '../evaluation.ts';
import type { Unit } from '../job-queue.ts';
import { JOURNAL_NAME, Journal } from '../journal.ts';
import { floatOutcomes } from '../outcomes.ts';
import { settingsOf, usesImages } from '../point.ts';
import { type PointRange, pointsOf } from '../points.ts';
import type { SubmitOptions } from '../queue/options.ts';
import { QueueRunner } from '../queue/queue-runner.ts';
import { withoutComparison } from '../score.ts';
import type { EvaluateOptions, Setup } from '../setup.ts';
import type {
  FailedPoint,
  FloatScores,
  PointSettings,
  Report,
  ReportCalibration,
  SweepPoint,
} from '../types.ts';
import { CalibratedModels } from './calibrated-models.ts';
import { resultKey } from './result-key.ts';
import { scorePoint, shardsOf } from './score-point.ts';
import { type ReportOptions, sweepReport } from './sweep-report.ts';

export interface SweepOptions extends EvaluateOptions, PointRange, ReportOptions {
  /** Folder that keeps finished points (`points.jsonl`); a sweep with the same inputs goes on from there. */
  readonly out?: string;
  /** When it aborts, the points in work are finished and kept and no others are begun; `signal` stops at once. */
  readonly finish?: AbortSignal;
  /** Workers of a queue do the points; absent: threads of this process. The report is the same but for times. */
  readonly queue?: SubmitOptions;
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
    const inputs = { sources, setup, weights: options, calibration };
    const keyOf = (point: PointSettings | 'float'): string => resultKey(inputs, point);
    const folder = new CalibratedModels(options.out);
    models = folder;
    const work = { evaluation, options, folder, journal };
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
            const result = await scorePoint(work, { settings: point, key: keyOf(point), shards, unit });
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
      const points = results.filter((point) => point !== undefined);
      const failures = wanted.flatMap((_, i) => failed.get(i) ?? []);
      if (points.length === 0) throw allFailed(failures);
      const about = { model, description, dataset, setup, fingerprint, calibration };
      return sweepReport({ ...about, wanted, float, points, failures }, options);
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
