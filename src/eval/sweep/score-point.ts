import { existsSync } from 'node:fs';
import type { Evaluation, Pass } from '../evaluation.ts';
import type { Unit } from '../job-queue.ts';
import type { Journal } from '../journal.ts';
import { pointOutcomes } from '../outcomes.ts';
import { type DiscretizedPoint, usesImages, type WeightOptions } from '../point.ts';
import type { EvaluateOptions } from '../setup.ts';
import type { PointSettings, Scores, SweepPoint } from '../types.ts';
import type { CalibratedModels } from './calibrated-models.ts';

/** What all points of a sweep are scored with. */
export interface PointWork {
  readonly evaluation: Evaluation;
  readonly options: WeightOptions & Pick<EvaluateOptions, 'calibration'>;
  readonly folder: CalibratedModels;
  /** Keeps what calibrated points were discretized to. */
  readonly journal: Journal | undefined;
}

/** One of the points that are to be done. */
export interface PointTask {
  readonly settings: PointSettings;
  readonly key: string;
  /** Parts of the images that may be scored at the same time. */
  readonly shards: number;
  readonly unit: Unit;
}

/** Discretizes and scores a point against the float network, whose outputs are there. @throws whatever the network or the data throw */
export async function scorePoint(work: PointWork, task: PointTask): Promise<SweepPoint> {
  const { evaluation, options } = work;
  const { settings, shards, unit } = task;
  if (usesImages(settings, options.calibration !== undefined)) return scoreCalibrated(work, task);
  const point = withGlobs(settings, options);
  const pass = await evaluation.pass({ model: 0, point, table: 'compare' }, shards, unit);
  return { ...settings, ...scoredIn(pass, evaluation), ...pass.discretized! };
}

/**
 * Discretizes with the calibration images, which may take a while, into a packed file that is kept; then scores that file. What
 * an earlier run had discretized is not done again.
 */
async function scoreCalibrated(
  { evaluation, options, folder, journal }: PointWork,
  { settings, key, shards, unit }: PointTask,
): Promise<SweepPoint> {
  const file = folder.fileOf(settings, key);
  const record = `discretized ${key}`;
  let discretized = existsSync(file) ? (journal?.get(record) as DiscretizedPoint | undefined) : undefined;
  if (discretized === undefined) {
    discretized = await evaluation.discretize({ point: withGlobs(settings, options), file }, unit);
    journal?.append(record, discretized);
  }
  const pass = await evaluation.pass({ model: file, table: 'compare' }, shards, unit);
  return { ...settings, ...scoredIn(pass, evaluation), ...discretized };
}

function withGlobs(
  settings: PointSettings,
  { include, exclude }: WeightOptions,
): PointSettings & WeightOptions {
  return { ...settings, ...(include && { include }), ...(exclude && { exclude }) };
}

/** What a pass that compares with the float network tells of a point. */
function scoredIn(
  { scores, runSeconds, parts }: Pass,
  { setup }: Evaluation,
): Scores & Pick<SweepPoint, 'runSeconds' | 'outcomes' | 'flips'> {
  return { ...scores, runSeconds, ...pointOutcomes(parts, setup) };
}

/**
 * Parts that a point's images are shared out in. Points are handed out whole while there are enough for all threads;
 * what is left over at the end is split, so that no thread stands idle.
 */
export function shardsOf(place: number, points: number, threads: number): number {
  const rest = points % threads;
  return place < points - rest ? 1 : Math.floor(threads / rest);
}
