import { type Case, f, fixed, testFamily } from '../operator-cases.ts';

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

testFamily('convolutions', CONVOLUTIONS);
