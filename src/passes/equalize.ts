import type { Initializer, Model } from '../ir/graph.ts';
import { scaleBias, scaleNorm, scaleStatistics } from './channel-constants.ts';
import { findLinks, type Link, type RowLayer } from './equalize/links.ts';
import type { RangeMeasure, ScaledWeight } from './equalize/scaled-weight.ts';
import { GraphEditor } from './graph-editor.ts';
import { absorb, type LayerAffine } from './layer-affine.ts';

export interface EqualizeOptions {
  /** Weights (names of initializers) that may be changed; all by default. */
  readonly only?: ReadonlySet<string> | undefined;
  /** What is made equal: the largest elements, as in the paper, or the root mean squares. */
  readonly range?: RangeMeasure | undefined;
}

export interface Equalized {
  /** The very same model where there was nothing to do. */
  readonly model: Model;
  /** Pairs of layers with channels between them that were balanced. */
  readonly pairs: number;
  /** Layers whose rows were made equal through the BatchNormalization behind them. */
  readonly rows: number;
}

/** Rounds over all layers and pairs at most, and the change of a factor below which they end. */
const MOST_ROUNDS = 20;
const LEAST_CHANGE = 1e-3;

/** Rows and columns below this part of the largest are dead; they are left as they are, as noise need not be heard. */
const DEAD = 1e-6;

/**
 * Cross-layer equalization (Nagel, van Baalen, Blankevoort, Welling 2019, "Data-Free Quantization Through Weight
 * Equalization and Bias Correction", section 4.1): scales rows and columns of weights so that one codebook fits a whole
 * layer, and what the network computes stays the same but for rounding.
 *
 * Channels with ranges r₁ of the rows that make them and r₂ of the columns that use them are divided by s = √(r₁/r₂) on the
 * one side and multiplied by s on the other: both ranges become √(r₁·r₂). Unlike in the paper BatchNormalization is not
 * folded. The rows of a layer before one may have any scale, as mean and variance follow (where their types cannot hold
 * them, mean and γ): they get the range of the largest. What it gives may have any scale too, in γ and β, as far as what
 * follows commutes with positive factors (Relu, LeakyRelu, PRelu, pooling, Concat; not Clip): so the columns that use it
 * get the range of the largest. Where several layers use a channel the largest range counts, each as a part of its layer's
 * own.
 *
 * Weights that are discretized, or have several uses, are left alone.
 */
export function equalizeLayers(model: Model, options: EqualizeOptions = {}): Equalized {
  const editor = new GraphEditor(model);
  const { layers, links } = findLinks(model, editor, options.range ?? 'max', options.only);
  const free = layers.filter(({ norm }) => norm !== undefined);
  const divisors = links.map(({ channels }) => new Float64Array(channels).fill(1));
  const rowFactors = free.map(({ channels }) => new Float64Array(channels).fill(1));
  for (let round = 0; round < MOST_ROUNDS; round++) {
    let change = 0;
    for (const [i, { weight }] of free.entries())
      change = Math.max(change, scaleRows(weight, rowFactors[i]!, toLargest(weight.rowRanges())));
    for (const [i, link] of links.entries())
      change = Math.max(change, multiplyInto(divisors[i]!, divideChannels(link)));
    if (change < LEAST_CHANGE) break;
  }
  if (free.length === 0 && links.length === 0) return { model, pairs: 0, rows: 0 };
  for (const [i, link] of links.entries()) scaleSource(model, editor, link, inverse(divisors[i]!));
  for (const weight of scaledWeights(layers, links)) editor.setConstant(weight);
  const left = free
    .map(({ norm, bias }, i) => ({ norm: norm!, bias: bias?.values, factors: rowFactors[i]! }))
    .filter(({ norm, bias, factors }) => !scaleStatistics(editor, norm.value, factors, bias));
  let current = editor.result();
  for (const { norm, bias, factors } of left) current = absorb(current, norm, undoing(factors, bias));
  const pairs = links.reduce((count, { sinks }) => count + sinks.length, 0);
  return { model: current, pairs, rows: free.length };
}

/** y = w·x + b from f·w·x + b: the scale 1/f, and the shift b − b/f, as the bias stays as it is. */
function undoing(factors: Float64Array, bias: Float64Array | undefined): LayerAffine {
  return { scale: inverse(factors), shift: bias?.map((b, c) => b - b / factors[c]!) };
}

/** Divides the channels of a link where they are made, multiplies them where they are used. @returns the divisors */
function divideChannels({ source, channels, sinks }: Link): Float64Array {
  const used = new Float64Array(channels);
  for (const { weight, offset } of sinks) {
    const ranges = weight.columnRanges();
    const largest = largestOf(ranges);
    if (largest === 0) continue;
    for (let c = 0; c < channels; c++) used[c] = Math.max(used[c]!, ranges[offset + c]! / largest);
  }
  const divisors = 'normOutput' in source ? toLargest(used) : balance(source.weight.rowRanges(), used);
  if (!('normOutput' in source)) scaleRows(source.weight, undefined, inverse(divisors));
  for (const { weight, offset } of sinks)
    for (let c = 0; c < channels; c++) weight.columnFactors[offset + c]! *= divisors[c]!;
  return divisors;
}

/** Factors that make all ranges that of the largest. */
function toLargest(ranges: Float64Array): Float64Array {
  const largest = largestOf(ranges);
  return ranges.map((range) => (range > largest * DEAD ? largest / range : 1));
}

/** √(r₁/r₂), each a part of the largest of its side, so that neither layer grows as a whole. */
function balance(made: Float64Array, used: Float64Array): Float64Array {
  const [most, mostUsed] = [largestOf(made), largestOf(used)];
  return made.map((range, c) => {
    const isAlive = range > most * DEAD && used[c]! > mostUsed * DEAD;
    return isAlive ? Math.sqrt(range / most / (used[c]! / mostUsed)) : 1;
  });
}

/** @returns the largest change, as a part */
function scaleRows(weight: ScaledWeight, total: Float64Array | undefined, factors: Float64Array): number {
  factors.forEach((factor, row) => {
    weight.rowFactors[row]! *= factor;
  });
  return total === undefined ? 0 : multiplyInto(total, factors);
}

function multiplyInto(total: Float64Array, factors: Float64Array): number {
  let change = 0;
  factors.forEach((factor, c) => {
    total[c]! *= factor;
    change = Math.max(change, factor - 1, 1 / factor - 1);
  });
  return change;
}

function scaleSource(model: Model, editor: GraphEditor, { source }: Link, factors: Float64Array): void {
  if ('normOutput' in source) scaleNorm(editor, source.normOutput, factors);
  else if (source.bias !== undefined) scaleBias(model, editor, source.bias.value, factors);
}

function scaledWeights(layers: readonly RowLayer[], links: readonly Link[]): Initializer[] {
  const weights = new Set([...layers, ...links.flatMap(({ sinks }) => sinks)].map(({ weight }) => weight));
  return [...weights].filter((weight) => weight.isScaled).map((weight) => weight.scaled());
}

function inverse(factors: Float64Array): Float64Array {
  return factors.map((factor) => 1 / factor);
}

function largestOf(ranges: Float64Array): number {
  return ranges.reduce((most, range) => Math.max(most, range), 0);
}
