import { BnnqError } from '../errors.ts';
import type { Dataset } from '../formats/datasets/dataset.ts';
import type { Model } from '../ir/graph.ts';
import { Evaluation } from './evaluation.ts';
import type { EvaluateOptions } from './setup.ts';
import type { FloatScores, Preprocess, Scores } from './types.ts';

export interface ScoreOptions extends EvaluateOptions {
  /** The float network to compare with: a path or a model. */
  readonly against?: string | Model;
  readonly onProgress?: (images: number, total: number) => void;
}

/** Scores of a network, and what they were taken on. */
export interface ScoreResult extends Scores {
  readonly dataset: {
    readonly spec: string;
    readonly fingerprint: string;
    readonly labelled: boolean;
    readonly preprocess: Preprocess | null;
  };
  /** Values of the output an image; null where it gives class indices. */
  readonly classes: number | null;
  /** Scores of the network that it was compared with, null without one. */
  readonly float: FloatScores | null;
}

/**
 * Scores a network on a dataset: top-1 and top-5 where there are labels, agreement and divergence where there is a
 * network to compare with. The same bits for any batch, any number of threads and any kernels.
 * @param model path or model, float or discretized
 * @param data spec as for `openDataset`, or a dataset
 * @throws option (neither labels nor a network to compare with), dataset, mismatch, unsupported, interrupted
 */
export async function score(
  model: string | Model,
  data: string | Dataset,
  options: ScoreOptions = {},
): Promise<ScoreResult> {
  const { against } = options;
  const evaluation = await Evaluation.open(
    against === undefined ? [model] : [against, model],
    data,
    options,
    against !== undefined,
  );
  const { setup, dataset, threads } = evaluation;
  if (against === undefined && dataset.labels === undefined) {
    await evaluation.close();
    throw new BnnqError(
      'option',
      `dataset "${dataset.spec}" has no labels: name a float network to compare with (against)`,
    );
  }
  const passes = against === undefined ? 1 : 2;
  const report = (): void => options.onProgress?.(evaluation.imagesDone, passes * setup.count);
  const timer = setInterval(report, 100);
  try {
    // Twice as many parts as threads, so that a slow one does not keep the others waiting for long.
    const shards = threads === 1 ? 1 : 2 * threads;
    const float = against === undefined ? null : await evaluation.pass({ model: 0, table: 'write' }, shards);
    const own = await evaluation.pass(
      { model: passes - 1, table: float === null ? 'none' : 'compare' },
      shards,
    );
    report();
    return {
      ...own.scores,
      dataset: {
        spec: dataset.spec,
        fingerprint: dataset.fingerprint,
        labelled: dataset.labels !== undefined,
        preprocess: setup.preprocess ?? null,
      },
      classes: setup.kind === 'index' ? null : setup.width,
      float: float && withoutComparison(float.scores),
    };
  } finally {
    clearInterval(timer);
    await evaluation.close();
  }
}

/** The scores of the network that others are compared with. */
export function withoutComparison(scores: Scores): FloatScores {
  const { agreement: _, klDivergence: __, logitSnrDb: ___, ...rest } = scores;
  return rest;
}
