import type { Dim, Initializer } from '../../../ir/graph.ts';
import { floatData } from '../../../tensor/tensor.ts';
import { MAX_DENSE_ELEMENTS } from '../../limits.ts';
import type { LayerCall, LayerConverter, LayerTable } from '../layer-call.ts';
import { channelsFirst, type KerasTensor } from '../tensor.ts';
import { lazyFloats, reshaped } from '../weight-views.ts';

/** gamma · (x − mean) / √(variance + epsilon) + beta, with the statistics of training. */
const batchNormalization: LayerConverter = (call) => {
  const { config } = call;
  const given = call.float(call.inputOfKnownRank());
  const rank = given.shape!.length;
  const [axis, ...others] = config.list('axis', [-1]).map((one) => call.axisIn(one, rank));
  if (axis === undefined || others.length > 0)
    throw call.unsupported(`normalization of ${others.length + 1} axes`);
  if (axis === 0) throw call.unsupported('normalization of the batch axis');
  const x = channelsAfterBatch(call, given, axis);
  const size = x.shape![axis]!;
  const [gamma, beta, mean, variance] = statistics(call, typeof size === 'number' ? size : -1);
  const epsilon = config.number('epsilon', 1e-3);
  if (x.physicalAxis(axis) === 1) {
    const inputs = [x.value, call.initializer('gamma', gamma), call.initializer('beta', beta)];
    inputs.push(call.initializer('moving_mean', mean), call.initializer('moving_variance', variance));
    return x.with({ value: call.node('BatchNormalization', inputs, { epsilon: { float: epsilon } }) });
  }
  const trailing = rank - 1 - x.physicalAxis(axis);
  const along = (made: Initializer): Initializer =>
    reshaped(made, [...made.shape, ...new Array<number>(trailing).fill(1)]);
  const scale = call.initializer('scale', () => along(scaleOf(gamma(), variance(), epsilon)));
  const shift = call.initializer('shift', () =>
    along(shiftOf(beta(), mean(), scaleOf(gamma(), variance(), epsilon))),
  );
  return x.with({ value: call.node('Add', [call.node('Mul', [x.value, scale]), shift]) });
};

/** The input as it is cheapest to normalize. Sequences stay as they are: they are scaled along their last axis. */
function channelsAfterBatch(call: LayerCall, x: KerasTensor, axis: number): KerasTensor {
  const rank = x.shape!.length;
  const plain = x.scramble === undefined ? x : call.kerasOrder(x);
  const isImage = rank > 3 && axis === rank - 1;
  return isImage ? call.graph.arrange(plain, call.name, channelsFirst(rank, 'channels_last')) : plain;
}

type Make = () => Initializer;

/** gamma, beta, mean and variance; ones and zeros for what the layer does not have. */
function statistics(call: LayerCall, size: number): [Make, Make, Make, Make] {
  const { config } = call;
  let index = 0;
  const own = (name: string): Make => {
    const at = index++;
    return () => call.variable(name, at, [size]);
  };
  const gamma = config.flag('scale', true) ? own('gamma') : undefined;
  const beta = config.flag('center', true) ? own('beta') : undefined;
  const [mean, variance] = [own('moving_mean'), own('moving_variance')];
  const filled = (value: number): Make => {
    return () => lazyFloats(mean().shape, () => new Float32Array(mean().shape[0]!).fill(value));
  };
  return [gamma ?? filled(1), beta ?? filled(0), mean, variance];
}

function scaleOf(gamma: Initializer, variance: Initializer, epsilon: number): Initializer {
  return lazyFloats(gamma.shape, () => {
    const spread = floatData(variance.read());
    return floatData(gamma.read()).map((g, i) => g / Math.sqrt(spread[i]! + epsilon));
  });
}

function shiftOf(beta: Initializer, mean: Initializer, scale: Initializer): Initializer {
  return lazyFloats(beta.shape, () => {
    const [means, scales] = [floatData(mean.read()), floatData(scale.read())];
    return floatData(beta.read()).map((b, i) => b - means[i]! * scales[i]!);
  });
}

/** The input with the axes to normalize last in memory, in Keras order. */
function normalizedLast(
  call: LayerCall,
  wanted: readonly number[],
): { x: KerasTensor; axes: readonly number[] } {
  const given = call.float(call.inputOfKnownRank());
  const shape = given.shape!;
  const axes = wanted.map((axis) => call.axisIn(axis, shape.length)).toSorted((a, b) => a - b);
  const rest = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  return { x: call.graph.arrange(given, call.name, [...rest, ...axes]), axes };
}

function sizesOf(call: LayerCall, shape: readonly Dim[], axes: readonly number[]): number[] {
  return axes.map((axis) => {
    const size = shape[axis];
    if (typeof size === 'number') return size;
    throw call.unsupported('the size of the axis that it normalizes is not known');
  });
}

/** gamma · (x − mean) / √(variance + epsilon) + beta, with the statistics of each sample over the last axes. */
const layerNormalization: LayerConverter = (call) => {
  const { config } = call;
  if (config.flag('rms_scaling', false)) return varianceScaling(call);
  const { x, axes } = normalizedLast(call, config.list('axis', [-1]));
  const sizes = sizesOf(call, x.shape!, axes);
  const hasGamma = config.flag('scale', true);
  const gamma = hasGamma
    ? call.weight('gamma', 0, sizes)
    : call.initializer('ones', () => onesOf(call, sizes));
  const inputs = [x.value, gamma];
  if (config.flag('center', true)) inputs.push(call.weight('beta', hasGamma ? 1 : 0, sizes));
  const epsilon = { float: config.number('epsilon', 1e-3) };
  return x.with({ value: call.node('LayerNormalization', inputs, { axis: -axes.length, epsilon }) });
};

