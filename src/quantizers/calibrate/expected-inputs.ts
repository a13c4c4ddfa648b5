import type { Initializer, Model, Node } from '../../ir/graph.ts';
import { erfc } from '../../kernels/math/erf.ts';
import { exp } from '../../kernels/math/exp.ts';
import { batchNormOf } from '../../passes/batch-norm.ts';
import { numberAttribute, scalarValue } from '../../passes/constant-values.ts';
import { inferShapes } from '../../passes/infer-shapes.ts';
import { WeightChains } from '../../passes/weight-chain.ts';

/** What is known of a value without data, for each position of axis 1. */
export interface ExpectedValue {
  readonly mean: Float64Array;
  /** Standard deviation, where the value is taken to be normally distributed. */
  readonly deviation?: Float64Array | undefined;
  /** Whether the axes behind the channels were merged into them by a Flatten. */
  readonly isFlat?: boolean | undefined;
}

/** Means held at most, where nothing more is looked at: networks have 100,000, but a chain of Concat can double them each time. */
const MOST_HELD: number = 2 ** 22;

/**
 * Expected values of all that BatchNormalization statistics tell: Nagel, van Baalen, Blankevoort, Welling 2019, "Data-Free
 * Quantization Through Weight Equalization and Bias Correction", section 4.2 and appendix C. What a BatchNormalization gives
 * has mean β and deviation |γ| on the images that it was trained on, and is taken to be normal; a Relu, LeakyRelu or Clip
 * behind it cuts that distribution. Means also pass through sums, averages and Concat, with nothing assumed.
 * @param model a float network with the statistics of its training: not one whose statistics have taken repairs
 */
export function expectedValues(model: Model): Map<string, ExpectedValue> {
  const constant = (name: string): Initializer | undefined => model.graph.initializers.get(name);
  const known = new Map<string, ExpectedValue>();
  let held = 0;
  for (const node of model.graph.nodes) {
    const expected = expectedOutput(node, constant, known);
    if (expected === undefined) continue;
    held += expected.mean.length;
    if (held > MOST_HELD) break;
    known.set(node.outputs[0]!, expected);
  }
  return known;
}

/**
 * E[x] for each input channel of a Conv, ConvTranspose, or of a Gemm or MatMul of a matrix; undefined where it is not known.
 * @param values of the same model, where several layers are asked for
 */
export function expectedInputs(
  model: Model,
  layerNode: Node,
  values: ReadonlyMap<string, ExpectedValue> = expectedValues(model),
): Float64Array | undefined {
  const { domain, opType, inputs } = layerNode;
  const expected = values.get(inputs[0] ?? '');
  const channels = domain === '' ? inputChannels(model, layerNode) : undefined;
  if (expected === undefined || channels === undefined) return undefined;
  if (opType === 'MatMul' && inferShapes(model).get(inputs[0]!)?.shape?.length !== 2) return undefined;
  const { mean, isFlat } = expected;
  if (mean.length === channels) return mean;
  const positions = channels / mean.length;
  if (!isFlat || !Number.isInteger(positions)) return undefined;
  return Float64Array.from({ length: channels }, (_, c) => mean[Math.floor(c / positions)]!);
}

/**
 * E[w·x] − E[ŵ·x], one a row: what discretizing takes from the mean of each output channel, and a bias gives back. Where a
 * convolution reaches over the border it sees zeros, and E[x] does not hold; the paper ignores that, and so does this.
 * @param weights [rows, columns], the columns of a row in order of its input channels; groups follow from `expected`
 * @param discretized as `weights`
 * @param expected E[x] of all input channels
 * @param columnsPerChannel elements of a kernel
 */
export function dataFreeShift(
  weights: ArrayLike<number>,
  discretized: ArrayLike<number>,
  rows: number,
  expected: Float64Array,
  columnsPerChannel: number,
): Float64Array {
  const columns = weights.length / rows;
  const channels = columns / columnsPerChannel;
  const rowsPerGroup = (rows * channels) / expected.length;
  const shift = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const first = Math.floor(row / rowsPerGroup) * channels;
    let sum = 0;
    for (let c = 0; c < channels; c++) {
      const start = row * columns + c * columnsPerChannel;
      let error = 0;
      for (let i = start; i < start + columnsPerChannel; i++) error += weights[i]! - discretized[i]!;
      sum += error * expected[first + c]!;
    }
    shift[row] = sum;
  }
  return shift;
}

function inputChannels(model: Model, node: Node): number | undefined {
  const shape = new WeightChains(model).to(node.inputs[1] ?? '')?.shape;
  switch (node.opType) {
    case 'Conv':
      return shape && shape[1]! * numberAttribute(node, 'group', 1);
    case 'ConvTranspose':
      return shape?.[0];
    case 'Gemm':
      return numberAttribute(node, 'transA', 0) === 0
        ? shape?.[numberAttribute(node, 'transB', 0) === 0 ? 0 : 1]
        : undefined;
    case 'MatMul':
      return shape?.length === 2 ? shape[0] : undefined;
  }
  return undefined;
}

