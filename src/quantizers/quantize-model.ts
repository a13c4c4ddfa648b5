import { BnnqError, throwIfAny } from '../errors.ts';
import type { Initializer, Model } from '../ir/graph.ts';
import { quantizedInitializer } from '../ir/quantized-initializer.ts';
import {
  type Granularity,
  payloadBytes,
  type QuantizedTensor,
  type RowLayout,
} from '../ir/quantized-tensor.ts';
import { withConstants } from '../ir/with-constants.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type QuantizeOptions, type QuantizeSettings, resolveOptions } from './options.ts';
import { isKept, lowBitOf, staysInSource } from './plan/low-bit-weights.ts';
import { type PlannedWeight, type PlanOptions, planWeights } from './plan/plan-weights.ts';
import { readWeight } from './plan/read-weight.ts';
import type { SkippedWeight } from './plan/weight-uses.ts';
import { quantizeWeight, type WeightFit } from './quantize-weight.ts';

/** How one weight came out. */
export interface LayerReport {
  /** Of the value that the codes stand for; see PlannedWeight. */
  readonly name: string;
  /** The initializer that it comes from. */
  readonly source: string;
  readonly node: string;
  readonly opType: string;
  readonly scheme: string;
  readonly bits: number;
  readonly granularity: Granularity;
  /** Whether its values were of few bits already: then they are kept as they are, whatever was asked for. */
  readonly kept: boolean;
  readonly rows: number;
  readonly columns: number;
  /** Number of weights. */
  readonly count: number;
  /** ρ over the whole weight; see WeightFit. */
  readonly correlation: number;
  readonly mse: number;
  /** Σ w², and Σ ŵ² of the discretized weights. */
  readonly energy: number;
  readonly power: number;
  /** Decibels; Infinity where nothing was lost. */
  readonly snrDb: number;
  /** Bytes of the weight in the source, and of its codes and level parameters. */
  readonly sourceBytes: number;
  readonly codeBytes: number;
  readonly levelBytes: number;
}

export type ModelSettings = QuantizeSettings &
  PlanOptions & {
    /** Settings that differ for some weights, by the name of the initializer. */
    readonly perLayer?: ReadonlyMap<string, Partial<QuantizeSettings>> | undefined;
    /** Takes each discretized weight and gives the one to go on with, such as one whose codes are on disk. */
    readonly keep?: ((quantized: QuantizedTensor) => QuantizedTensor) | undefined;
  };

/** Called after every weight. */
export type OnProgress = (progress: {
  readonly layer: LayerReport;
  /** Weights (elements) done, and all. */
  readonly done: number;
  readonly total: number;
}) => void;

export interface QuantizedModel {
  readonly model: Model;
  readonly layers: readonly LayerReport[];
  readonly skipped: readonly SkippedWeight[];
}

/**
 * Discretizes the weights of a model, one after the other: each is read, encoded and dropped, so that besides the codes
 * only one is in memory at a time. Weights that are of few bits already keep their values (see `isKept`). The model
 * itself is not changed.
 * @throws option with everything wrong with settings and patterns; weight with every weight that has NaN or infinities
 */
export function quantizeModel(
  model: Model,
  settings: ModelSettings,
  onProgress?: OnProgress,
): QuantizedModel {
  const { include, exclude, perLayer, keep = (quantized) => quantized, ...common } = settings;
  resolveOptions(common);
  const { chosen, skipped } = planWeights(model, { include, exclude });
  const options = optionsByLayer(chosen, common, perLayer ?? new Map());
  const total = chosen.reduce((sum, { count }) => sum + count, 0);
  const replaced = new Map<string, Initializer>();
  const layers: LayerReport[] = [];
  const left: SkippedWeight[] = [];
  const problems: BnnqError[] = [];
  let done = 0;
  for (const planned of chosen) {
    try {
      const found = encodeWeight(model, planned, options.get(planned.name)!);
      if (typeof found === 'string') left.push({ name: planned.name, reason: found });
      else {
        replaced.set(planned.name, quantizedInitializer(planned.name, keep(found.quantized)));
        layers.push(reportOf(planned, found));
      }
    } catch (thrown) {
      if (!(thrown instanceof BnnqError) || thrown.code !== 'weight') throw thrown;
      problems.push(thrown);
      continue;
    }
    done += planned.count;
    const layer = layers.at(-1);
    if (layer?.name === planned.name) onProgress?.({ layer, done, total });
  }
  throwIfAny(problems);
  return { model: withConstants(model, replaced), layers, skipped: [...left, ...skipped] };
}