/** Ones of any size that an input may declare. */
function onesOf(call: LayerCall, sizes: readonly number[]): Initializer {
  const count = sizes.reduce((a, b) => a * b, 1);
  if (count > MAX_DENSE_ELEMENTS)
    throw call.unsupported(
      `it normalizes ${count} elements without a scale; at most ${MAX_DENSE_ELEMENTS} ones are made`,
    );
  return lazyFloats(sizes, () => new Float32Array(count).fill(1));
}

/** x / √(variance + epsilon) · gamma: what Keras 3 calls the RMS scaling of a LayerNormalization. */
function varianceScaling(call: LayerCall): KerasTensor {
  const { config } = call;
  const { x, axes } = normalizedLast(call, config.list('axis', [-1]));
  const mean = call.node('ReduceMean', [x.value, lastAxes(call, axes)], { keepdims: 1 });
  const centred = call.node('Sub', [x.value, mean]);
  return rootMeanSquare(call, x, axes, centred, 'gamma', config.number('epsilon', 1e-3));
}

/** x / √(mean of x² + epsilon) · scale. */
const rmsNormalization: LayerConverter = (call) => {
  const { x, axes } = normalizedLast(call, call.config.list('axis', [-1]));
  return rootMeanSquare(call, x, axes, x.value, 'scale', call.config.number('epsilon', 1e-6));
};

function lastAxes(call: LayerCall, axes: readonly number[]): string {
  return call.integers(
    'axes',
    axes.map((_, i) => i - axes.length),
  );
}

/** x by the root of the mean square of `measured`, times a weight. */
function rootMeanSquare(
  call: LayerCall,
  x: KerasTensor,
  axes: readonly number[],
  measured: string,
  weight: string,
  epsilon: number,
): KerasTensor {
  const sizes = sizesOf(call, x.shape!, axes);
  const square = call.node('Mul', [measured, measured]);
  const mean = call.node('ReduceMean', [square, lastAxes(call, axes)], { keepdims: 1 });
  const root = call.node('Sqrt', [call.node('Add', [mean, call.graph.scalar(epsilon)])]);
  const scaled = call.node('Div', [x.value, root]);
  if (!call.config.flag('scale', true)) return x.with({ value: scaled });
  return x.with({ value: call.node('Mul', [scaled, call.weight(weight, 0, sizes)]) });
}

/** Groups of channels, each normalized with its own statistics over channels and pixels of a sample. */
const groupNormalization: LayerConverter = (call) => {
  const { config } = call;
  const given = call.float(call.inputOfKnownRank());
  const rank = given.shape!.length;
  const axis = call.axisIn(config.integer('axis', -1), rank);
  const [channels] = sizesOf(call, given.shape!, [axis]) as [number];
  const rest = Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis);
  const x = call.graph.arrange(given, call.name, [0, axis, ...rest.slice(1)]);
  const stated = config.integer('groups', 32, -1);
  const groups = stated === -1 ? channels : stated;
  if (groups < 1 || channels % groups !== 0)
    throw call.malformed(`${channels} channels do not make ${groups} groups`);
  const constant = (name: string, value: number): string =>
    call.initializer(name, () => lazyFloats([channels], () => new Float32Array(channels).fill(value)));
  const hasGamma = config.flag('scale', true);
  const gamma = hasGamma ? call.weight('gamma', 0, [channels]) : constant('ones', 1);
  const beta = config.flag('center', true)
    ? call.weight('beta', hasGamma ? 1 : 0, [channels])
    : constant('zeros', 0);
  const epsilon = { float: config.number('epsilon', 1e-3) };
  const value = call.node('GroupNormalization', [x.value, gamma, beta], { num_groups: groups, epsilon });
  return x.with({ value });
};

/** Vectors of length 1: x / max(|x|, 1e-12), and x / √max(|x|², 1e-12) before Keras 3. */
const unitNormalization: LayerConverter = (call) => {
  const given = call.float(call.inputOfKnownRank());
  const x = given.scramble === undefined ? given : call.kerasOrder(given);
  const rank = x.shape!.length;
  const axes = call.config.list('axis', [-1]).map((axis) => x.physicalAxis(call.axisIn(axis, rank)));
  const squares = call.node('ReduceSumSquare', [x.value, call.integers('axes', axes)], { keepdims: 1 });
  const least = (value: string): string => call.node('Max', [value, call.graph.scalar(1e-12)]);
  const root = (value: string): string => call.node('Sqrt', [value]);
  const length = call.major < 3 ? root(least(squares)) : least(root(squares));
  return x.with({ value: call.node('Div', [x.value, length]) });
};

export const NORMALIZATION_LAYERS: LayerTable = {
  BatchNormalization: batchNormalization,
  BatchNormalizationV1: batchNormalization,
  SyncBatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  RMSNormalization: rmsNormalization,
  GroupNormalization: groupNormalization,
  UnitNormalization: unitNormalization,
};
