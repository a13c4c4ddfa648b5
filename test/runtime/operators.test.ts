import { describe, it } from 'vitest';
import type { DataType } from '../../src/tensor/dtype.ts';
import { floats, type Tensor } from '../../src/tensor/tensor.ts';
import { int64, type ShortAttribute } from './build-model.ts';
import { expectAsOnnxRuntime, someTensor } from './oracle.ts';

type Attributes = Readonly<Record<string, ShortAttribute>>;

interface Case {
  readonly op: string;
  readonly note: string;
  /** Types and shapes of the inputs X0, X1, …; a tensor is a constant. null is an absent operand. */
  readonly inputs: readonly (Tensor | readonly [DataType, readonly number[]] | null)[];
  readonly attributes?: Attributes;
  readonly outputs?: readonly DataType[];
  readonly opset?: number;
}

const f = (...shape: number[]): readonly [DataType, readonly number[]] => ['FLOAT', shape];
const fixed = (...shape: number[]): Tensor => someTensor('FLOAT', shape, 99);
const positive = (...shape: number[]): Tensor => {
  const tensor = fixed(...shape);
  return floats(
    shape,
    (tensor.data as Float32Array).map((v) => Math.abs(v) + 0.1),
  );
};

const CONVOLUTIONS: readonly Case[] = [
  {
    op: 'Conv',
    note: '3x3 with bias and padding',
    inputs: [f(2, 3, 9, 8), fixed(5, 3, 3, 3), fixed(5)],
    attributes: { pads: [1, 1, 1, 1] },
  },
  {
    op: 'Conv',
    note: 'strides, dilations, uneven pads',
    inputs: [f(1, 4, 11, 13), fixed(6, 4, 3, 2)],
    attributes: { strides: [2, 3], dilations: [2, 1], pads: [2, 0, 1, 3] },
  },
  {
    op: 'Conv',
    note: 'two groups',
    inputs: [f(2, 6, 7, 7), fixed(4, 3, 3, 3), fixed(4)],
    attributes: { group: 2 },
  },
  {
    op: 'Conv',
    note: 'depthwise',
    inputs: [f(1, 8, 10, 9), fixed(8, 1, 3, 3), fixed(8)],
    attributes: { group: 8, pads: [1, 1, 1, 1], strides: [2, 2] },
  },
  {
    op: 'Conv',
    note: 'depthwise with two filters a channel',
    inputs: [f(1, 3, 8, 8), fixed(6, 1, 5, 5)],
    attributes: { group: 3, pads: [2, 2, 2, 2] },
  },
  {
    op: 'Conv',
    note: 'SAME_UPPER',
    inputs: [f(1, 2, 8, 7), fixed(3, 2, 4, 4)],
    attributes: { auto_pad: 'SAME_UPPER', strides: [2, 2] },
  },
  {
    op: 'Conv',
    note: 'SAME_LOWER',
    inputs: [f(1, 2, 8, 7), fixed(3, 2, 4, 4)],
    attributes: { auto_pad: 'SAME_LOWER', strides: [2, 2] },
  },
  {
    op: 'Conv',
    note: 'VALID',
    inputs: [f(1, 2, 8, 7), fixed(3, 2, 3, 3)],
    attributes: { auto_pad: 'VALID' },
  },
  {
    op: 'Conv',
    note: 'one spatial axis',
    inputs: [f(2, 3, 17), fixed(4, 3, 5), fixed(4)],
    attributes: { pads: [2, 1], strides: [2] },
  },
  {
    op: 'Conv',
    note: 'three spatial axes',
    inputs: [f(1, 2, 5, 6, 7), fixed(3, 2, 2, 3, 3), fixed(3)],
    attributes: { pads: [0, 1, 1, 1, 1, 1], strides: [1, 2, 2] },
  },
  { op: 'Conv', note: 'weight computed at run time', inputs: [f(1, 3, 6, 6), f(4, 3, 3, 3), f(4)] },
  {
    op: 'ConvTranspose',
    note: 'stride 2, kernel 2',
    inputs: [f(2, 4, 5, 6), fixed(4, 3, 2, 2), fixed(3)],
    attributes: { strides: [2, 2] },
  },
  {
    op: 'ConvTranspose',
    note: 'overlap, pads, output_padding',
    inputs: [f(1, 4, 5, 6), fixed(4, 3, 3, 3)],
    attributes: { strides: [2, 3], pads: [1, 0, 1, 2], output_padding: [1, 2] },
  },
  {
    op: 'ConvTranspose',
    note: 'two groups, dilations',
    inputs: [f(1, 4, 4, 4), fixed(4, 3, 3, 2), fixed(6)],
    attributes: { group: 2, dilations: [2, 3] },
  },
  {
    op: 'ConvTranspose',
    note: 'SAME_UPPER',
    inputs: [f(1, 2, 5, 5), fixed(2, 2, 3, 3)],
    attributes: { auto_pad: 'SAME_UPPER', strides: [2, 2] },
  },
  {
    op: 'ConvTranspose',
    note: 'output_shape',
    inputs: [f(1, 2, 5, 5), fixed(2, 2, 3, 3)],
    attributes: { output_shape: [10, 9], strides: [2, 2] },
  },
  {
    op: 'ConvTranspose',
    note: 'one spatial axis',
    inputs: [f(1, 2, 7), fixed(2, 3, 4)],
    attributes: { strides: [3] },
  },
  {
    op: 'ConvTranspose',
    note: 'three spatial axes',
    inputs: [f(1, 2, 3, 4, 3), fixed(2, 2, 2, 3, 2)],
    attributes: { strides: [1, 2, 2] },
  },
];