/** A discretized weight; `kept` where its values were of few bits already. */
export type EncodedWeight = WeightFit & { readonly kept: boolean };

/** How a float weight becomes codes: `quantizeWeight`, or what takes its place. */
export type DiscretizeWeight = (
  weight: Tensor,
  layout: RowLayout,
  options: QuantizeOptions,
  name: string,
) => WeightFit;

/** The codes of one weight; or why it is left as it is. @throws weight for NaN and infinities */
export function encodeWeight(
  model: Model,
  planned: PlannedWeight,
  options: QuantizeOptions,
  discretize: DiscretizeWeight = quantizeWeight,
): EncodedWeight | string {
  const found = floatOf(model, planned, options.bits);
  if (typeof found === 'string' || 'kept' in found) return found;
  return { ...discretize(found, planned.layout, options, planned.name), kept: false };
}

/** Names of the weights that discretizing changes: not those that stay as they are, or are of few bits already. */
export function changedWeights(
  model: Model,
  { include, exclude, perLayer, ...common }: ModelSettings,
): ReadonlySet<string> {
  const { chosen } = planWeights(model, { include, exclude });
  const options = optionsByLayer(chosen, common, perLayer ?? new Map());
  const changes = (planned: PlannedWeight): boolean => {
    const found = floatOf(model, planned, options.get(planned.name)!.bits);
    return typeof found !== 'string' && !('kept' in found);
  };
  return new Set(chosen.filter(changes).map(({ name }) => name));
}

/** The elements of a weight that is to be discretized; its codes where it has few bits already; or why it is left as it is. */
function floatOf(model: Model, planned: PlannedWeight, bits: number): Tensor | EncodedWeight | string {
  const elements = readWeight(model, planned);
  if (typeof elements === 'string') return elements;
  const found = lowBitOf(planned, elements);
  if (found !== undefined && isKept(planned, found.quantized.bits, bits)) return { ...found, kept: true };
  return (found === undefined ? staysInSource(planned, bits) : undefined) ?? elements.tensor;
}

/** What is told of a weight. */
export function reportOf(planned: PlannedWeight, { quantized, kept, ...fit }: EncodedWeight): LayerReport {
  const { name, source, node, opType, rows, columns, count, chain } = planned;
  const { scheme, bits, granularity } = quantized;
  const bytes = payloadBytes(quantized);
  return {
    ...{ name, source, node, opType, scheme, bits, granularity, kept, rows, columns, count },
    ...fit,
    sourceBytes: chain.initializer.byteLength,
    codeBytes: bytes.codes,
    levelBytes: bytes.levels,
  };
}

/** The options of each chosen weight, by name. @throws option for settings of weights that are not chosen, and for bad ones */
export function optionsByLayer(
  chosen: readonly PlannedWeight[],
  common: QuantizeSettings,
  perLayer: ReadonlyMap<string, Partial<QuantizeSettings>>,
): Map<string, QuantizeOptions> {
  const problems: BnnqError[] = [];
  const names = new Set(chosen.map(({ name }) => name));
  for (const name of perLayer.keys())
    if (!names.has(name))
      problems.push(
        new BnnqError('option', `settings for "${name}", which is not a weight that is discretized`),
      );
  const options = new Map<string, QuantizeOptions>();
  for (const name of names)
    try {
      options.set(name, resolveOptions({ ...common, ...perLayer.get(name) }));
    } catch (thrown) {
      if (!(thrown instanceof BnnqError)) throw thrown;
      problems.push(new BnnqError(thrown.code, `"${name}": ${thrown.message}`, { tensor: name }, thrown));
    }
  throwIfAny(problems);
  return options;
}
