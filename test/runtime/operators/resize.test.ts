import { floats } from '../../../src/tensor/tensor.ts';
import { int64 } from '../build-model.ts';
import { type Attributes, type Case, f, testFamily } from '../operator-cases.ts';

const resize = (note: string, scales: readonly number[], attributes: Attributes, opset = 13): Case => ({
  op: 'Resize',
  note,
  inputs: [f(1, 2, 5, 6), null, floats([4], scales)],
  attributes,
  opset,
});

const RESIZES: readonly Case[] = [
  ...(['nearest', 'linear'] as const).flatMap((mode) =>
    (['UINT8', 'INT32'] as const).map(
      (dtype): Case => ({
        op: 'Resize',
        note: `${mode} of elements of type ${dtype}`,
        inputs: [[dtype, [1, 2, 5, 6]], null, floats([4], [1, 1, 4, 2])],
        attributes: { mode },
        outputs: [dtype],
        opset: 19,
      }),
    ),
  ),
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

testFamily('resizes', RESIZES);