const LINEAR: readonly Case[] = [
  {
    op: 'Gemm',
    note: 'weight rows and bias',
    inputs: [f(3, 20), fixed(7, 20), fixed(7)],
    attributes: { transB: 1 },
  },
  { op: 'Gemm', note: 'weight columns', inputs: [f(3, 20), fixed(20, 7)] },
  {
    op: 'Gemm',
    note: 'alpha, beta, transA, C a column',
    inputs: [f(20, 3), fixed(20, 7), fixed(3, 1)],
    attributes: { transA: 1, alpha: { float: 0.5 }, beta: { float: 2 } },
  },
  { op: 'Gemm', note: 'both computed at run time', inputs: [f(5, 9), f(9, 4), f(1, 4)] },
  { op: 'Gemm', note: 'C a scalar', inputs: [f(5, 9), fixed(9, 4), fixed(1)] },
  { op: 'MatMul', note: 'constant matrix under a batch', inputs: [f(2, 3, 4, 10), fixed(10, 6)] },
  { op: 'MatMul', note: 'constant matrix on the left', inputs: [fixed(6, 10), f(10, 5)] },
  { op: 'MatMul', note: 'batches that broadcast', inputs: [f(2, 1, 4, 5), f(3, 5, 6)] },
  { op: 'MatMul', note: 'vector times matrix', inputs: [f(5), f(5, 6)] },
  { op: 'MatMul', note: 'matrix times vector', inputs: [f(4, 5), f(5)] },
  { op: 'MatMul', note: 'vector times constant matrix', inputs: [f(5), fixed(5, 6)] },
  {
    op: 'MatMul',
    note: 'INT32',
    inputs: [
      ['INT32', [4, 5]],
      ['INT32', [5, 6]],
    ],
    outputs: ['INT32'],
  },
  {
    op: 'MatMul',
    note: 'DOUBLE',
    inputs: [
      ['DOUBLE', [4, 5]],
      ['DOUBLE', [5, 6]],
    ],
    outputs: ['DOUBLE'],
  },
];

const NORMALIZATIONS: readonly Case[] = [
  {
    op: 'BatchNormalization',
    note: 'constant statistics',
    inputs: [f(2, 4, 5, 3), fixed(4), fixed(4), fixed(4), positive(4)],
    attributes: { epsilon: { float: 1e-3 } },
  },
  {
    op: 'BatchNormalization',
    note: 'opset 9, [N,C]',
    inputs: [f(6, 4), fixed(4), fixed(4), fixed(4), positive(4)],
    opset: 9,
  },
  { op: 'InstanceNormalization', note: '', inputs: [f(2, 3, 4, 5), fixed(3), fixed(3)] },
  { op: 'LayerNormalization', note: 'last axis', inputs: [f(2, 3, 8), fixed(8), fixed(8)] },
  {
    op: 'LayerNormalization',
    note: 'two axes, no bias',
    inputs: [f(2, 3, 8), fixed(3, 8)],
    attributes: { axis: 1 },
  },
  {
    op: 'LRN',
    note: 'size 5',
    inputs: [f(2, 9, 3, 4)],
    attributes: { size: 5, alpha: { float: 0.01 }, beta: { float: 0.7 }, bias: { float: 2 } },
  },
  { op: 'LRN', note: 'even size', inputs: [f(1, 6, 2, 2)], attributes: { size: 3 } },
  { op: 'LpNormalization', note: 'p 1', inputs: [f(3, 4, 5)], attributes: { axis: 1, p: 1 } },
  { op: 'LpNormalization', note: 'p 2', inputs: [f(3, 4, 5)] },
];

