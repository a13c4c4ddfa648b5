import type { Model } from '../../ir/graph.ts';
import { levelTable } from '../../ir/levels.ts';
import { type QuantizedTensor, tableCount } from '../../ir/quantized-tensor.ts';
import { planWeights } from '../../quantizers/plan/plan-weights.ts';
import { readWeight } from '../../quantizers/plan/read-weight.ts';
import { weightValues } from '../../quantizers/weight-values.ts';
import type { WeightOptions } from '../point.ts';
import type { LayerFit, PointSettings } from '../types.ts';
import { rmsOf, type Tables, tablesOf } from './tables.ts';
import type { LayerLevels } from './types.ts';

/** Tables that the median is taken over: its position is then known to a few hundredths of their spread. */
const MAX_TABLES = 256;

/**
 * Levels of a layer that are kept: all up to 5 bits. More would stand closer than a picture's lines, and 100 layers × 64 points of 256
 * levels are 1.6 million numbers.
 */
const MAX_LEVELS = 32;

/** Significant digits of a level. */
const DIGITS = 4;

/**
 * Adds to each layer where its levels lie among the float weights that they stand for. Left out where weights were equalized
 * first: the levels are then those of other weights than the histogram's.
 */
export function withLevels(
  float: Model,
  discretized: Model,
  layers: readonly LayerFit[],
  { include, exclude, repairs = [] }: PointSettings & WeightOptions,
): LayerFit[] {
  if (repairs.includes('equalize')) return [...layers];
  const plan = new Map(planWeights(float, { include, exclude }).chosen.map((one) => [one.name, one]));
  return layers.map((layer) => {
    const planned = plan.get(layer.name);
    const quantized = discretized.graph.initializers.get(layer.name)?.quantized;
    const elements = planned && readWeight(float, planned);
    if (planned === undefined || quantized === undefined || typeof elements !== 'object') return layer;
    const values = weightValues(elements.tensor, layer.name);
    const levels = layerLevels(quantized, tablesOf(values, planned.layout, quantized.granularity));
    return levels === undefined ? layer : { ...layer, levels };
  });
}

/** Undefined where all weights are 0. */
export function layerLevels(
  quantized: Pick<
    QuantizedTensor,
    'rule' | 'bits' | 'params' | 'rows' | 'columns' | 'granularity' | 'groupSize'
  >,
  weights: Tables,
): LayerLevels | undefined {
  const { rule, bits, params } = quantized;
  const tables = tableCount(quantized);
  const width = params.length / tables;
  const looked = Math.min(tables, MAX_TABLES);
  const normalized: Float64Array[] = [];
  for (let i = 0; i < looked; i++) {
    const table = Math.floor((i * tables) / looked);
    const rms = rmsOf(weights.of(table));
    if (rms === 0) continue;
    const levels = levelTable(rule, bits, params.subarray(table * width, (table + 1) * width));
    normalized.push(Float64Array.from(levels, (level) => level / rms).sort());
  }
  if (normalized.length === 0) return undefined;
  const ranks = Array.from({ length: 2 ** bits }, (_, rank) =>
    Number(median(normalized.map((levels) => levels[rank]!)).toPrecision(DIGITS)),
  );
  const different = [...new Set(ranks.map((level) => level + 0))]; // −0 + 0 is 0: two zeros of a rule are one
  return { inRms: spread(different), count: different.length };
}

function spread(levels: readonly number[]): number[] {
  if (levels.length <= MAX_LEVELS) return [...levels];
  const step = (levels.length - 1) / (MAX_LEVELS - 1);
  return Array.from({ length: MAX_LEVELS }, (_, i) => levels[Math.round(i * step)]!);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
}
