import { BnnqError } from '../../errors.ts';
import { pow } from '../../kernels/math/pow.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';
import { broadcast, eachRun } from '../broadcast.ts';
import type { Call, Operator } from '../call.ts';
import { axisOf, shapeText, sizeBetween } from '../shapes.ts';
import type { OperatorTable } from './operator-table.ts';

/**
 * Normalizations. Statistics are taken in float64 in ascending order and every result is rounded once; Math.sqrt is
 * exact by IEEE 754.
 */

/** Mean and population variance of `count` neighbouring elements. */
function moments(x: ArrayLike<number>, start: number, count: number): { mean: number; variance: number } {
  let sum = 0;
  for (let i = start; i < start + count; i++) sum += x[i]!;
  const mean = sum / count;
  let squares = 0;
  for (let i = start; i < start + count; i++) squares += (x[i]! - mean) * (x[i]! - mean);
  return { mean, variance: squares / count };
}

/** Every channel of every sample by its own mean and variance. */
const instanceNormalization: Operator = (call) => {
  const x = call.input(0);
  const y = call.allocate(x.dtype, x.shape);
  const scale = call.input(1).data as Float32Array;
  const bias = call.input(2).data as Float32Array;
  expectParameters(x.shape[1] ?? 1, scale, bias);
  normalizeGroups(x, y, x.shape[1] ?? 1, call.float('epsilon', 1e-5), (channel) => [
    scale[channel]!,
    bias[channel]!,
  ]);
  return y;
};

/** Groups of channels; scale and bias a channel (opset 21) or a group (opset 18). */
const groupNormalization: Operator = (call) => {
  const x = call.input(0);
  const groups = call.int('num_groups', 0);
  expectStash(call);
  const channels = x.shape[1] ?? 1;
  if (!(groups > 0) || channels % groups !== 0)
    throw new BnnqError('mismatch', `${channels} channels in ${groups} groups`);
  const y = call.allocate(x.dtype, x.shape);
  const scale = call.input(1).data as Float32Array;
  const bias = call.input(2).data as Float32Array;
  expectParameters(call.opset < 21 ? groups : channels, scale, bias);
  const perScale = channels / scale.length;
  normalizeGroups(x, y, groups, call.float('epsilon', 1e-5), (channel) => {
    const at = Math.floor(channel / perScale);
    return [scale[at]!, bias[at]!];
  });
  return y;
};

/** Throws unless there are that many scales and biases. */
function expectParameters(count: number, scale: ArrayLike<number>, bias: ArrayLike<number>): void {
  if (scale.length !== count || bias.length !== count)
    throw new BnnqError(
      'mismatch',
      `${scale.length} scales and ${bias.length} biases, expected ${count} of each`,
    );
}

function normalizeGroups(
  x: Tensor,
  y: Tensor,
  groups: number,
  epsilon: number,
  parameters: (channel: number) => readonly [scale: number, bias: number],
): void {
  const [batch = 0, channels = 1] = x.shape;
  const inner = sizeBetween(x.shape, 2, x.shape.length);
  const perGroup = channels / groups;
  const from = x.data as Float32Array;
  const to = y.data as Float32Array;
  for (let n = 0; n < batch; n++)
    for (let g = 0; g < groups; g++) {
      const first = (n * channels + g * perGroup) * inner;
      const { mean, variance } = moments(from, first, perGroup * inner);
      const factor = 1 / Math.sqrt(variance + epsilon);
      for (let c = 0; c < perGroup; c++) {
        const [scale, bias] = parameters(g * perGroup + c);
        const start = first + c * inner;
        for (let i = start; i < start + inner; i++) to[i] = (from[i]! - mean) * factor * scale + bias;
      }
    }
}

/** The axes from `axis` on by their mean and variance; outputs Y, Mean, InvStdDev. */
const layerNormalization: Operator = (call) => {
  expectStash(call);
  const axis = axisOf(call.int('axis', -1), call.input(0).shape.length);
  return normalizeLayer(
    call,
    call.input(0),
    call.input(1),
    call.optional(2),
    axis,
    call.float('epsilon', 1e-5),
  );
};

/** Y, and mean and 1/√(variance + ε) as outputs 1 and 2 where the node names them. */
export function normalizeLayer(
  call: Call,
  x: Tensor,
  scales: Tensor,
  biases: Tensor | undefined,
  axis: number,
  epsilon: number,
): (Tensor | undefined)[] {
  const rank = x.shape.length;
  const rows = sizeBetween(x.shape, 0, axis);
  const length = sizeBetween(x.shape, axis, rank);
  const tail = x.shape.slice(axis);
  const statistics = x.shape.map((dim, i) => (i < axis ? dim : 1));
  const y = call.allocate(x.dtype, x.shape);
  const means = call.wants(1) ? call.allocate('FLOAT', statistics) : undefined;
  const factors = call.wants(2) ? call.allocate('FLOAT', statistics) : undefined;
  const scale = expandedParameters(scales, tail);
  const bias = biases === undefined ? undefined : expandedParameters(biases, tail);
  const from = x.data as Float32Array;
  const to = y.data as Float32Array;
  for (let r = 0; r < rows; r++) {
    const { mean, variance } = moments(from, r * length, length);
    const factor = 1 / Math.sqrt(variance + epsilon);
    for (let i = 0; i < length; i++)
      to[r * length + i] = (from[r * length + i]! - mean) * factor * scale[i]! + (bias?.[i] ?? 0);
    if (means !== undefined) (means.data as Float32Array)[r] = mean;
    if (factors !== undefined) (factors.data as Float32Array)[r] = factor;
  }
  return [y, means, factors];
}

