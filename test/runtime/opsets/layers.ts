import { floats } from '../../../src/tensor/tensor.ts';
import { int64 } from '../build-model.ts';
import { f, fixed, positive } from '../operator-cases.ts';
import type { VersionedCase } from './versioned-case.ts';

const SOFTMAXES: readonly VersionedCase[] = ['Softmax', 'LogSoftmax', 'Hardmax'].flatMap(
  (op): VersionedCase[] => [
    { op, note: 'over everything from axis 1 on', to: 12, inputs: [f(2, 3, 4)] },
    { op, note: 'over everything from an axis on', to: 12, inputs: [f(2, 3, 4)], attributes: { axis: 2 } },
    {
      op,
      note: 'from an axis from the end on',
      from: 11,
      to: 12,
      inputs: [f(2, 3, 4)],
      attributes: { axis: -2 },
    },
    { op, note: 'over the last axis', from: 13, inputs: [f(2, 3, 4)] },
    { op, note: 'over one axis', from: 13, inputs: [f(2, 3, 4)], attributes: { axis: 1 } },
  ],
);

const NORMALIZATIONS: readonly VersionedCase[] = [
  { op: 'BatchNormalization', inputs: [f(2, 3, 4), fixed(3), fixed(3), fixed(3), positive(3)] },
  { op: 'BatchNormalization', note: 'of rows', inputs: [f(4, 3), fixed(3), fixed(3), fixed(3), positive(3)] },
  {
    op: 'BatchNormalization',
    note: 'of every element by itself',
    to: 8,
    inputs: [f(2, 3, 2), fixed(3, 2), fixed(3, 2), fixed(3, 2), positive(3, 2)],
    attributes: { spatial: 0 },
  },
  {
    op: 'BatchNormalization',
    note: 'in training, told by the number of outputs',
    to: 13,
    inputs: [f(2, 3, 4), fixed(3), fixed(3), fixed(3), positive(3)],
    outputs: ['FLOAT', 'FLOAT', 'FLOAT'],
    refused: /training mode/,
  },
  {
    op: 'BatchNormalization',
    note: 'in training',
    from: 14,
    inputs: [f(2, 3, 4), fixed(3), fixed(3), fixed(3), positive(3)],
    attributes: { training_mode: 1, momentum: { float: 0.7 } },
    outputs: ['FLOAT', 'FLOAT', 'FLOAT'],
  },
  { op: 'InstanceNormalization', inputs: [f(2, 3, 5), fixed(3), fixed(3)] },
  {
    op: 'LayerNormalization',
    inputs: [f(2, 3, 4), fixed(3, 4), fixed(3, 4)],
    attributes: { axis: 1 },
    outputs: ['FLOAT', 'FLOAT', 'FLOAT'],
  },
  { op: 'RMSNormalization', inputs: [f(2, 3, 4), fixed(4)] },
  // The mean of [1, 3] is 2 and their deviation 1, those of [10, 14] are 12 and 2: both become [-1, 1].
  {
    op: 'GroupNormalization',
    note: 'with a scale a group',
    from: 18,
    to: 20,
    inputs: [floats([1, 4, 1], [1, 3, 10, 14]), floats([2], [2, 3]), floats([2], [5, 7])],
    attributes: { num_groups: 2, epsilon: { float: 0 } },
    expected: [floats([1, 4, 1], [3, 7, 4, 10])],
  },
  {
    op: 'GroupNormalization',
    note: 'with a scale a channel',
    from: 21,
    inputs: [floats([1, 4, 1], [1, 3, 10, 14]), floats([4], [1, 2, 3, 4]), floats([4], [5, 6, 7, 8])],
    attributes: { num_groups: 2, epsilon: { float: 0 } },
    expected: [floats([1, 4, 1], [4, 8, 4, 12])],
  },
  {
    op: 'LRN',
    inputs: [f(1, 5, 3, 2)],
    attributes: { size: 3, alpha: { float: 0.1 }, beta: { float: 0.7 }, bias: { float: 1.5 } },
  },
  { op: 'LpNormalization', inputs: [f(2, 3, 4)], attributes: { axis: 1 } },
  { op: 'LpNormalization', note: 'by absolute values', inputs: [f(2, 3, 4)], attributes: { p: 1 } },
];

const PRODUCTS: readonly VersionedCase[] = [
  { op: 'Gemm', note: 'with C broadcast', inputs: [f(2, 3), f(3, 4), f(4)] },
  {
    op: 'Gemm',
    note: 'with C a column',
    inputs: [f(2, 3), f(3, 4), f(2, 1)],
    attributes: { beta: { float: 0.5 } },
  },
  {
    op: 'Gemm',
    note: 'transposed',
    inputs: [f(3, 2), f(4, 3), f(1)],
    attributes: { transA: 1, transB: 1, alpha: { float: 2 } },
  },
  { op: 'Gemm', note: 'without C', from: 11, inputs: [f(2, 3), f(3, 4)] },
  { op: 'MatMul', inputs: [f(2, 3, 4), f(4, 5)] },
  { op: 'MatMul', note: 'of batches', inputs: [f(2, 1, 3, 4), f(5, 4, 2)] },
];

