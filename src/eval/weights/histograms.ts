import { BnnqError } from '../../errors.ts';
import type { Model } from '../../ir/graph.ts';
import type { Granularity } from '../../ir/quantized-tensor.ts';
import { planWeights } from '../../quantizers/plan/plan-weights.ts';
import { readWeight } from '../../quantizers/plan/read-weight.ts';
import { weightValues } from '../../quantizers/weight-values.ts';
import type { WeightOptions } from '../point.ts';
import { rmsOf, type Tables, tablesOf } from './tables.ts';
import type { LayerHistograms, WeightHistogram } from './types.ts';

/**
 * The range in units of RMS: of normally distributed weights 1 in 1.7 million lies beyond ±5. An eighth of a RMS a bin is
 * narrower than the steps of 4-bit levels (a third), and 80 numbers a layer keep a report of 100 layers small.
 */
const REACH = 5;
const BINS_A_UNIT = 8;

/** How the weights that a sweep discretizes are distributed, for the granularities of its points. One layer at a time is in memory. */
export function weightHistograms(
  model: Model,
  { include, exclude }: WeightOptions,
  points: readonly { readonly granularity: string }[],
): LayerHistograms[] {
  const granularities = [...new Set(points.map(({ granularity }) => granularity as Granularity))];
  return planWeights(model, { include, exclude }).chosen.flatMap((planned) => {
    const elements = readWeight(model, planned);
    if (typeof elements === 'string') return [];
    let values: Float32Array;
    try {
      values = weightValues(elements.tensor, planned.name);
    } catch (thrown) {
      // Not a number: no point can discretize it, and each says so.
      if (thrown instanceof BnnqError && thrown.code === 'weight') return [];
      throw thrown;
    }
    const histograms = granularities.map(
      (granularity) => [granularity, histogramOf(tablesOf(values, planned.layout, granularity))] as const,
    );
    return [
      {
        name: planned.name,
        count: planned.count,
        rms: rmsOf(values),
        histograms: Object.fromEntries(histograms),
      },
    ];
  });
}

/** Weights of all tables, each ÷ RMS of its table. */
export function histogramOf(tables: Tables): WeightHistogram {
  const counts = new Array<number>(2 * REACH * BINS_A_UNIT).fill(0);
  let [below, above] = [0, 0];
  for (let table = 0; table < tables.count; table++) {
    const part = tables.of(table);
    const rms = rmsOf(part);
    if (rms === 0) continue;
    for (const value of part) {
      const bin = Math.floor((value / rms + REACH) * BINS_A_UNIT);
      if (bin < 0) below++;
      else if (bin >= counts.length) above++;
      else counts[bin]!++;
    }
  }
  return { from: -REACH, to: REACH, counts, below, above };
}
