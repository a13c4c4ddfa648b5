import { floats } from '../../../src/tensor/tensor.ts';
import { int64 } from '../build-model.ts';
import { type Case, f, testFamily } from '../operator-cases.ts';

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

testFamily('operators on indices', INDEXING);
