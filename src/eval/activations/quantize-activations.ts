import { BnnqError, throwIfAny } from '../../errors.ts';
import type { Dataset } from '../../formats/datasets/dataset.ts';
import type { Model } from '../../ir/graph.ts';
import { nodeName } from '../../ir/print.ts';
import { activationBits } from '../../passes/activation-bits.ts';
import {
  type ActivationQuant,
  type ActivationRule,
  insertActivationQuant,
} from '../../passes/insert-activation-quant.ts';
import type { ChannelSamples } from '../../quantizers/activations/channel-samples.ts';
import type { Histogram } from '../../quantizers/activations/histogram.ts';
import {
  type LayerInput,
  type LayerOperand,
  layerInputs,
  type SkippedInput,
} from '../../quantizers/activations/layer-inputs.ts';
import {
  ACTIVATION_RANGES,
  type ActivationRange,
  DEFAULT_PERCENTILE,
  DEFAULT_RANGE,
  fitUniform,
  rangeConflict,
} from '../../quantizers/activations/range.ts';
import { fitThreshold } from '../../quantizers/activations/threshold.ts';
import type { PlanOptions } from '../../quantizers/plan/plan-weights.ts';
import { type CalibrationBatches, openBatches } from '../calibration/batches.ts';
import type { Preprocess } from '../types.ts';
import { type ActivationHooks, collectActivations, type Wanted } from './collect.ts';
import { roundByRunRange } from './dynamic-ranges.ts';

/** Images to find ranges and thresholds with; labels are never looked at. */
export interface ActivationData {
  readonly dataset: string | Dataset;
  /** As for scoring. */
  readonly preprocess?: string | Preprocess | undefined;
  /** Images at most, evenly over the dataset; all when absent. */
  readonly count?: number | undefined;
  /** Images a batch, where the network leaves that open. */
  readonly batch?: number | undefined;
  /** Output of the network, where it has several. */
  readonly output?: string | undefined;
}

export interface ActivationOptions extends PlanOptions {
  /** 1 to 8. */
  readonly bits: number;
  /** Of what is fed to layers with no other layer before them: pictures have 8 bits. max(8, bits) when absent. */
  readonly firstBits?: number | undefined;
  /** How the range of two bits and more is found; `mse` when absent. One bit has thresholds instead. `dynamic` is for 8 bits. */
  readonly range?: ActivationRange | undefined;
  /** Of range `percentile`: above 50, at most 100; 99.99 when absent. */
  readonly percentile?: number | undefined;
  /** Thresholds of one bit for each channel, or one for all; `channel` when absent. */
  readonly thresholds?: 'channel' | 'tensor' | undefined;
}

/** How one value came out. */
export interface ActivationFit {
  readonly value: string;
  /** The first layer that reads it. */
  readonly node: string;
  readonly bits: number;
  /** The lowest and the highest level; of thresholds those of all channels; null where each run has its own. */
  readonly low: number | null;
  readonly high: number | null;
  readonly kind: ActivationRule['kind'];
  /** Level tables: channels with a threshold of their own, or 1. */
  readonly channels: number;
  /** 10·log10(Σ x² / Σ (x − x̂)²) on the calibration images (thresholds: on a sample), decibels; Infinity where nothing was lost, null without images. */
  readonly snrDb: number | null;
}

export interface QuantizedActivations {
  readonly model: Model;
  /** In the order of the layers. */
  readonly activations: readonly ActivationFit[];
  readonly skipped: readonly SkippedInput[];
}

/**
 * Rounds the inputs of all layers whose weights are, or would be, discretized to few bits, a value once for all layers that
 * read it. From two bits on the levels are equal steps for the whole tensor, 0 among them, so that the padding of
 * convolutions is exact. One bit has a threshold and two levels for each channel, fitted to the channel's values (a
 * feature binarizer); padding is plain zeros there, none of the two levels. What the first layers are fed, pictures mostly,
 * keeps 8 bits at least, as is the custom (`firstBits`). Values that are of that few bits already stay as they are.
 *
 * The ranges are those of the network as it is given. Calibrate the weights afterwards, so that they are fitted to what they see.
 * @param data not needed for range `dynamic`
 * @param options `include` and `exclude` are globs on names of weights, layers and values
 * @throws option with everything wrong with the options; what `openBatches` throws; interrupted; mismatch for values that
 * are NaN or infinite
 */
export async function quantizeActivations(
  model: Model,
  data: ActivationData | CalibrationBatches | undefined,
  options: ActivationOptions,
  hooks: ActivationHooks = {},
): Promise<QuantizedActivations> {
  checkOptions(options);
  if (options.range === 'dynamic') return roundByRunRange(model, options);
  if (data === undefined)
    throw new BnnqError('option', `range ${options.range ?? DEFAULT_RANGE} of activations needs images`);
  const { thresholds = 'channel' } = options;
  const { inputs, skipped, bitsOf } = inputsToRound(model, options);
  if (inputs.length === 0) return { model, activations: [], skipped };

  const batches = 'feed' in data ? data : await openedBatches(model, data);
  const wanted = inputs.map((input): Wanted => {
    const axis = thresholds === 'tensor' ? () => undefined : commonAxis(input.layers);
    return {
      value: input.value,
      statistic: bitsOf(input) === 1 ? 'samples' : 'histogram',
      channelAxis: axis,
    };
  });
  const statistics = await collectActivations(model, batches, wanted, hooks);

  const quants: ActivationQuant[] = [];
  const activations: ActivationFit[] = [];
  for (const [i, input] of inputs.entries()) {
    const { value, layers } = input;
    const { dtype, shape, histogram, samples: sampled } = statistics.get(value)!;
    const fitted =
      (histogram && uniformRule(histogram, bitsOf(input), options)) ??
      (sampled && thresholdRule(sampled, shape.length, wanted[i]!.channelAxis(shape.length)));
    if (fitted === undefined) {
      skipped.push({ value, reason: `its elements are ${dtype}, FLOAT is rounded here` });
      continue;
    }
    const { rule, ...fit } = fitted;
    quants.push({ value, layers, rule });
    activations.push({
      value,
      node: nodeName(layers[0]!.node),
      bits: bitsOf(input),
      kind: rule.kind,
      ...fit,
    });
  }
  return { model: insertActivationQuant(model, quants), activations, skipped };
}

