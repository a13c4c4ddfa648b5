import { BnnqError } from '../../errors.ts';
import { sigmoid, tanh } from '../../kernels/math/exp.ts';
import type { Call, Operator } from '../call.ts';
import { sameShape, shapeText } from '../shapes.ts';
import { convolve } from './convolution.ts';
import type { OperatorTable } from './operator-table.ts';

/** A clamp that the kernels apply themselves, or a function of each element. */
type Activation =
  | { readonly low: number; readonly high?: number | undefined }
  | { readonly f: (x: number) => number };

/** The attributes `activation` and `activation_params`, the parameters in the order of the operator's own attributes. */
function activationOf(call: Call): Activation | undefined {
  const name = call.text('activation', '');
  const parameters = call.ints('activation_params') ?? [];
  const count = { HardSigmoid: 2, Clip: 2, LeakyRelu: 1 }[name] ?? 0;
  if (parameters.length < count)
    throw new BnnqError(
      'malformed',
      `activation ${name} takes ${count} parameters, ${parameters.length} given`,
    );
  const [first = 0, second = 0] = parameters;
  switch (name) {
    case '':
      return undefined;
    case 'Relu':
      return { low: 0 };
    case 'Clip':
      return { low: first, high: second };
    case 'LeakyRelu':
      return { f: (x) => (x < 0 ? first * x : x) };
    case 'Sigmoid':
      return { f: sigmoid };
    case 'Tanh':
      return { f: tanh };
    case 'HardSigmoid':
      return { f: (x) => Math.max(0, Math.min(1, first * x + second)) };
  }
  throw new BnnqError('unsupported', `activation ${name}`);
}

/**
 * X, W, B and Z: the activation of the convolution plus B plus Z, where Z is of the result's shape. As onnxruntime's
 * optimizer writes it, domain com.microsoft. Source: onnxruntime, docs/ContribOperators.md.
 */
const fusedConv: Operator = (call) => {
  const activation = activationOf(call);
  const addend = call.optional(3);
  for (const tensor of [call.input(0), call.input(1), addend])
    if (tensor !== undefined && tensor.dtype !== 'FLOAT')
      throw new BnnqError('unsupported', `FusedConv of type ${tensor.dtype}`);
  const clamp = activation !== undefined && 'low' in activation ? activation : {};
  const y = convolve(call, { bias: call.optional(2), addend, ...clamp });
  if (addend !== undefined && !sameShape(addend.shape, y.shape))
    throw new BnnqError('mismatch', `Z of shape ${shapeText(addend.shape)} for ${shapeText(y.shape)}`);
  if (activation !== undefined && 'f' in activation) {
    const data = y.data as Float32Array;
    for (let i = 0; i < data.length; i++) data[i] = activation.f(data[i]!);
  }
  return y;
};

export const MICROSOFT_CONVOLUTIONS: OperatorTable = { FusedConv: { 1: fusedConv } };
