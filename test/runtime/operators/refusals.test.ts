import { describe, expect, it } from 'vitest';
import { BnnqError } from '../../../src/errors.ts';
import { createSession } from '../../../src/runtime/session.ts';
import type { DataType } from '../../../src/tensor/dtype.ts';
import { floats, type Tensor, zeros } from '../../../src/tensor/tensor.ts';
import { buildModel, int64 } from '../build-model.ts';
import type { Attributes } from '../operator-cases.ts';
import { someTensor } from '../oracle.ts';

interface Refusal {
  readonly what: string;
  readonly op: string;
  readonly inputs: readonly (Tensor | readonly [DataType, readonly number[]])[];
  readonly attributes?: Attributes;
  readonly opset?: number;
  readonly outputs?: number;
  readonly code: 'unsupported' | 'mismatch' | 'limit';
  readonly sentence: string;
}

const f = (...shape: number[]): readonly [DataType, readonly number[]] => ['FLOAT', shape];

const REFUSALS: readonly Refusal[] = [
  {
    what: 'a pool over padding alone, which has no largest element',
    op: 'MaxPool',
    inputs: [f(1, 1, 2)],
    attributes: { kernel_shape: [2], dilations: [3], pads: [1, 1] },
    code: 'unsupported',
    sentence: 'window 0 of axis 0 holds no element of [2]',
  },
  {
    what: 'a step of 0',
    op: 'Conv',
    inputs: [f(1, 1, 4), f(1, 1, 2)],
    attributes: { strides: [0] },
    code: 'mismatch',
    sentence: 'strides [0], dilations [1] and pads [0,0] over 1 spatial axes',
  },
  {
    what: 'a transposed convolution to more than its window reaches under auto_pad',
    op: 'ConvTranspose',
    inputs: [f(1, 1, 2), f(1, 1, 1)],
    attributes: { strides: [3], auto_pad: 'SAME_UPPER' },
    code: 'unsupported',
    sentence: 'auto_pad SAME_UPPER to 6 elements, of which the window reaches 4',
  },
  {
    what: 'pads for another rank',
    op: 'Pad',
    inputs: [f(2, 2), int64([1, 1])],
    code: 'mismatch',
    sentence: 'pads [1,1] for a tensor of shape [2,2]',
  },
  {
    what: 'unequal parts before they were allowed',
    op: 'Split',
    inputs: [f(5)],
    outputs: 2,
    code: 'mismatch',
    sentence: '5 elements in 2 equal parts',
  },
  {
    what: 'more of the largest than there are',
    op: 'TopK',
    inputs: [f(3), int64([4])],
    outputs: 2,
    code: 'mismatch',
    sentence: 'the 4 largest of 3 elements',
  },
  {
    what: 'whole numbers resized by a cubic filter',
    op: 'Resize',
    inputs: [['UINT8', [1, 1, 2, 2]], zeros('FLOAT', [0]), floats([4], [1, 1, 2, 2])],
    attributes: { mode: 'cubic' },
    code: 'unsupported',
    sentence: 'resizing by mode cubic of elements of type UINT8',
  },
  {
    what: 'a norm that is not of order 1 or 2',
    op: 'LpNormalization',
    inputs: [f(2, 3)],
    attributes: { p: 3 },
    code: 'unsupported',
    sentence: 'LpNormalization with p 3',
  },
  {
    what: 'scales a channel where the version has them a group',
    op: 'GroupNormalization',
    inputs: [f(1, 4, 2), f(4), f(4)],
    attributes: { num_groups: 2 },
    opset: 18,
    code: 'mismatch',
    sentence: '4 scales and 4 biases, expected 2 of each',
  },
  {
    what: 'the largest of no whole numbers',
    op: 'ReduceMax',
    inputs: [['INT32', [0, 2]]],
    attributes: { axes: [0] },
    code: 'unsupported',
    sentence: 'the extreme of no elements of type INT32',
  },
  {
    what: 'a grid for an image of another rank',
    op: 'GridSample',
    inputs: [f(1, 1, 2, 2), f(1, 2, 2, 3)],
    opset: 20,
    code: 'mismatch',
    sentence: 'a grid of shape [1,2,2,3] for [1,1,2,2]',
  },
  {
    what: 'an image that is not in the batch',
    op: 'RoiAlign',
    inputs: [f(1, 1, 2, 2), floats([1, 4], [0, 0, 1, 1]), int64([1])],
    code: 'mismatch',
    sentence: 'image 1 of a batch of 1',
  },
  {
    what: 'an index beyond what was pooled',
    op: 'MaxUnpool',
    inputs: [f(1, 1, 1), int64([2], [1, 1, 1])],
    attributes: { kernel_shape: [2] },
    code: 'unsupported',
    sentence: 'MaxUnpool with index 2 outside the 2 elements of its window',
  },
  {
    what: 'columns that are no blocks of the image',
    op: 'Col2Im',
    inputs: [f(1, 4, 5), int64([3, 3]), int64([2, 2])],
    opset: 18,
    code: 'mismatch',
    sentence: 'columns of shape [1,4,5] are not the blocks [2,2] of an image [3,3], 4 of them',
  },
  {
    what: 'dimensions below 0, although their product is a size',
    op: 'ConstantOfShape',
    inputs: [int64([-2, -3])],
    code: 'mismatch',
    sentence: 'a tensor of shape [-2,-3], expected dimensions of 0 or more',
  },
  {
    what: 'a window over padding without end',
    op: 'MaxPool',
    inputs: [f(1, 1, 4)],
    attributes: { kernel_shape: [2 ** 40], pads: [2 ** 40, 2 ** 40] },
    code: 'limit',
    sentence: `positions of a window [${2 ** 40}], at most ${2 ** 32} are possible`,
  },
  {
    what: 'small operands that make too many pairs of matrices',
    op: 'MatMul',
    inputs: [f(8192, 1, 1, 1), f(8192, 1, 1)],
    code: 'limit',
    sentence: `${2 ** 26} products of matrices, at most ${2 ** 24} are possible`,
  },
  {
    what: 'a number of triangles that no memory holds',
    op: 'MelWeightMatrix',
    inputs: [int64([2 ** 40], []), int64([8], []), int64([8], []), floats([], [0]), floats([], [4])],
    code: 'limit',
    sentence: `${2 ** 40} mel bins`,
  },
  {
    what: 'a transform of a length without data',
    op: 'DFT',
    inputs: [f(0, 4, 1), int64([2 ** 31 - 1], [])],
    code: 'limit',
    sentence: `${2 ** 31 - 1} points of a transform`,
  },
  {
    what: 'a region of more sampling points than there could be elements',
    op: 'RoiAlign',
    inputs: [f(1, 1, 2, 2), floats([1, 4], [0, 0, 1e5, 1e5]), int64([0])],
    code: 'limit',
    sentence: 'sampling points in a region of 100000 by 100000 elements',
  },
  {
    what: 'one bin of more sampling points than a list may have',
    op: 'RoiAlign',
    inputs: [f(1, 1, 2, 2), floats([1, 4], [0, 0, 4000, 4000]), int64([0])],
    code: 'limit',
    sentence: '16000000 sampling points in a region of 4000 by 4000 elements, in each bin',
  },
  {
    what: 'a text repeated without end',
    op: 'CenterCropPad',
    inputs: [{ dtype: 'STRING', shape: [1], data: ['a'] }, int64([2 ** 31])],
    opset: 18,
    code: 'limit',
    sentence: `${2 ** 31} texts`,
  },
  {
    what: 'slices without end of a tensor without elements',
    op: 'SplitToSequence',
    inputs: [f(2 ** 31, 0)],
    code: 'limit',
    sentence: `${2 ** 31} parts`,
  },
  {
    what: 'iterations without end over a tensor without elements, each with an output',
    op: 'Scan',
    inputs: [f(2 ** 31, 0)],
    attributes: {
      num_scan_inputs: 1,
      body: {
        inputs: { in: ['FLOAT', [0]] },
        outputs: ['out'],
        nodes: [{ op: 'Neg', inputs: ['in'], outputs: ['out'] }],
      },
    },
    code: 'limit',
    sentence: `${2 ** 31} iterations with a scan output`,
  },
];

describe('an operator refuses', () => {
  for (const { what, op, inputs, attributes = {}, opset = 17, outputs = 1, code, sentence } of REFUSALS)
    it(`${what} (${op})`, () => {
      const constants: Record<string, Tensor> = {};
      inputs.forEach((input, i) => {
        constants[`X${i}`] = 'dtype' in input ? input : someTensor(input[0], input[1], i + 1);
      });
      const made = Array.from({ length: outputs }, (_, i) => `Y${i}`);
      const nodes = [{ op, inputs: Object.keys(constants), outputs: made, attributes }];
      const session = createSession(buildModel({ opset, inputs: {}, constants, outputs: made, nodes }));
      let thrown: unknown;
      try {
        session.run({});
      } catch (problem) {
        thrown = problem;
      }
      expect(thrown).toBeInstanceOf(BnnqError);
      expect((thrown as BnnqError).message).toContain(sentence);
      expect((thrown as BnnqError).code).toBe(code);
    });
});
