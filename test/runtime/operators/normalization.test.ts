import { type Case, f, fixed, positive, testFamily } from '../operator-cases.ts';

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
  { op: 'MeanVarianceNormalization', note: 'a channel at a time', inputs: [f(2, 3, 4, 5)] },
  { op: 'MeanVarianceNormalization', note: 'some axes', inputs: [f(2, 3, 4)], attributes: { axes: [-1, 0] } },
];

testFamily('normalizations', NORMALIZATIONS);