const CONVOLUTIONS: readonly VersionedCase[] = [
  {
    op: 'Conv',
    inputs: [f(1, 2, 5, 6), fixed(3, 2, 3, 3), fixed(3)],
    attributes: { pads: [1, 1, 1, 1], strides: [2, 2] },
  },
  {
    op: 'Conv',
    note: 'in groups, dilated',
    inputs: [f(1, 4, 7), fixed(4, 2, 3)],
    attributes: { group: 2, dilations: [2] },
  },
  {
    op: 'Conv',
    note: 'SAME_LOWER',
    inputs: [f(1, 1, 5, 6), fixed(2, 1, 2, 3)],
    attributes: { auto_pad: 'SAME_LOWER', strides: [2, 1] },
  },
  {
    op: 'ConvTranspose',
    inputs: [f(1, 2, 3, 4), fixed(2, 3, 3, 3), fixed(3)],
    attributes: { strides: [2, 2], pads: [1, 0, 1, 1], output_padding: [1, 0] },
  },
  {
    op: 'ConvTranspose',
    note: 'in groups, dilated',
    inputs: [f(2, 4, 5), fixed(4, 2, 3)],
    attributes: { group: 2, dilations: [2] },
  },
  {
    op: 'ConvTranspose',
    note: 'to a shape',
    inputs: [f(1, 1, 3, 3), fixed(1, 2, 3, 3)],
    attributes: { strides: [3, 2], output_shape: [10, 8] },
  },
  {
    op: 'ConvTranspose',
    note: 'SAME_UPPER',
    inputs: [f(1, 1, 3, 3), fixed(1, 2, 3, 3)],
    attributes: { strides: [2, 2], auto_pad: 'SAME_UPPER' },
  },
];

const POOLS: readonly VersionedCase[] = [
  ...['MaxPool', 'AveragePool', 'LpPool'].flatMap((op): VersionedCase[] => [
    {
      op,
      note: 'with pads',
      inputs: [f(1, 2, 5, 6)],
      attributes: { kernel_shape: [3, 2], strides: [2, 1], pads: [1, 0, 1, 1] },
    },
    {
      op,
      note: 'SAME_UPPER',
      inputs: [f(1, 2, 5, 6)],
      attributes: { kernel_shape: [2, 3], strides: [2, 2], auto_pad: 'SAME_UPPER' },
    },
    { op, note: 'VALID', inputs: [f(1, 2, 5, 6)], attributes: { kernel_shape: [2, 3], auto_pad: 'VALID' } },
    {
      op,
      note: 'with ceil_mode',
      from: op === 'LpPool' ? 18 : 10,
      inputs: [f(1, 2, 6, 7)],
      attributes: { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 },
    },
    {
      op,
      note: 'dilated',
      from: op === 'LpPool' ? 18 : op === 'MaxPool' ? 10 : 19,
      inputs: [f(1, 2, 6, 7)],
      attributes: { kernel_shape: [2, 3], dilations: [3, 2] },
    },
  ]),
  {
    op: 'MaxPool',
    note: 'with indices',
    from: 8,
    inputs: [f(2, 2, 4, 6)],
    attributes: { kernel_shape: [2, 2], strides: [2, 2] },
    outputs: ['FLOAT', 'INT64'],
  },
  {
    op: 'MaxPool',
    note: 'with indices by columns',
    from: 8,
    inputs: [f(2, 2, 4, 6)],
    attributes: { kernel_shape: [2, 2], strides: [2, 2], storage_order: 1 },
    outputs: ['FLOAT', 'INT64'],
  },
  {
    op: 'MaxPool',
    note: 'of bytes',
    from: 12,
    inputs: [['UINT8', [1, 1, 4, 4]]],
    attributes: { kernel_shape: [2, 2] },
    outputs: ['UINT8'],
  },
  {
    op: 'AveragePool',
    note: 'with padding counted',
    inputs: [f(1, 2, 5, 6)],
    attributes: { kernel_shape: [3, 2], strides: [2, 1], pads: [1, 0, 1, 1], count_include_pad: 1 },
  },
  // The last window has 3, 4, one element of padding, which is counted, and one beyond it, which is not.
  {
    op: 'AveragePool',
    note: 'with padding counted and ceil_mode',
    from: 10,
    inputs: [floats([1, 1, 4], [1, 2, 3, 4])],
    attributes: { kernel_shape: [4], strides: [2], pads: [0, 1], ceil_mode: 1, count_include_pad: 1 },
    expected: [floats([1, 1, 2], [2.5, 7 / 3])],
  },
  { op: 'LpPool', note: 'of absolute values', inputs: [f(1, 2, 5)], attributes: { kernel_shape: [2], p: 1 } },
  ...['GlobalMaxPool', 'GlobalAveragePool', 'GlobalLpPool'].map(
    (op): VersionedCase => ({ op, inputs: [f(2, 3, 4, 5)] }),
  ),
];

