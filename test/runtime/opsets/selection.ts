import { floats, type Tensor } from '../../../src/tensor/tensor.ts';
import { int64 } from '../build-model.ts';
import { f, fixed } from '../operator-cases.ts';
import type { VersionedCase } from './versioned-case.ts';

const keep: Tensor = { dtype: 'BOOL', shape: [3], data: Uint8Array.of(1, 0, 1) };
const labels = int64([1, 0, 2]);

const LOSSES: readonly VersionedCase[] = ['NegativeLogLikelihoodLoss', 'SoftmaxCrossEntropyLoss'].flatMap(
  (op): VersionedCase[] => [
    { op, inputs: [f(3, 4), labels] },
    { op, note: 'each', inputs: [f(3, 4), labels, fixed(4)], attributes: { reduction: 'none' } },
    {
      op,
      note: 'with a label left out',
      inputs: [f(3, 4), labels],
      attributes: { reduction: 'sum', ignore_index: 0 },
    },
    {
      op,
      note: 'with a negative label left out',
      from: 13,
      inputs: [f(3, 4), int64([1, -1, 2])],
      attributes: { ignore_index: -1 },
    },
  ],
);

/** Operators that select, and those of losses and matrices. */
export const SELECTION_VERSIONS: readonly VersionedCase[] = [
  ...LOSSES,
  { op: 'Compress', inputs: [f(3, 2), keep], attributes: { axis: 0 }, dataShaped: true },
  {
    op: 'Compress',
    note: 'along an axis from the end',
    from: 11,
    inputs: [f(2, 3), keep],
    attributes: { axis: -1 },
    dataShaped: true,
  },
  { op: 'Compress', note: 'of all elements in order', inputs: [f(3, 2), keep], dataShaped: true },
  {
    op: 'Unique',
    inputs: [floats([5], [2, 1, 1, 3, 2])],
    outputs: ['FLOAT', 'INT64', 'INT64', 'INT64'],
    dataShaped: true,
  },
  {
    op: 'NonMaxSuppression',
    inputs: [
      floats([1, 3, 4], [0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, 3, 1, 4]),
      floats([1, 1, 3], [0.5, 0.9, 0.7]),
      int64([3], []),
      floats([], [0.5]),
      floats([], [0]),
    ],
    outputs: ['INT64'],
    dataShaped: true,
  },
  { op: 'Det', inputs: [f(2, 3, 3)] },
  { op: 'Einsum', inputs: [f(2, 3, 4), f(2, 4, 5)], attributes: { equation: 'bij,bjk->bik' } },
  { op: 'CenterCropPad', inputs: [f(4, 5), int64([2, 7])] },
  { op: 'CenterCropPad', note: 'of an axis', inputs: [f(4, 5), int64([2])], attributes: { axes: [1] } },
  { op: 'MeanVarianceNormalization', inputs: [f(2, 3, 4, 5)] },
  {
    op: 'BitCast',
    inputs: [floats([2], [1, -2])],
    attributes: { to: 6 },
    outputs: ['INT32'],
    expected: [{ dtype: 'INT32', shape: [2], data: Int32Array.of(0x3f800000, -0x40000000) }],
  },
];
