import { BnnqError } from '../../../errors.ts';
import { sigmoid } from '../../../kernels/math/exp.ts';
import type { Operator } from '../../call.ts';
import { sameShape, shapeText } from '../../shapes.ts';
import { rowsOfFirstAxis, withWeights } from '../../weight-rows.ts';
import { POINTWISE } from '../window.ts';

/**
 * A depthwise convolution over [state, input]: X [batch, channels, length], W [channels, 1, k], the state the k − 1
 * elements before, zeros where it is not given. Then SiLU, x·sigmoid(x), if asked for. Outputs Y and the last k − 1
 * elements. Source: onnx.ai/onnx/operators, CausalConvWithState.
 */
export const causalConvolution: Operator = (call) => {
  const x = call.input(0);
  const w = call.input(1);
  const [bias, past] = [call.optional(2), call.optional(3)];
  const activation = call.text('activation', 'none');
  if (!['none', 'silu', 'swish'].includes(activation))
    throw new BnnqError(
      'malformed',
      `attribute "activation" is "${activation}", expected none, silu or swish`,
    );
  const [batch = 0, channels = 0, length = 0] = x.shape;
  const kernel = w.shape[2] ?? 0;
  const stateShape = [batch, channels, kernel - 1];
  const fits =
    x.shape.length === 3 &&
    sameShape(w.shape, [channels, 1, kernel]) &&
    kernel > 0 &&
    (bias === undefined || sameShape(bias.shape, [channels])) &&
    (past === undefined || sameShape(past.shape, stateShape));
  if (!fits)
    throw new BnnqError(
      'mismatch',
      `operands of shapes ${[x, w, bias, past].map((t) => (t === undefined ? 'none' : shapeText(t.shape))).join(', ')} do not fit`,
    );
  const wrong = [x, w, bias, past].find((tensor) => tensor !== undefined && tensor.dtype !== 'FLOAT');
  if (wrong !== undefined) throw new BnnqError('unsupported', `CausalConvWithState of type ${wrong.dtype}`);
  const width = length + kernel - 1;
  const y = call.allocate('FLOAT', x.shape);
  const present = call.allocate('FLOAT', stateShape);
  const padded = call.allocate('FLOAT', [batch, channels, width]);
  const line = padded.data as Float32Array;
  const from = x.data as Float32Array;
  const before = past?.data as Float32Array | undefined;
  for (let row = 0; row < batch * channels; row++) {
    const start = row * width;
    if (before === undefined) line.fill(0, start, start + kernel - 1);
    else line.set(before.subarray(row * (kernel - 1), (row + 1) * (kernel - 1)), start);
    line.set(from.subarray(row * length, (row + 1) * length), start + kernel - 1);
    (present.data as Float32Array).set(line.subarray(start + length, start + width), row * (kernel - 1));
  }
  if (y.data.length > 0) {
    const shape = {
      ...POINTWISE,
      batch,
      inChannels: channels,
      outChannels: channels,
      groups: channels,
      inWidth: width,
      outWidth: length,
      kernelWidth: kernel,
    };
    withWeights(
      w,
      `conv2d/${channels}`,
      () => call.kernels.prepareConv2d(rowsOfFirstAxis(w), shape),
      (weights) => {
        const epilogue = { bias: bias?.data as Float32Array | undefined };
        call.kernels.conv2d(padded.data as Float32Array, weights, y.data as Float32Array, shape, epilogue);
      },
    );
  }
  call.release(padded);
  if (activation !== 'none') {
    const to = y.data as Float32Array;
    for (let i = 0; i < to.length; i++) to[i] = to[i]! * sigmoid(to[i]!);
  }
  if (call.wants(1)) return [y, present];
  call.release(present);
  return y;
};
