import { floats } from '../../../src/tensor/tensor.ts';
import { type Case, f, fixed, testFamily, unary } from '../operator-cases.ts';

const ACTIVATIONS: readonly Case[] = [
  unary('Relu'),
  unary('LeakyRelu', { alpha: { float: 0.2 } }),
  unary('Elu', { alpha: { float: 1.5 } }),
  unary('Selu'),
  unary('Selu', { alpha: { float: 1.2 }, gamma: { float: 0.7 } }),
  unary('Celu', { alpha: { float: 0.6 } }),
  unary('Sigmoid'),
  unary('HardSigmoid', { alpha: { float: 0.3 }, beta: { float: 0.4 } }),
  unary('HardSwish'),
  unary('Tanh'),
  unary('Softplus'),
  unary('Softsign'),
  unary('ThresholdedRelu', { alpha: { float: 0.4 } }),
  unary('Shrink', { lambd: { float: 0.5 }, bias: { float: 0.1 } }),
  unary('Mish', {}, 18),
  unary('Gelu', {}, 20),
  unary('Gelu', { approximate: 'tanh' }, 20),
  unary('Erf'),
  unary('Clip', { min: { float: -0.5 }, max: { float: 0.75 } }, 10),
  { op: 'Clip', note: 'bounds as inputs', inputs: [f(4, 5), floats([], [-1]), floats([], [0.5])] },
  { op: 'Clip', note: 'upper bound only', inputs: [f(4, 5), null, floats([], [0.5])] },
  { op: 'PRelu', note: 'a slope a channel', inputs: [f(2, 3, 4, 5), fixed(3, 1, 1)] },
  { op: 'Softmax', note: 'last axis', inputs: [f(3, 4, 5)] },
  { op: 'Softmax', note: 'axis 1', inputs: [f(3, 4, 5)], attributes: { axis: 1 } },
  { op: 'Softmax', note: 'opset 11 flattens', inputs: [f(3, 4, 5)], opset: 11 },
  { op: 'LogSoftmax', note: 'axis 0', inputs: [f(3, 4, 5)], attributes: { axis: 0 } },
  { op: 'Hardmax', note: '', inputs: [f(3, 4, 5)] },
];

testFamily('activations', ACTIVATIONS);