const POOLS: readonly Case[] = [
  {
    op: 'MaxPool',
    note: 'pads and stride',
    inputs: [f(2, 3, 9, 8)],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  },
  {
    op: 'MaxPool',
    note: 'ceil_mode',
    inputs: [f(1, 3, 10, 10)],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 },
  },
  {
    op: 'MaxPool',
    note: 'dilations',
    inputs: [f(1, 2, 12, 12)],
    attributes: { kernel_shape: [3, 2], dilations: [2, 3] },
  },
  {
    op: 'MaxPool',
    note: 'SAME_UPPER',
    inputs: [f(1, 2, 7, 8)],
    attributes: { kernel_shape: [2, 2], strides: [2, 2], auto_pad: 'SAME_UPPER' },
  },
  {
    op: 'MaxPool',
    note: 'with indices',
    inputs: [f(1, 2, 6, 6)],
    attributes: { kernel_shape: [2, 2], strides: [2, 2] },
    outputs: ['FLOAT', 'INT64'],
  },
  { op: 'MaxPool', note: 'one axis', inputs: [f(1, 2, 9)], attributes: { kernel_shape: [3], strides: [2] } },
  {
    op: 'MaxPool',
    note: 'three axes',
    inputs: [f(1, 2, 5, 6, 7)],
    attributes: { kernel_shape: [2, 3, 2], strides: [1, 2, 2] },
  },
  {
    op: 'AveragePool',
    note: 'padding not counted',
    inputs: [f(1, 3, 9, 8)],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  },
  {
    op: 'AveragePool',
    note: 'padding counted',
    inputs: [f(1, 3, 9, 8)],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 0, 1, 2], count_include_pad: 1 },
  },
  {
    op: 'AveragePool',
    note: 'ceil_mode',
    inputs: [f(1, 3, 10, 10)],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 },
  },
  {
    op: 'AveragePool',
    note: 'SAME_LOWER',
    inputs: [f(1, 2, 7, 8)],
    attributes: { kernel_shape: [2, 2], auto_pad: 'SAME_LOWER' },
  },
  {
    op: 'AveragePool',
    note: 'three axes',
    inputs: [f(1, 2, 5, 6, 7)],
    attributes: { kernel_shape: [2, 3, 2], pads: [1, 1, 1, 1, 1, 1] },
  },
  { op: 'GlobalAveragePool', note: '', inputs: [f(2, 5, 7, 6)] },
  { op: 'GlobalMaxPool', note: '', inputs: [f(2, 5, 7, 6)] },
  {
    op: 'LpPool',
    note: 'p 2',
    inputs: [f(1, 2, 6, 6)],
    attributes: { kernel_shape: [2, 2], strides: [2, 2] },
  },
];

const unary = (op: string, attributes: Attributes = {}, opset = 17): Case => ({
  op,
  note: JSON.stringify(attributes),
  inputs: [f(3, 37)],
  attributes,
  opset,
});

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

