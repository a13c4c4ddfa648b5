import { BnnqError } from '../../errors.ts';
import type { Model, Value } from '../../ir/graph.ts';
import { inferShapes, singleSampleShapes } from '../../passes/infer-shapes.ts';
import {
  type ActivationQuant,
  type ActivationRule,
  insertActivationQuant,
} from '../../passes/insert-activation-quant.ts';
import { type QuantizeSettings, resolveOptions } from '../../quantizers/options.ts';
import { type PlanOptions, planWeights } from '../../quantizers/plan/plan-weights.ts';
import { parseScheme } from '../../quantizers/registry.ts';
import { roundByRunRange } from '../activations/dynamic-ranges.ts';
import { commonAxis, inputsToRound } from '../activations/quantize-activations.ts';
import { type CostMeter, type CostOptions, costMeter, type ModelCost } from './model-cost.ts';
import type { CostSummary } from './types.ts';
import type { CodedWeight } from './weight-form.ts';

/** What the cost of a network is asked for: as it is, or as if weights and inputs of layers were discretized like that. */
export interface ModelCostOptions extends CostOptions, PlanOptions {
  readonly weights?: Pick<QuantizeSettings, 'scheme' | 'bits' | 'granularity'> | undefined;
  /** Bits of the inputs of layers, 1 to 8; as they are when absent. */
  readonly actBits?: number | undefined;
}

/**
 * What one sample costs in operations, memory traffic and energy, by the model of docs/cost.md. Nothing is discretized and nothing is run.
 * @throws mismatch where the shape of an input is not known; option for bad settings and globs that match nothing
 */
export function modelCost(model: Model, options: ModelCostOptions = {}): ModelCost {
  const { weights, actBits, include, exclude, ...rest } = options;
  const plan = { include, exclude };
  const coded = weights && codedAlike(model, resolveOptions(weights), plan);
  if (actBits !== undefined && !(Number.isInteger(actBits) && actBits >= 1 && actBits <= 8))
    throw new BnnqError('option', `bits of activations: expected a whole number from 1 to 8, got ${actBits}`);
  return costMeter(rounded(model, actBits, undefined, plan, rest), rest).cost(coded);
}

function codedAlike(model: Model, weight: CodedWeight, plan: PlanOptions): Map<string, CodedWeight> {
  if (parseScheme(weight.scheme).candidates !== undefined)
    throw new BnnqError(
      'option',
      `scheme ${weight.scheme} is a choice that depends on the weights: discretize the network, and ask for the cost of the packed file`,
    );
  return new Map(planWeights(model, plan).chosen.map(({ name }) => [name, weight]));
}

/** What a point of a sweep is discretized to. */
export interface DiscretizedTo {
  readonly layers: readonly (CodedWeight & { readonly name: string })[];
  readonly actBits?: number;
  readonly actRange?: string;
}

/**
 * Costs of the points of a sweep: what depends on the network alone is worked out once for all points of the same bits of
 * activations. Undefined for a network whose cost cannot be told, for no sweep is lost for an estimate.
 */
export function pointCosts(
  model: Model,
  plan: PlanOptions,
): (point: DiscretizedTo) => CostSummary | undefined {
  const meters = new Map<string, CostMeter | undefined>();
  const meterFor = (actBits?: number, actRange?: string): CostMeter | undefined => {
    const key = `${actBits} ${actRange}`;
    if (!meters.has(key))
      meters.set(
        key,
        attempt(() => costMeter(rounded(model, actBits, actRange, plan, {}))),
      );
    return meters.get(key);
  };
  return ({ layers, actBits, actRange }) => {
    const meter = meterFor(actBits, actRange);
    const coded = new Map(layers.map((layer) => [layer.name, layer]));
    return attempt(() => meter && summaryOf(meter.cost(coded)));
  };
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** Digits of energies in reports: logarithms may differ between machines in the last of a float64. */
const DIGITS = 6;

/** Totals without the nodes. */
function summaryOf({ nodes: _nodes, weightsIn: _weightsIn, ...summary }: ModelCost): CostSummary {
  const text = JSON.stringify(summary, (_key, value) =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(DIGITS)) : value,
  );
  return JSON.parse(text) as CostSummary;
}

/** The network with nodes that round the inputs of layers; their levels are made up, for costs do not depend on them. */
function rounded(
  model: Model,
  actBits: number | undefined,
  actRange: string | undefined,
  plan: PlanOptions,
  { inputShapes }: CostOptions,
): Model {
  if (actBits === undefined) return model;
  if (actRange === 'dynamic') return roundByRunRange(model, plan).model;
  const { inputs, bitsOf } = inputsToRound(model, { ...plan, bits: actBits });
  const values = inferShapes(model, new Map([...singleSampleShapes(model), ...(inputShapes ?? [])]));
  const quants = inputs.flatMap((input): ActivationQuant[] => {
    const known = values.get(input.value);
    if ((known?.dtype ?? 'FLOAT') !== 'FLOAT') return [];
    const { value, layers } = input;
    return [{ value, layers, rule: someRule(bitsOf(input), known, commonAxis(layers)) }];
  });
  return insertActivationQuant(model, quants);
}

/** Equal steps, or for one bit a threshold and two levels for each channel. */
function someRule(
  bits: number,
  known: Value | undefined,
  axisOf: (rank: number) => number | undefined,
): ActivationRule {
  if (bits > 1) return { kind: 'uniform', bits, scale: 1, zero: 0 };
  const dims = known?.shape ?? [];
  const axis = axisOf(dims.length);
  const shape =
    axis === undefined ? [] : dims.map((dim, i) => (i === axis && typeof dim === 'number' ? dim : 1));
  const ones = new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1);
  return { kind: 'threshold', thresholds: ones, low: ones, high: ones, shape };
}