const RESIZES: readonly VersionedCase[] = [
  {
    op: 'Upsample',
    note: 'with scales as an attribute',
    to: 8,
    inputs: [f(1, 1, 2, 3)],
    attributes: { scales: { floats: [1, 1, 2, 3] } },
  },
  {
    op: 'Upsample',
    note: 'linear, with scales as an attribute',
    to: 8,
    inputs: [f(1, 1, 2, 3)],
    attributes: { scales: { floats: [1, 1, 2, 2] }, mode: 'linear' },
  },
  {
    op: 'Upsample',
    note: 'with scales as an input',
    from: 9,
    to: 10,
    inputs: [f(1, 1, 2, 3), floats([4], [1, 1, 2, 2.5])],
  },
  {
    op: 'Upsample',
    note: 'linear',
    from: 9,
    to: 10,
    inputs: [f(1, 1, 2, 3), floats([4], [1, 1, 2, 2])],
    attributes: { mode: 'linear' },
  },
  {
    op: 'Resize',
    note: 'by scales alone',
    from: 10,
    to: 10,
    inputs: [f(1, 1, 4, 3), floats([4], [1, 1, 0.5, 2])],
  },
  {
    op: 'Resize',
    note: 'linear by scales alone',
    from: 10,
    to: 10,
    inputs: [f(1, 1, 4, 3), floats([4], [1, 1, 0.6, 2])],
    attributes: { mode: 'linear' },
  },
  {
    op: 'Resize',
    note: 'by scales',
    from: 11,
    inputs: [f(1, 1, 4, 3), floats([0], []), floats([4], [1, 1, 0.6, 2])],
  },
  {
    op: 'Resize',
    note: 'to sizes',
    from: 11,
    inputs: [f(1, 1, 4, 3), floats([0], []), floats([0], []), int64([1, 1, 3, 7])],
  },
  {
    op: 'Resize',
    note: 'linear, asymmetric',
    from: 11,
    inputs: [f(1, 1, 4, 3), floats([0], []), floats([4], [1, 1, 2, 2])],
    attributes: { mode: 'linear', coordinate_transformation_mode: 'asymmetric' },
  },
  {
    op: 'Resize',
    note: 'tf_half_pixel_for_nn',
    from: 11,
    to: 12,
    inputs: [f(1, 1, 4, 3), floats([0], []), floats([4], [1, 1, 1.5, 2])],
    attributes: { coordinate_transformation_mode: 'tf_half_pixel_for_nn', nearest_mode: 'floor' },
  },
  {
    op: 'Resize',
    note: 'cubic without what is outside',
    from: 11,
    inputs: [f(1, 1, 4, 3), floats([0], []), floats([4], [1, 1, 1.5, 2])],
    attributes: { mode: 'cubic', exclude_outside: 1 },
  },
  {
    op: 'Resize',
    note: 'of a region',
    from: 11,
    inputs: [
      floats([1, 1, 1, 4], [0, 10, 20, 30]),
      floats([8], [0, 0, 0, 0.25, 1, 1, 1, 1.25]),
      floats([0], []),
      int64([1, 1, 1, 3]),
    ],
    attributes: {
      mode: 'linear',
      coordinate_transformation_mode: 'tf_crop_and_resize',
      extrapolation_value: { float: 9 },
    },
    // Positions 3/4, 9/4 and 15/4 of four elements; onnxruntime 1.30 takes no notice of the region.
    expected: [floats([1, 1, 1, 3], [7.5, 22.5, 9])],
  },
  {
    op: 'Resize',
    note: 'without an operand for the region',
    from: 13,
    inputs: [f(1, 1, 4, 3), null, floats([4], [1, 1, 0.6, 2])],
  },
  {
    op: 'Resize',
    note: 'of some axes',
    from: 18,
    inputs: [f(1, 1, 4, 3), null, null, int64([3, 5])],
    attributes: { axes: [2, 3], mode: 'linear' },
  },
  {
    op: 'Resize',
    note: 'smoothed',
    from: 18,
    inputs: [f(1, 1, 6, 5), null, floats([4], [1, 1, 0.5, 0.6])],
    attributes: { mode: 'linear', antialias: 1 },
  },
  {
    op: 'Resize',
    note: 'not larger than',
    from: 18,
    inputs: [f(1, 1, 4, 2), null, null, int64([6, 5])],
    attributes: { axes: [2, 3], keep_aspect_ratio_policy: 'not_larger' },
  },
  {
    op: 'Resize',
    note: 'half_pixel_symmetric',
    from: 19,
    inputs: [f(1, 1, 4, 3), null, floats([4], [1, 1, 0.6, 2])],
    attributes: { mode: 'linear', coordinate_transformation_mode: 'half_pixel_symmetric' },
  },
];

export const LAYER_VERSIONS: readonly VersionedCase[] = [
  ...SOFTMAXES,
  ...NORMALIZATIONS,
  ...PRODUCTS,
  ...CONVOLUTIONS,
  ...POOLS,
  ...RESIZES,
];