const ARITHMETIC: readonly Case[] = [
  { op: 'Add', note: 'same shape', inputs: [f(2, 3, 4, 5), f(2, 3, 4, 5)] },
  { op: 'Add', note: 'scalar', inputs: [f(2, 3, 4), f()] },
  { op: 'Sub', note: 'channel', inputs: [f(2, 3, 4, 5), f(3, 1, 1)] },
  { op: 'Sub', note: 'the first operand is the smaller one', inputs: [f(3, 1, 1), f(2, 3, 4, 5)] },
  { op: 'Mul', note: 'a value a sample and channel', inputs: [f(2, 3, 4, 5), f(2, 3, 1, 1)] },
  { op: 'Div', note: 'last axis', inputs: [f(2, 3, 4), f(4)] },
  { op: 'Mul', note: 'both broadcast', inputs: [f(2, 1, 4), f(3, 1)] },
  { op: 'Add', note: 'middle axes of the second repeat', inputs: [f(2, 3, 4, 5), f(2, 1, 4, 1)] },
  { op: 'Pow', note: 'squares', inputs: [f(3, 4), floats([], [2])] },
  { op: 'Pow', note: 'INT64 exponent', inputs: [f(3, 4), int64([3], [])] },
  { op: 'Max', note: 'three operands', inputs: [f(3, 4), f(4), f(3, 1)] },
  { op: 'Min', note: 'one operand', inputs: [f(3, 4)] },
  { op: 'Sum', note: 'one operand twice', inputs: [f(3, 4), f(4), f(1)] },
  { op: 'Mean', note: '', inputs: [f(3, 4), f(3, 4)] },
  {
    op: 'Add',
    note: 'INT64',
    inputs: [
      ['INT64', [3, 4]],
      ['INT64', [4]],
    ],
    outputs: ['INT64'],
  },
  {
    op: 'Mul',
    note: 'INT32',
    inputs: [
      ['INT32', [3, 4]],
      ['INT32', [3, 1]],
    ],
    outputs: ['INT32'],
  },
  {
    op: 'Div',
    note: 'INT64 is cut towards zero',
    inputs: [['INT64', [3, 4]], int64([3], [])],
    outputs: ['INT64'],
  },
  {
    op: 'Div',
    note: 'DOUBLE',
    inputs: [
      ['DOUBLE', [3, 4]],
      ['DOUBLE', [3, 4]],
    ],
    outputs: ['DOUBLE'],
  },
  { op: 'Mod', note: 'INT64', inputs: [['INT64', [3, 4]], int64([3], [])], outputs: ['INT64'] },
  { op: 'Mod', note: 'fmod', inputs: [f(3, 4), floats([], [0.7])], attributes: { fmod: 1 } },
  unary('Sqrt'),
  unary('Exp'),
  unary('Log'),
  unary('Abs'),
  unary('Neg'),
  unary('Reciprocal'),
  unary('Floor'),
  unary('Ceil'),
  unary('Round'),
  unary('Sign'),
  unary('Sin'),
  unary('Cos'),
  unary('Tan'),
  unary('Sinh'),
  unary('Cosh'),
  unary('Asinh'),
  unary('Atanh'),
];

const i64: readonly [DataType, readonly number[]] = ['INT64', [3, 4]];
const bool: readonly [DataType, readonly number[]] = ['BOOL', [3, 4]];

const LOGIC: readonly Case[] = [
  { op: 'Equal', note: 'INT64', inputs: [i64, ['INT64', [4]]], outputs: ['BOOL'] },
  { op: 'Greater', note: '', inputs: [f(3, 4), f(3, 1)], outputs: ['BOOL'] },
  { op: 'Less', note: 'INT64', inputs: [i64, i64], outputs: ['BOOL'] },
  {
    op: 'GreaterOrEqual',
    note: 'INT32',
    inputs: [
      ['INT32', [3, 4]],
      ['INT32', [3, 4]],
    ],
    outputs: ['BOOL'],
  },
  { op: 'LessOrEqual', note: '', inputs: [f(3, 4), f(4)], outputs: ['BOOL'] },
  { op: 'And', note: '', inputs: [bool, ['BOOL', [4]]], outputs: ['BOOL'] },
  { op: 'Or', note: '', inputs: [bool, bool], outputs: ['BOOL'] },
  { op: 'Xor', note: '', inputs: [bool, bool], outputs: ['BOOL'] },
  { op: 'Not', note: '', inputs: [bool], outputs: ['BOOL'] },
  { op: 'Where', note: 'all three broadcast', inputs: [['BOOL', [3, 1]], f(1, 4), f(3, 4)] },
  { op: 'Where', note: 'INT64', inputs: [bool, i64, i64], outputs: ['INT64'] },
];

