import { BnnqError } from '../../errors.ts';
import type { Dataset } from '../../formats/datasets/dataset.ts';
import { openDataset } from '../../formats/datasets/open-dataset.ts';
import type { Model } from '../../ir/graph.ts';
import { score } from '../score.ts';
import type { EvaluateOptions } from '../setup.ts';
import { allocate, allocateBest } from './allocate.ts';
import type { Allocation, SensitivityTable } from './table.ts';

/** An allocation, and by how many points the whole network was measured to fall. */
export interface MeasuredAllocation extends Allocation {
  readonly drop: number;
}

export interface WithinOptions {
  /** Networks that are measured at most; 8 when absent, which halves the range of sizes seven times. */
  readonly evaluations?: number | undefined;
  /** Called after each measurement. */
  readonly onMeasured?: (measured: MeasuredAllocation, evaluation: number) => void;
}

/** Sizes that are nearer to each other than this share are as good as equal. */
const NEAR = 1.005;

/**
 * The smallest network, by bytes of codes and levels, whose measured drop is at most `maxDrop` points: halves the range of
 * sizes, each time with the allocation of least summed loss. Where even the best allocation drops by more, it is that
 * one, with `met` false.
 * @param measure percentage points that a network made by the allocation loses; see `dropMeter`
 * @throws option
 */
export async function smallestWithin(
  table: SensitivityTable,
  maxDrop: number,
  measure: (allocation: Allocation) => Promise<number>,
  options: WithinOptions = {},
): Promise<MeasuredAllocation> {
  const { evaluations = 8 } = options;
  if (!(maxDrop >= 0)) throw new BnnqError('option', `drop: expected points from 0 on, got ${maxDrop}`);
  if (!Number.isInteger(evaluations) || evaluations < 1)
    throw new BnnqError('option', `evaluations: expected a whole number from 1 on, got ${evaluations}`);
  let count = 0;
  const measured = async (allocation: Allocation): Promise<MeasuredAllocation> => {
    // Rounded to millionths as gates are, so that 90 − 89 is not more than 1.
    const drop = Math.round((await measure(allocation)) * 1e6) / 1e6;
    const result = { ...allocation, drop, met: drop <= maxDrop };
    options.onMeasured?.(result, ++count);
    return result;
  };
  let best = await measured(allocateBest(table));
  if (!best.met) return best;
  let failed = allocate(table, { payloadBytes: 0 }).payloadBytes - 1;
  while (count < evaluations && best.payloadBytes > NEAR * Math.max(1, failed)) {
    const middle = Math.sqrt(Math.max(1, failed) * best.payloadBytes);
    const next = allocate(table, { payloadBytes: Math.max(failed + 1, middle) });
    // Nothing lies between the two.
    if (next.payloadBytes >= best.payloadBytes) break;
    if (next.payloadBytes <= failed) {
      failed = middle;
      continue;
    }
    const result = await measured(next);
    if (result.met) best = result;
    else failed = next.payloadBytes;
  }
  return best;
}

/**
 * Measures how far discretized networks fall: by top-1 where the dataset has labels, else by the share of answers that
 * are no longer those of the float network. The float network is scored once where there are labels.
 * @returns percentage points, the more the worse
 */
export async function dropMeter(
  float: string | Model,
  data: string | Dataset,
  options: EvaluateOptions & { readonly onProgress?: (images: number, total: number) => void } = {},
): Promise<{ readonly by: 'top1' | 'agreement'; measure(model: Model): Promise<number> }> {
  const dataset = typeof data === 'string' ? await openDataset(data) : data;
  if (dataset.labels === undefined)
    return {
      by: 'agreement',
      measure: async (model) =>
        100 - (await score(model, dataset, { ...options, against: float })).agreement!,
    };
  const top1 = (await score(float, dataset, options)).top1!;
  return { by: 'top1', measure: async (model) => top1 - (await score(model, dataset, options)).top1! };
}
