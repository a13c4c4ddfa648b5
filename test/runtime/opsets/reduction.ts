import { floats } from '../../../src/tensor/tensor.ts';
import { int64 } from '../build-model.ts';
import { f, positive } from '../operator-cases.ts';
import type { VersionedCase } from './versioned-case.ts';

const REDUCTIONS =
  'ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceSumSquare';

/** Axes became an input in 18, those of ReduceSum in 13. */
function reductions(op: string): VersionedCase[] {
  const change = op === 'ReduceSum' ? 13 : 18;
  const x = positive(2, 3, 4);
  return [
    { op, note: 'of all', inputs: [x] },
    {
      op,
      note: 'with axes as an attribute',
      to: change - 1,
      inputs: [x],
      attributes: { axes: [2, 0], keepdims: 0 },
    },
    {
      op,
      note: 'with axes from the end',
      from: 11,
      to: change - 1,
      inputs: [x],
      attributes: { axes: [-1] },
    },
    {
      op,
      note: 'with axes as an input',
      from: change,
      inputs: [x, int64([-1, 0])],
      attributes: { keepdims: 0 },
    },
    {
      op,
      note: 'over no axes',
      from: change,
      inputs: [x, int64([])],
      attributes: { noop_with_empty_axes: 1 },
    },
    { op, note: 'over no axes, which are all', from: change, inputs: [x, int64([])] },
  ];
}

const ties = floats([2, 4], [1, 3, 3, 0, 2, 2, 2, 2]);

export const REDUCTION_VERSIONS: readonly VersionedCase[] = [
  ...REDUCTIONS.split(' ').flatMap(reductions),
  { op: 'ReduceMax', note: 'of 8-bit integers', from: 12, inputs: [['INT8', [2, 3]]], outputs: ['INT8'] },
  { op: 'ReduceMin', note: 'of 8-bit integers', from: 12, inputs: [['UINT8', [2, 3]]], outputs: ['UINT8'] },
  { op: 'ReduceMax', note: 'of booleans', from: 20, inputs: [['BOOL', [2, 3]]], outputs: ['BOOL'] },
  { op: 'ReduceMin', note: 'of booleans', from: 20, inputs: [['BOOL', [2, 3]]], outputs: ['BOOL'] },
  ...['ArgMax', 'ArgMin'].flatMap((op): VersionedCase[] => [
    { op, inputs: [ties], attributes: { axis: 1 }, outputs: ['INT64'] },
    {
      op,
      note: 'along an axis from the end',
      from: 11,
      inputs: [ties],
      attributes: { axis: -1, keepdims: 0 },
      outputs: ['INT64'],
    },
    {
      op,
      note: 'taking the last',
      from: 12,
      inputs: [ties],
      attributes: { axis: 1, select_last_index: 1 },
      outputs: ['INT64'],
    },
  ]),
  {
    op: 'TopK',
    note: 'with k as an attribute',
    to: 9,
    inputs: [f(2, 6)],
    attributes: { k: 3 },
    outputs: ['FLOAT', 'INT64'],
  },
  {
    op: 'TopK',
    note: 'with k as an input',
    from: 10,
    inputs: [f(2, 6), int64([3])],
    outputs: ['FLOAT', 'INT64'],
  },
  {
    op: 'TopK',
    note: 'of the smallest',
    from: 11,
    inputs: [f(2, 6), int64([2])],
    attributes: { largest: 0, axis: -1 },
    outputs: ['FLOAT', 'INT64'],
  },
  { op: 'CumSum', inputs: [f(2, 5), int64([1], [])] },
  {
    op: 'CumSum',
    note: 'exclusive and reversed',
    inputs: [f(2, 5), int64([-1], [])],
    attributes: { exclusive: 1, reverse: 1 },
  },
  {
    op: 'CumProd',
    inputs: [floats([4], [1, 2, 3, 4]), int64([0], [])],
    expected: [floats([4], [1, 2, 6, 24])],
  },
  {
    op: 'CumProd',
    note: 'exclusive and reversed',
    inputs: [floats([3], [1, 2, 3]), int64([0], [])],
    attributes: { exclusive: 1, reverse: 1 },
    expected: [floats([3], [6, 3, 1])],
  },
];