const SHAPES: readonly Case[] = [
  {
    op: 'Shape',
    note: 'part',
    inputs: [f(2, 3, 4, 5)],
    attributes: { start: 1, end: -1 },
    outputs: ['INT64'],
  },
  { op: 'Size', note: '', inputs: [f(2, 3, 4)], outputs: ['INT64'] },
  { op: 'Reshape', note: '0 and -1', inputs: [f(2, 3, 4), int64([0, -1, 2])] },
  { op: 'Flatten', note: 'axis 2', inputs: [f(2, 3, 4, 5)], attributes: { axis: 2 } },
  { op: 'Squeeze', note: 'axes', inputs: [f(1, 3, 1, 4), int64([0, -2])] },
  { op: 'Squeeze', note: 'opset 11', inputs: [f(1, 3, 1, 4)], attributes: { axes: [2] }, opset: 11 },
  { op: 'Unsqueeze', note: '', inputs: [f(3, 4), int64([0, -1])] },
  { op: 'Transpose', note: 'NHWC to NCHW', inputs: [f(2, 5, 6, 3)], attributes: { perm: [0, 3, 1, 2] } },
  { op: 'Transpose', note: 'five axes', inputs: [f(2, 3, 4, 2, 3)], attributes: { perm: [4, 1, 3, 0, 2] } },
  { op: 'Transpose', note: 'default, INT64', inputs: [i64], outputs: ['INT64'] },
  {
    op: 'Concat',
    note: 'middle axis',
    inputs: [f(2, 3, 4), f(2, 1, 4), f(2, 5, 4)],
    attributes: { axis: 1 },
  },
  {
    op: 'Split',
    note: 'lengths',
    inputs: [f(2, 9), int64([2, 3, 4])],
    attributes: { axis: 1 },
    outputs: ['FLOAT', 'FLOAT', 'FLOAT'],
  },
  { op: 'Split', note: 'even, opset 11', inputs: [f(6, 2)], outputs: ['FLOAT', 'FLOAT'], opset: 11 },
  {
    op: 'Split',
    note: 'num_outputs',
    inputs: [f(7, 2)],
    attributes: { num_outputs: 3 },
    outputs: ['FLOAT', 'FLOAT', 'FLOAT'],
    opset: 18,
  },
  {
    op: 'Slice',
    note: 'steps and negative ends',
    inputs: [f(5, 9, 6), int64([1, -1]), int64([-1, -9]), int64([0, 1]), int64([2, -3])],
  },
  {
    op: 'Slice',
    note: 'opset 9',
    inputs: [f(5, 9)],
    attributes: { starts: [1, -4], ends: [100, -1], axes: [0, 1] },
    opset: 9,
  },
  { op: 'Expand', note: '', inputs: [f(3, 1), int64([2, 1, 4])] },
  { op: 'Tile', note: '', inputs: [f(2, 3), int64([2, 3])] },
  { op: 'Pad', note: 'constant', inputs: [f(2, 3, 4), int64([0, 1, 2, 1, 0, 3]), floats([], [1.5])] },
  { op: 'Pad', note: 'crop', inputs: [f(2, 3, 6), int64([0, 1, -2, 0, -1, 3])] },
  { op: 'Pad', note: 'reflect', inputs: [f(3, 5), int64([1, 2, 2, 3])], attributes: { mode: 'reflect' } },
  { op: 'Pad', note: 'edge', inputs: [f(3, 5), int64([1, 2, 2, 3])], attributes: { mode: 'edge' } },
  {
    op: 'Pad',
    note: 'opset 9',
    inputs: [f(3, 5)],
    attributes: { pads: [1, 0, 0, 2], value: { float: 2 } },
    opset: 9,
  },
  { op: 'DepthToSpace', note: 'DCR', inputs: [f(2, 8, 3, 4)], attributes: { blocksize: 2 } },
  { op: 'DepthToSpace', note: 'CRD', inputs: [f(2, 8, 3, 4)], attributes: { blocksize: 2, mode: 'CRD' } },
  { op: 'SpaceToDepth', note: '', inputs: [f(2, 3, 4, 6)], attributes: { blocksize: 2 } },
  { op: 'Cast', note: 'FLOAT to INT64', inputs: [f(3, 4)], attributes: { to: 7 }, outputs: ['INT64'] },
  { op: 'Cast', note: 'INT64 to FLOAT', inputs: [i64], attributes: { to: 1 } },
  {
    op: 'Cast',
    note: 'FLOAT to BOOL',
    inputs: [floats([3], [0, -0.5, 2])],
    attributes: { to: 9 },
    outputs: ['BOOL'],
  },
  { op: 'Dropout', note: 'inference', inputs: [f(3, 4)] },
  { op: 'ConstantOfShape', note: '', inputs: [int64([2, 3])], attributes: { value: floats([1], [2.5]) } },
];

