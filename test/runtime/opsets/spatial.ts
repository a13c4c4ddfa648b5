import { floats, type Tensor } from '../../../src/tensor/tensor.ts';
import { int64 } from '../build-model.ts';
import { f, fixed } from '../operator-cases.ts';
import type { VersionedCase } from './versioned-case.ts';

const scalar = (value: number): Tensor => int64([value], []);

const regions = floats([2, 4], [0, 0, 5, 4, 1.5, 2, 6.25, 5]);
const boxes = floats([2, 5], [0, 0, 0, 5, 4, 0, 1.5, 2, 6.25, 5]);

/** Operators that sample images, and those of signals. */
export const SPATIAL_VERSIONS: readonly VersionedCase[] = [
  ...(['bilinear', 'bicubic', 'nearest'] as const).map(
    (mode): VersionedCase => ({
      op: 'GridSample',
      note: mode,
      from: 16,
      to: 19,
      inputs: [f(1, 2, 4, 5), fixed(1, 3, 2, 2)],
      attributes: { mode, padding_mode: 'reflection' },
    }),
  ),
  ...(['linear', 'cubic', 'nearest'] as const).map(
    (mode): VersionedCase => ({
      op: 'GridSample',
      note: mode,
      from: 20,
      inputs: [f(1, 2, 4, 5), fixed(1, 3, 2, 2)],
      attributes: { mode, padding_mode: 'border', align_corners: 1 },
    }),
  ),
  { op: 'GridSample', note: 'of a volume', from: 20, inputs: [f(1, 2, 3, 4, 5), fixed(1, 2, 3, 2, 3)] },
  {
    op: 'GridSample',
    note: 'of a volume before there were such',
    from: 16,
    to: 19,
    inputs: [f(1, 2, 3, 4, 5), fixed(1, 2, 3, 2, 3)],
    refused: /over 3 axes before operator set 20/,
  },
  { op: 'AffineGrid', inputs: [fixed(2, 2, 3), int64([2, 1, 3, 4])] },
  {
    op: 'AffineGrid',
    note: 'of a volume',
    inputs: [fixed(1, 3, 4), int64([1, 1, 2, 3, 4])],
    attributes: { align_corners: 1 },
  },
  { op: 'Col2Im', inputs: [f(1, 12, 6), int64([3, 4]), int64([2, 2])] },
  // One channel, a kernel of ones, taps moved half an element to the right: means of neighbours, of the last one with 0.
  {
    op: 'DeformConv',
    inputs: [
      floats([1, 1, 1, 3], [2, 4, 8]),
      floats([1, 1, 1, 1], [1]),
      floats([1, 2, 1, 3], [0, 0, 0, 0.5, 0.5, 0.5]),
    ],
    expected: [floats([1, 1, 1, 3], [3, 6, 4])],
  },
  {
    op: 'RoiAlign',
    note: 'without the half pixel',
    to: 15,
    inputs: [f(1, 2, 6, 7), regions, int64([0, 0])],
    attributes: { output_height: 2, output_width: 3, sampling_ratio: 2 },
  },
  {
    op: 'RoiAlign',
    note: 'with the half pixel',
    from: 16,
    inputs: [f(1, 2, 6, 7), regions, int64([0, 0])],
    attributes: { output_height: 2, output_width: 3 },
  },
  {
    op: 'RoiAlign',
    note: 'as it was',
    from: 16,
    inputs: [f(1, 2, 6, 7), regions, int64([0, 0])],
    attributes: {
      output_height: 2,
      output_width: 2,
      coordinate_transformation_mode: 'output_half_pixel',
      spatial_scale: { float: 0.5 },
    },
  },
  { op: 'MaxRoiPool', inputs: [f(1, 2, 6, 7), boxes], attributes: { pooled_shape: [2, 3] } },
  {
    op: 'MaxUnpool',
    inputs: [f(1, 1, 2, 2), int64([1, 3, 12, 10], [1, 1, 2, 2])],
    attributes: { kernel_shape: [2, 2], strides: [2, 2] },
  },
  { op: 'DFT', note: 'along axis 1', to: 19, inputs: [f(2, 6, 1)] },
  { op: 'DFT', note: 'along an axis', to: 19, inputs: [f(2, 6, 4, 2)], attributes: { axis: 2 } },
  { op: 'DFT', note: 'along the last axis', from: 20, inputs: [f(2, 3, 8, 1)] },
  { op: 'DFT', note: 'along an axis from an input', from: 20, inputs: [f(2, 3, 8, 2), null, scalar(1)] },
  {
    op: 'DFT',
    note: 'of one side, to a length',
    from: 20,
    inputs: [f(2, 8, 1), scalar(5)],
    attributes: { onesided: 1 },
  },
  { op: 'DFT', note: 'and back', inputs: [f(2, 6, 2)], attributes: { inverse: 1 } },
  // 3 + 2·cos(π·n): the half spectrum [6, 0, 4] of two bins and the mean, back to real values.
  {
    op: 'DFT',
    note: 'back from one side',
    inputs: [floats([1, 3, 2], [12, 0, 0, 0, 8, 0])],
    attributes: { inverse: 1, onesided: 1 },
    expected: [floats([1, 4, 1], [5, 1, 5, 1])],
  },
  { op: 'STFT', inputs: [f(1, 32, 1), scalar(4), fixed(8)] },
  {
    op: 'STFT',
    note: 'of both sides',
    inputs: [f(1, 32, 1), scalar(5), null, scalar(10)],
    attributes: { onesided: 0 },
  },
  ...['HannWindow', 'HammingWindow', 'BlackmanWindow'].flatMap((op): VersionedCase[] => [
    { op, inputs: [scalar(10)] },
    { op, note: 'symmetric', inputs: [scalar(9)], attributes: { periodic: 0 } },
  ]),
  {
    op: 'MelWeightMatrix',
    inputs: [scalar(8), scalar(64), scalar(16000), floats([], [200]), floats([], [7000])],
  },
  // 1-grams 3 and 5, the 2-gram 5 3: five, three, and twice five before three with nothing or one element between.
  {
    op: 'TfIdfVectorizer',
    inputs: [int64([5, 3, 5, 7, 3])],
    attributes: {
      mode: 'TF',
      min_gram_length: 1,
      max_gram_length: 2,
      max_skip_count: 1,
      ngram_counts: [0, 2],
      ngram_indexes: [2, 0, 1],
      pool_int64s: [3, 5, 5, 3],
    },
    expected: [floats([3], [2, 2, 2])],
  },
];