/** x / √(mean x² + ε) · scale over the axes from `axis` on. */
const rmsNormalization: Operator = (call) => {
  expectStash(call);
  const axis = axisOf(call.int('axis', -1), call.input(0).shape.length);
  return normalizeRms(call, call.input(0), call.input(1), axis, call.float('epsilon', 1e-5));
};

export function normalizeRms(call: Call, x: Tensor, scales: Tensor, axis: number, epsilon: number): Tensor {
  const length = sizeBetween(x.shape, axis, x.shape.length);
  const y = call.allocate(x.dtype, x.shape);
  const scale = expandedParameters(scales, x.shape.slice(axis));
  const from = x.data as Float32Array;
  const to = y.data as Float32Array;
  for (let start = 0; start < to.length; start += length) {
    let squares = 0;
    for (let i = 0; i < length; i++) squares += from[start + i]! * from[start + i]!;
    const factor = 1 / Math.sqrt(squares / length + epsilon);
    for (let i = 0; i < length; i++) to[start + i] = from[start + i]! * factor * scale[i]!;
  }
  return y;
}

/** stash_type, the type of the statistics: FLOAT or DOUBLE, both computed as float64. */
function expectStash(call: Call): void {
  const type = call.int('stash_type', 1);
  if (type !== 1 && type !== 11) throw new BnnqError('unsupported', `stash_type ${type}`);
}

/** Scale or bias broadcast to the normalized axes. */
function expandedParameters(tensor: Tensor, shape: readonly number[]): ArrayLike<number> {
  const extra = tensor.shape.length - shape.length;
  const fits = tensor.shape.every((dim, axis) => dim === 1 || (axis >= extra && dim === shape[axis - extra]));
  if (!fits)
    throw new BnnqError(
      'unsupported',
      `a scale or bias of shape ${shapeText(tensor.shape)} for normalized axes ${shapeText(shape)}`,
    );
  const from = tensor.data as Float32Array;
  if (from.length === sizeOf(shape)) return from;
  const to = new Float64Array(sizeOf(shape));
  const plan = broadcast(shape, [tensor.shape.slice(Math.max(extra, 0))]);
  const step = plan.strides[0]!.at(-1)!;
  eachRun(plan, (at, [start]) => {
    for (let i = 0; i < plan.dims.at(-1)!; i++) to[at + i] = from[start! + i * step]!;
  });
  return to;
}

/** x / (bias + alpha/size · Σ x²)^beta, the sum over `size` neighbouring channels. */
const localResponse: Operator = (call) => {
  const x = call.input(0);
  const size = call.int('size', 1);
  const alpha = call.float('alpha', 1e-4);
  const beta = call.float('beta', 0.75);
  const bias = call.float('bias', 1);
  const [batch = 0, channels = 1] = x.shape;
  const inner = sizeBetween(x.shape, 2, x.shape.length);
  const y = call.allocate(x.dtype, x.shape);
  const from = x.data as Float32Array;
  const to = y.data as Float32Array;
  const before = Math.floor((size - 1) / 2);
  const after = size - 1 - before;
  for (let n = 0; n < batch; n++)
    for (let c = 0; c < channels; c++) {
      const low = Math.max(0, c - before);
      const high = Math.min(channels - 1, c + after);
      for (let i = 0; i < inner; i++) {
        let squares = 0;
        for (let k = low; k <= high; k++) {
          const value = from[(n * channels + k) * inner + i]!;
          squares += value * value;
        }
        const at = (n * channels + c) * inner + i;
        to[at] = from[at]! / pow(bias + (alpha / size) * squares, beta);
      }
    }
  return y;
};

/** Along an axis, by the sum of absolute values (p 1) or the length (p 2); a zero vector stays zero. */
const lpNormalization: Operator = (call) => {
  const x = call.input(0);
  const rank = x.shape.length;
  const axis = axisOf(call.int('axis', -1), rank);
  const p = call.int('p', 2);
  if (p !== 1 && p !== 2) throw new BnnqError('unsupported', `LpNormalization with p ${p}`);
  const length = x.shape[axis]!;
  const inner = sizeBetween(x.shape, axis + 1, rank);
  const outer = sizeBetween(x.shape, 0, axis);
  const y = call.allocate(x.dtype, x.shape);
  const from = x.data as Float32Array;
  const to = y.data as Float32Array;
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++) {
      const start = o * length * inner + i;
      const end = start + length * inner;
      let sum = 0;
      for (let at = start; at < end; at += inner)
        sum += p === 1 ? Math.abs(from[at]!) : from[at]! * from[at]!;
      const norm = p === 1 ? sum : Math.sqrt(sum);
      for (let at = start; at < end; at += inner) to[at] = norm === 0 ? 0 : from[at]! / norm;
    }
  return y;
};

export const NORMALIZATIONS: OperatorTable = {
  InstanceNormalization: { 6: instanceNormalization },
  GroupNormalization: { 18: groupNormalization },
  LayerNormalization: { 17: layerNormalization },
  RMSNormalization: { 23: rmsNormalization },
  LRN: { 1: localResponse },
  LpNormalization: { 1: lpNormalization },
};