const INDEXING: readonly Case[] = [
  {
    op: 'Gather',
    note: 'axis 1, negative index',
    inputs: [f(3, 5, 2), int64([4, 0, -1, 2], [2, 2])],
    attributes: { axis: 1 },
  },
  { op: 'Gather', note: 'scalar index', inputs: [f(3, 5), int64([1], [])] },
  { op: 'GatherElements', note: '', inputs: [f(3, 3), int64([1, 2, 0, 2, 0, 0], [2, 3])] },
  {
    op: 'GatherND',
    note: 'batch_dims',
    inputs: [f(2, 3, 4), int64([1, 0], [2, 1])],
    attributes: { batch_dims: 1 },
  },
  { op: 'ScatterND', note: '', inputs: [f(4, 3), int64([1, 3], [2, 1]), f(2, 3)] },
  {
    op: 'ScatterElements',
    note: 'add',
    inputs: [f(3, 3), int64([0, 0, 2], [1, 3]), f(1, 3)],
    attributes: { reduction: 'add' },
  },
  {
    op: 'OneHot',
    note: '',
    inputs: [int64([1, 0, -1], [3]), int64([4]), floats([2], [0, 5])],
    attributes: { axis: 0 },
  },
  { op: 'Range', note: '', inputs: [floats([], [1]), floats([], [4.2]), floats([], [0.5])] },
  { op: 'Trilu', note: 'upper', inputs: [f(2, 3, 4), int64([1], [])] },
  { op: 'EyeLike', note: '', inputs: [f(3, 4)], attributes: { k: 1 } },
  { op: 'TopK', note: '', inputs: [f(3, 8), int64([3])], outputs: ['FLOAT', 'INT64'] },
  {
    op: 'TopK',
    note: 'smallest, axis 0',
    inputs: [f(8, 3), int64([2])],
    attributes: { axis: 0, largest: 0 },
    outputs: ['FLOAT', 'INT64'],
  },
  { op: 'ArgMax', note: '', inputs: [f(3, 8)], attributes: { axis: 1, keepdims: 0 }, outputs: ['INT64'] },
  {
    op: 'ArgMin',
    note: 'last of equal ones',
    inputs: [floats([1, 4], [1, 0, 0, 2])],
    attributes: { axis: 1, select_last_index: 1 },
    outputs: ['INT64'],
  },
  { op: 'NonZero', note: '', inputs: [floats([2, 3], [0, 1, 2, 0, 0, 3])], outputs: ['INT64'] },
  {
    op: 'CumSum',
    note: 'exclusive, reverse',
    inputs: [f(3, 4), int64([1], [])],
    attributes: { exclusive: 1, reverse: 1 },
  },
];

const reduction = (op: string, attributes: Attributes, opset = 13): Case => ({
  op,
  note: JSON.stringify(attributes),
  inputs: [f(3, 4, 5)],
  attributes,
  opset,
});

const REDUCTIONS: readonly Case[] = [
  ...[
    'ReduceMean',
    'ReduceMax',
    'ReduceMin',
    'ReduceProd',
    'ReduceL1',
    'ReduceL2',
    'ReduceSumSquare',
    'ReduceLogSumExp',
  ].flatMap((op) => [
    reduction(op, { axes: [1] }),
    reduction(op, { axes: [0, 2], keepdims: 0 }),
    reduction(op, {}),
  ]),
  { op: 'ReduceSum', note: 'axes as input', inputs: [f(3, 4, 5), int64([-1])], attributes: { keepdims: 0 } },
  { op: 'ReduceSum', note: 'nothing to do', inputs: [f(3, 4, 5)], attributes: { noop_with_empty_axes: 1 } },
  { op: 'ReduceMean', note: 'axes as input', inputs: [f(3, 4, 5), int64([0, 1])], opset: 18 },
  { op: 'ReduceLogSum', note: '', inputs: [positive(3, 4)], attributes: { axes: [1] }, opset: 13 },
  {
    op: 'ReduceMax',
    note: 'INT64',
    inputs: [['INT64', [3, 4]]],
    attributes: { axes: [0] },
    outputs: ['INT64'],
    opset: 13,
  },
];

