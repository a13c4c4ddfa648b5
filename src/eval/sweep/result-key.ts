import { hashOf } from '../../formats/datasets/source.ts';
import { VERSION } from '../../version.ts';
import { usesImages, type WeightOptions } from '../point.ts';
import type { Setup } from '../setup.ts';
import type { PointSettings, ReportCalibration } from '../types.ts';

/** What a finished point holds; entries of the journal that were written in another way are computed again. */
const RESULT_FORMAT = 2;

/** What results of a sweep follow from, but for the settings of a point. */
export interface SweepInputs {
  /** Hashes of the model file, of all that belongs to it, and of the data. */
  readonly sources: readonly string[];
  readonly setup: Pick<Setup, 'count' | 'preprocess' | 'output'>;
  readonly weights: WeightOptions;
  readonly calibration: ReportCalibration | undefined;
}

/** The name of a result in the journal: a hash of all that it follows from, so that equal names mean equal results. */
export function resultKey(inputs: SweepInputs, point: PointSettings | 'float'): string {
  const { sources, setup, weights, calibration } = inputs;
  const isCalibrated = point !== 'float' && usesImages(point, calibration !== undefined);
  return hashOf(
    JSON.stringify([
      ...[VERSION, RESULT_FORMAT, ...sources, setup.count, setup.preprocess ?? null],
      ...[setup.output ?? null, weights.include ?? [], weights.exclude ?? []],
      ...(isCalibrated ? [calibration?.fingerprint, calibration?.seed] : []),
      point,
    ]),
  );
}
