import { int64 } from '../build-model.ts';
import { type Attributes, type Case, f, positive, testFamily } from '../operator-cases.ts';

const reduction = (op: string, attributes: Attributes, opset = 13): Case => ({
  op,
  note: JSON.stringify(attributes),
  inputs: [f(3, 4, 5)],
  attributes,
  opset,
});

const REDUCTIONS: readonly Case[] = [
  ...[
    'ReduceMean',
    'ReduceMax',
    'ReduceMin',
    'ReduceProd',
    'ReduceL1',
    'ReduceL2',
    'ReduceSumSquare',
    'ReduceLogSumExp',
  ].flatMap((op) => [
    reduction(op, { axes: [1] }),
    reduction(op, { axes: [0, 2], keepdims: 0 }),
    reduction(op, {}),
  ]),
  { op: 'ReduceSum', note: 'axes as input', inputs: [f(3, 4, 5), int64([-1])], attributes: { keepdims: 0 } },
  { op: 'ReduceSum', note: 'nothing to do', inputs: [f(3, 4, 5)], attributes: { noop_with_empty_axes: 1 } },
  { op: 'ReduceMean', note: 'axes as input', inputs: [f(3, 4, 5), int64([0, 1])], opset: 18 },
  { op: 'ReduceLogSum', note: '', inputs: [positive(3, 4)], attributes: { axes: [1] }, opset: 13 },
  {
    op: 'ReduceMax',
    note: 'INT64',
    inputs: [['INT64', [3, 4]]],
    attributes: { axes: [0] },
    outputs: ['INT64'],
    opset: 13,
  },
];

testFamily('reductions', REDUCTIONS);
