import { contentFingerprint, openDataset, readModel, type ScoreResult } from '../../src/index.ts';
import { type ModelOptions, openModel } from '../model-options.ts';
import { keyOf, modelIdentity, Records } from './records.ts';

interface ScoreInputs extends ModelOptions {
  readonly data: string;
  readonly against?: string;
  readonly limit?: number;
  readonly cache?: string | false;
}

/**
 * A score that was computed before from the same bytes, or one that is computed and kept. Only in a folder that was named: who scores twice
 * without one may want to see that the numbers are the same.
 */
export async function recordedScore(
  path: string,
  options: ScoreInputs,
  compute: () => Promise<ScoreResult>,
  onKnown: () => void,
): Promise<ScoreResult> {
  const { cache, data, against, limit } = options;
  if (typeof cache !== 'string') return compute();
  const dataset = await openDataset(data);
  const inputs = {
    model: modelIdentity(await openModel(path, options)),
    against: against === undefined ? null : modelIdentity(await readModel(against)),
    data: await contentFingerprint(dataset, { limit }),
  };
  const key = keyOf('score', inputs, { ...options, against: undefined });
  const records = new Records(cache);
  const known = records.find<ScoreResult>(key);
  if (known !== undefined) {
    onKnown();
    return known;
  }
  const result = await compute();
  records.keep(key, [], result);
  return result;
}