function expectedOutput(
  node: Node,
  constant: (name: string) => Initializer | undefined,
  known: ReadonlyMap<string, ExpectedValue>,
): ExpectedValue | undefined {
  const norm = batchNormOf(node, constant);
  if (norm !== undefined) return { mean: norm.beta, deviation: norm.gamma.map(Math.abs) };
  const inputs = node.inputs.map((name) => known.get(name));
  const x = inputs[0];
  if (node.domain !== '' || x === undefined || node.outputs.length !== 1) return undefined;
  switch (node.opType) {
    case 'Identity':
      return x;
    case 'Relu':
      return cut(x, 0, Number.POSITIVE_INFINITY, 0);
    case 'LeakyRelu':
      return cut(x, 0, Number.POSITIVE_INFINITY, numberAttribute(node, 'alpha', Math.fround(0.01)));
    case 'Clip': {
      const bounds = clipBounds(node, constant);
      return bounds && cut(x, ...bounds, 0);
    }
    case 'GlobalAveragePool':
      return { mean: x.mean };
    case 'AveragePool': // over what lies inside alone, so that borders have the same mean
      return numberAttribute(node, 'count_include_pad', 0) === 0 ? { mean: x.mean } : undefined;
    case 'Flatten':
      return numberAttribute(node, 'axis', 1) === 1 ? { ...x, isFlat: true } : undefined;
    case 'Add':
      return sum(x, inputs[1]);
    case 'Concat':
      return numberAttribute(node, 'axis', 1) === 1 ? joined(inputs) : undefined;
  }
  return undefined;
}

/** Least and largest value of a Clip, of its inputs or, before opset 11, its attributes. */
function clipBounds(
  node: Node,
  constant: (name: string) => Initializer | undefined,
): [number, number] | undefined {
  const [low, high] = (['min', 'max'] as const).map((attribute, i) => {
    const name = node.inputs[i + 1] ?? '';
    const open = i === 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    return name === '' ? numberAttribute(node, attribute, open) : scalarValue(constant(name));
  });
  return low !== undefined && high !== undefined && low <= high ? [low, high] : undefined;
}

/** The means add up, whatever the two have to do with each other; the distribution of the sum is not known. */
function sum(a: ExpectedValue, b: ExpectedValue | undefined): ExpectedValue | undefined {
  if (b?.mean.length !== a.mean.length || a.isFlat !== b.isFlat) return undefined;
  return { mean: a.mean.map((mean, c) => mean + b.mean[c]!), isFlat: a.isFlat };
}

function joined(parts: readonly (ExpectedValue | undefined)[]): ExpectedValue | undefined {
  const all = parts.filter((part) => part !== undefined && !part.isFlat) as ExpectedValue[];
  if (all.length !== parts.length) return undefined;
  const means = all.map(({ mean }) => mean);
  if (means.reduce((length, { length: own }) => length + own, 0) > MOST_HELD) return undefined;
  const deviations = all.flatMap(({ deviation }) => (deviation === undefined ? [] : [deviation]));
  return {
    mean: concatenated(means),
    deviation: deviations.length === all.length ? concatenated(deviations) : undefined,
  };
}

function concatenated(parts: readonly Float64Array[]): Float64Array {
  const whole = new Float64Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The value cut to [low, high], plus `slope` times what is cut off. */
function cut(x: ExpectedValue, low: number, high: number, slope: number): ExpectedValue | undefined {
  const { mean, deviation, isFlat } = x;
  if (deviation === undefined) return undefined;
  const inside = mean.map((m, c) => clippedMean(m, deviation[c]!, low, high));
  return { mean: inside.map((v, c) => v + slope * (mean[c]! - v)), isFlat };
}

/**
 * E[min(max(x, low), high)] of x normal with that mean and deviation: with a = (low − μ)/σ, b = (high − μ)/σ it is
 * low·Φ(a) + high·Φ(−b) + μ·(Φ(−a) − Φ(−b)) + σ·(φ(a) − φ(b)).
 */
export function clippedMean(mean: number, deviation: number, low: number, high: number): number {
  if (!(deviation > 0)) return Math.min(high, Math.max(low, mean));
  const a = (low - mean) / deviation;
  const b = (high - mean) / deviation;
  const below = low === Number.NEGATIVE_INFINITY ? 0 : low * upperTail(-a);
  const above = high === Number.POSITIVE_INFINITY ? 0 : high * upperTail(b);
  const inside = mean * (upperTail(a) - upperTail(b)) + deviation * (density(a) - density(b));
  return Math.min(high, Math.max(low, below + above + inside));
}

/** Φ(−z), the part of a normal distribution above z. */
function upperTail(z: number): number {
  return 0.5 * erfc(z * Math.SQRT1_2);
}

const SQRT_TWO_PI = 2.5066282746310002;

function density(z: number): number {
  return exp((-z * z) / 2) / SQRT_TWO_PI;
}