/** The inputs of layers that are not of that few bits yet, and how many they get. @throws as `layerInputs` */
export function inputsToRound(
  model: Model,
  options: Pick<ActivationOptions, 'bits' | 'firstBits'> & PlanOptions,
): { inputs: LayerInput[]; skipped: SkippedInput[]; bitsOf: (input: LayerInput) => number } {
  const { bits, firstBits = Math.max(8, bits) } = options;
  const { chosen, skipped: left } = layerInputs(model, options);
  const skipped = [...left];
  const bitsOf = ({ isFirst }: LayerInput): number => (isFirst ? firstBits : bits);
  const already = activationBits(model);
  const inputs = chosen.filter((input) => {
    const known = already(input.value);
    if (known === undefined || known.bits > bitsOf(input)) return true;
    skipped.push({ value: input.value, reason: `${known.by} gives it few bits already: ${known.bits}` });
    return false;
  });
  return { inputs, skipped, bitsOf };
}

type Fitted = Pick<ActivationFit, 'low' | 'high' | 'channels' | 'snrDb'> & { readonly rule: ActivationRule };

function uniformRule(histogram: Histogram, bits: number, { range, percentile }: ActivationOptions): Fitted {
  const counted = range === undefined || range === 'dynamic' ? DEFAULT_RANGE : range;
  const { low, high, energy, error, ...rule } = fitUniform(histogram, bits, counted, percentile);
  return { rule, low, high, channels: 1, snrDb: decibels(energy, error) };
}

function thresholdRule(samples: ChannelSamples, rank: number, axis: number | undefined): Fitted {
  const { channels } = samples;
  const fits = Array.from({ length: channels }, (_, c) => fitThreshold(samples.of(c)));
  const list = (field: 'threshold' | 'low' | 'high'): Float32Array =>
    Float32Array.from(fits, (fit) => fit[field]);
  const sum = (field: 'energy' | 'error'): number => fits.reduce((total, fit) => total + fit[field], 0);
  const [low, high] = [list('low'), list('high')];
  const shape =
    axis === undefined ? [] : Array.from({ length: rank }, (_, at) => (at === axis ? channels : 1));
  return {
    rule: { kind: 'threshold', thresholds: list('threshold'), low, high, shape },
    low: low.reduce((a, b) => Math.min(a, b)),
    high: high.reduce((a, b) => Math.max(a, b)),
    channels,
    snrDb: decibels(sum('energy'), sum('error')),
  };
}

function decibels(energy: number, error: number): number {
  return error === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(energy / error);
}

/** The axis of the channels on which all layers agree, for a tensor of some rank. */
export function commonAxis(layers: readonly LayerOperand[]): Wanted['channelAxis'] {
  return (rank) => {
    const axes = layers.map(({ channelAxis }) => (channelAxis < 0 ? rank + channelAxis : channelAxis));
    const [axis] = axes;
    return rank >= 2 && axis !== undefined && axes.every((other) => other === axis) ? axis : undefined;
  };
}

/** @throws option, with everything that is wrong */
function checkOptions({ bits, firstBits, range, percentile, thresholds }: ActivationOptions): void {
  const problems: BnnqError[] = [];
  const expect = (fits: boolean, option: string, expected: string, got: unknown): void => {
    if (!fits) problems.push(new BnnqError('option', `${option}: expected ${expected}, got ${got}`));
  };
  const isWidth = (width: number): boolean => Number.isInteger(width) && width >= 1 && width <= 8;
  const widths = 'a whole number from 1 to 8';
  expect(isWidth(bits), 'bits of activations', widths, bits);
  expect(firstBits === undefined || isWidth(firstBits), 'bits of the first activations', widths, firstBits);
  expect(
    range === undefined || ACTIVATION_RANGES.includes(range),
    'range of activations',
    ACTIVATION_RANGES.join(', '),
    range,
  );
  for (const width of new Set([bits, firstBits ?? bits])) {
    const conflict = isWidth(width) ? rangeConflict(range, width) : undefined;
    if (conflict !== undefined) problems.push(new BnnqError('option', conflict));
  }
  const share = percentile ?? DEFAULT_PERCENTILE;
  expect(share > 50 && share <= 100, 'percentile', 'a number above 50, at most 100', percentile);
  expect(
    thresholds === undefined || thresholds === 'channel' || thresholds === 'tensor',
    'thresholds',
    'channel or tensor',
    thresholds,
  );
  throwIfAny(problems);
}

function openedBatches(
  model: Model,
  { dataset, preprocess, count: samples, batch, output }: ActivationData,
): Promise<CalibrationBatches> {
  return openBatches(model, dataset, { preprocess, samples, batch, output });
}
