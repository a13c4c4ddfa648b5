import { describe, expect, it } from 'vitest';
import { createSession } from '../../../src/runtime/session.ts';
import { floats, type Tensor, zeros } from '../../../src/tensor/tensor.ts';
import { buildModel, int64 } from '../build-model.ts';
import { type Attributes, type Case, f, fixed, testFamily } from '../operator-cases.ts';

const PADDINGS = ['zeros', 'border', 'reflection'] as const;

const grids: Case[] = ['nearest', 'linear', 'cubic'].flatMap((mode) =>
  PADDINGS.flatMap((padding_mode) =>
    [0, 1].map(
      (align_corners): Case => ({
        op: 'GridSample',
        note: `${mode} with ${padding_mode}${align_corners ? ' and aligned corners' : ''}`,
        inputs: [f(2, 2, 4, 5), fixed(2, 3, 7, 2)],
        attributes: { mode, padding_mode, align_corners },
        opset: 20,
      }),
    ),
  ),
);

const volumes: Case[] = ['nearest', 'linear'].flatMap((mode) =>
  PADDINGS.map(
    (padding_mode): Case => ({
      op: 'GridSample',
      note: `${mode} with ${padding_mode} in a volume`,
      inputs: [f(1, 2, 3, 4, 5), fixed(1, 2, 3, 4, 3)],
      attributes: { mode, padding_mode },
      opset: 20,
    }),
  ),
);

const regions = floats([3, 4], [0, 0, 5, 4, 1.5, 2, 6.25, 5, -3, -2, 0.5, 9]);

testFamily('what samples images', [
  ...grids,
  ...volumes,
  ...[0, 1].flatMap((align_corners): Case[] => [
    {
      op: 'AffineGrid',
      note: `of an image, align_corners ${align_corners}`,
      inputs: [fixed(2, 2, 3), int64([2, 1, 3, 4])],
      attributes: { align_corners },
      opset: 20,
    },
    {
      op: 'AffineGrid',
      note: `of a volume, align_corners ${align_corners}`,
      inputs: [fixed(2, 3, 4), int64([2, 1, 2, 3, 4])],
      attributes: { align_corners },
      opset: 20,
    },
  ]),
  ...['avg', 'max'].flatMap((mode) =>
    [0, 1, 3].map(
      (sampling_ratio): Case => ({
        op: 'RoiAlign',
        note: `${mode} of ${sampling_ratio === 0 ? 'as many points as there are elements' : sampling_ratio}`,
        inputs: [f(2, 2, 6, 7), regions, int64([1, 0, 1])],
        attributes: { mode, sampling_ratio, output_height: 3, output_width: 2 },
      }),
    ),
  ),
  {
    op: 'MaxRoiPool',
    note: 'with bins that lie outside',
    inputs: [f(2, 2, 6, 7), floats([3, 5], [1, 0, 0, 5, 4, 0, 1.5, 2, 6.25, 5, 1, 5, 4, 19, 12])],
    attributes: { pooled_shape: [3, 4], spatial_scale: { float: 0.5 } },
  },
  {
    op: 'Col2Im',
    note: 'with strides, pads and dilations',
    inputs: [f(2, 12, 15), int64([6, 7]), int64([2, 2])],
    attributes: { strides: [2, 1], pads: [1, 0, 0, 1], dilations: [2, 3] },
    opset: 18,
  },
  {
    op: 'MaxUnpool',
    note: 'of a pool',
    inputs: [f(1, 1, 2, 2), int64([5, 7, 13, 15], [1, 1, 2, 2])],
    attributes: { kernel_shape: [2, 2], strides: [2, 2] },
  },
]);

describe('a deformable convolution', () => {
  const run = (
    op: 'Conv' | 'DeformConv',
    constants: Record<string, Tensor>,
    attributes: Attributes,
  ): Tensor => {
    const nodes = [{ op, inputs: Object.keys(constants), outputs: ['Y'], attributes }];
    const session = createSession(buildModel({ opset: 19, inputs: {}, constants, outputs: ['Y'], nodes }));
    return session.run({}).get('Y')!;
  };

  it('is a convolution where nothing is moved', () => {
    const attributes = { strides: [2, 1], pads: [1, 0, 1, 1], dilations: [1, 2], group: 2 };
    const [x, w, b] = [fixed(2, 4, 5, 6), fixed(6, 2, 3, 2), fixed(6)];
    const plain = run('Conv', { x, w, b }, attributes);
    const offset = zeros('FLOAT', [2, 24, 3, 5]);
    const moved = run('DeformConv', { x, w, offset, b }, { ...attributes, offset_group: 2 });
    expect(moved.shape).toEqual(plain.shape);
    (plain.data as Float32Array).forEach((value, i) => {
      expect(moved.data[i]).toBeCloseTo(value, 4);
    });
  });

  it('weights its taps with the mask of their group', () => {
    const x = floats([1, 2, 1, 1], [3, 5]);
    const w = floats([1, 2, 1, 1], [1, 1]);
    const offset = zeros('FLOAT', [1, 4, 1, 1]);
    const mask = floats([1, 2, 1, 1], [10, 100]);
    expect(run('DeformConv', { x, w, offset, b: floats([1], [1]), mask }, { offset_group: 2 }).data[0]).toBe(
      531,
    );
  });
});
