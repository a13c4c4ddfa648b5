import { BnnqError } from '../../errors.ts';
import { affineOfBatchNorm } from '../../passes/batch-norm.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { shapeText, sizeBetween } from '../shapes.ts';
import type { OperatorTable } from './operator-table.ts';

/** (x − mean)·γ/√(var + ε) + β as x·scale + shift, with scale and shift made in float64 and rounded once. */
const batchNormalization: Operator = (call) => {
  if (call.opset >= 14 && call.int('training_mode', 0) !== 0) return inTraining(call);
  if (call.node.outputs.filter((name) => name !== '').length > 1)
    throw new BnnqError('unsupported', 'BatchNormalization in training mode');
  const x = call.input(0);
  const y = call.inPlace(0);
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((i) => call.input(i).data as Float32Array);
  const epsilon = call.float('epsilon', 1e-5);
  if ([beta!, mean!, variance!].some((list) => list.length !== gamma!.length))
    throw new BnnqError('mismatch', 'scale, bias, mean and variance of different lengths');
  const { scale, shift } = affineOfBatchNorm(gamma!, beta!, mean!, variance!, epsilon);
  // Before opset 9 every element of a sample could have its own parameters (spatial 0).
  const isSpatial = call.opset >= 9 || call.int('spatial', 1) !== 0;
  affine(call, x, y, scale, shift, isSpatial ? (x.shape[1] ?? 1) : sizeBetween(x.shape, 1, x.shape.length));
  return y;
};

/**
 * By the mean and the population variance of the batch, which also move the running ones: running·momentum + batch·(1 −
 * momentum). Outputs Y, running mean, running variance. Statistics in float64.
 */
function inTraining(call: Call): readonly (Tensor | undefined)[] {
  const x = call.input(0);
  const [batch = 1, channels = 1] = x.shape;
  const inner = sizeBetween(x.shape, 2, x.shape.length);
  const count = batch * inner;
  const y = call.allocate(x.dtype, x.shape);
  const running = [3, 4].map((i) => call.input(i));
  const outputs = running.map((tensor, i) =>
    call.wants(i + 1) ? call.allocate(tensor.dtype, tensor.shape) : undefined,
  );
  const from = x.data as Float64Array;
  const means = new Float64Array(channels);
  const variances = new Float64Array(channels);
  for (let c = 0; c < channels; c++) {
    const sum = (f: (value: number) => number): number => {
      let total = 0;
      for (let n = 0; n < batch; n++)
        for (let i = 0, at = (n * channels + c) * inner; i < inner; i++, at++) total += f(from[at]!);
      return total;
    };
    means[c] = sum((value) => value) / count;
    variances[c] = sum((value) => (value - means[c]!) * (value - means[c]!)) / count;
  }
  const [gamma, beta] = [1, 2].map((i) => call.input(i).data as Float64Array);
  const lengths = [gamma!, beta!, ...running.map((tensor) => tensor.data)].map((list) => list.length);
  if (lengths.some((length) => length !== channels))
    throw new BnnqError('mismatch', `parameters of [${lengths}] elements for ${channels} channels`);
  const { scale, shift } = affineOfBatchNorm(gamma!, beta!, means, variances, call.float('epsilon', 1e-5));
  affine(call, x, y, scale, shift, channels);
  const momentum = call.float('momentum', 0.9);
  [means, variances].forEach((statistics, i) => {
    const old = running[i]!.data as Float64Array;
    const to = outputs[i]?.data as Float64Array | undefined;
    for (let c = 0; to !== undefined && c < channels; c++)
      to[c] = old[c]! * momentum + statistics[c]! * (1 - momentum);
  });
  return [y, ...outputs];
}

function affine(
  call: Call,
  x: Tensor,
  y: Tensor,
  scale: Float64Array,
  shift: Float64Array,
  channels: number,
): void {
  const outer = x.shape[0] ?? 1;
  const inner = sizeBetween(x.shape, 1, x.shape.length) / channels;
  if (scale.length !== channels)
    throw new BnnqError(
      'mismatch',
      `${scale.length} scales for ${channels} channels of ${shapeText(x.shape)}`,
    );
  if (x.dtype === 'FLOAT') {
    call.kernels.affine(
      x.data as Float32Array,
      Float32Array.from(scale),
      Float32Array.from(shift),
      y.data as Float32Array,
      outer,
      channels,
      inner,
    );
    return;
  }
  const from = x.data as Float64Array;
  const to = y.data as Float64Array;
  for (let o = 0, i = 0; o < outer; o++)
    for (let c = 0; c < channels; c++)
      for (let j = 0; j < inner; j++, i++) to[i] = from[i]! * scale[c]! + shift[c]!;
}

/** bnnq.Affine: X [N,C,…], scale [C], shift [C], attributes low and high. */
const fusedAffine: Operator = (call) => {
  const x = call.input(0);
  const y = call.inPlace(0);
  const scale = call.input(1).data as Float32Array;
  const shift = call.input(2).data as Float32Array;
  const channels = x.shape[1] ?? 1;
  if (scale.length !== channels)
    throw new BnnqError(
      'mismatch',
      `${scale.length} scales for ${channels} channels of ${shapeText(x.shape)}`,
    );
  call.kernels.affine(
    x.data as Float32Array,
    scale,
    shift,
    y.data as Float32Array,
    x.shape[0] ?? 1,
    channels,
    sizeBetween(x.shape, 2, x.shape.length),
    call.hasAttribute('low') ? call.float('low', 0) : undefined,
    call.hasAttribute('high') ? call.float('high', 0) : undefined,
  );
  return y;
};

export const BATCH_NORMALIZATIONS: OperatorTable = { BatchNormalization: { 7: batchNormalization } };

export const FUSED_AFFINE: OperatorTable = { Affine: { 1: fusedAffine } };