const resize = (note: string, scales: readonly number[], attributes: Attributes, opset = 13): Case => ({
  op: 'Resize',
  note,
  inputs: [f(1, 2, 5, 6), null, floats([4], scales)],
  attributes,
  opset,
});

const RESIZES: readonly Case[] = [
  resize('nearest, asymmetric, floor', [1, 1, 2, 2], {
    coordinate_transformation_mode: 'asymmetric',
    nearest_mode: 'floor',
  }),
  resize('nearest, half_pixel', [1, 1, 1.5, 0.7], {}),
  resize('linear, half_pixel', [1, 1, 2, 1.5], { mode: 'linear' }),
  resize('linear, pytorch_half_pixel, smaller', [1, 1, 0.6, 0.5], {
    mode: 'linear',
    coordinate_transformation_mode: 'pytorch_half_pixel',
  }),
  resize('linear, align_corners', [1, 1, 2, 3], {
    mode: 'linear',
    coordinate_transformation_mode: 'align_corners',
  }),
  resize('cubic', [1, 1, 2, 1.5], { mode: 'cubic' }),
  resize('cubic, outside excluded', [1, 1, 2, 1.5], { mode: 'cubic', exclude_outside: 1 }),
  resize('linear, antialias', [1, 1, 0.5, 0.6], { mode: 'linear', antialias: 1 }, 18),
  {
    op: 'Resize',
    note: 'to sizes',
    inputs: [f(1, 2, 5, 6), null, null, int64([1, 2, 8, 4])],
    attributes: { mode: 'linear' },
  },
  { op: 'Resize', note: 'opset 10', inputs: [f(1, 2, 5, 6), floats([4], [1, 1, 2, 2])], opset: 10 },
  {
    op: 'Upsample',
    note: 'opset 9',
    inputs: [f(1, 2, 5, 6), floats([4], [1, 1, 2, 2])],
    attributes: { mode: 'linear' },
    opset: 9,
  },
];

const QUANTIZATION: readonly Case[] = [
  {
    op: 'QuantizeLinear',
    note: 'UINT8',
    inputs: [f(3, 4), floats([], [0.02]), { dtype: 'UINT8', shape: [], data: Uint8Array.of(128) }],
    outputs: ['UINT8'],
  },
  {
    op: 'DequantizeLinear',
    note: 'an axis',
    inputs: [
      ['INT8', [3, 4]],
      floats([3], [0.1, 0.2, 0.3]),
      { dtype: 'INT8', shape: [3], data: Int8Array.of(1, 0, -2) },
    ],
    attributes: { axis: 0 },
  },
];

const FAMILIES: Readonly<Record<string, readonly Case[]>> = {
  convolutions: CONVOLUTIONS,
  'matrix products': LINEAR,
  normalizations: NORMALIZATIONS,
  pools: POOLS,
  activations: ACTIVATIONS,
  arithmetic: ARITHMETIC,
  logic: LOGIC,
  shapes: SHAPES,
  indexing: INDEXING,
  reductions: REDUCTIONS,
  resizing: RESIZES,
  quantization: QUANTIZATION,
};

const FLOAT_ONLY: readonly DataType[] = ['FLOAT'];

for (const [family, cases] of Object.entries(FAMILIES))
  describe(`${family} agree with onnxruntime`, () => {
    for (const { op, note, inputs, attributes = {}, outputs = FLOAT_ONLY, opset = 17 } of cases)
      it(`${op} ${note}`, async () => {
        const fed: Record<string, readonly [DataType, readonly number[]]> = {};
        const constants: Record<string, Tensor> = {};
        const names = inputs.map((input, i) => {
          if (input === null) return '';
          if ('dtype' in input) constants[`X${i}`] = input;
          else fed[`X${i}`] = input;
          return `X${i}`;
        });
        const made = outputs.map((_, i) => `Y${i}`);
        await expectAsOnnxRuntime({
          opset,
          inputs: fed,
          constants,
          outputs: made,
          outputTypes: Object.fromEntries(outputs.map((dtype, i) => [`Y${i}`, dtype])),
          nodes: [{ op, inputs: names, outputs: made, attributes }],
        });
      });
  });
