import { type Case, f, testFamily } from '../operator-cases.ts';

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

testFamily('pools', POOLS);
