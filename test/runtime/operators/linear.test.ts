import { type Case, f, fixed, testFamily } from '../operator-cases.ts';

const LINEAR: readonly Case[] = [
  {
    op: 'Gemm',
    note: 'weight rows and bias',
    inputs: [f(3, 20), fixed(7, 20), fixed(7)],
    attributes: { transB: 1 },
  },
  { op: 'Gemm', note: 'weight columns', inputs: [f(3, 20), fixed(20, 7)] },
  {
    op: 'Gemm',
    note: 'alpha, beta, transA, C a column',
    inputs: [f(20, 3), fixed(20, 7), fixed(3, 1)],
    attributes: { transA: 1, alpha: { float: 0.5 }, beta: { float: 2 } },
  },
  { op: 'Gemm', note: 'both computed at run time', inputs: [f(5, 9), f(9, 4), f(1, 4)] },
  { op: 'Gemm', note: 'C a scalar', inputs: [f(5, 9), fixed(9, 4), fixed(1)] },
  { op: 'MatMul', note: 'constant matrix under a batch', inputs: [f(2, 3, 4, 10), fixed(10, 6)] },
  { op: 'MatMul', note: 'constant matrix on the left', inputs: [fixed(6, 10), f(10, 5)] },
  { op: 'MatMul', note: 'batches that broadcast', inputs: [f(2, 1, 4, 5), f(3, 5, 6)] },
  ...[4000, 12000, 30000].map(
    (k): Case => ({
      op: 'MatMul',
      note: `${k} terms, among which memory may grow from one matrix to the next`,
      inputs: [f(2, 1, k), f(2, k, 3)],
    }),
  ),
  { op: 'MatMul', note: 'vector times matrix', inputs: [f(5), f(5, 6)] },
  { op: 'MatMul', note: 'matrix times vector', inputs: [f(4, 5), f(5)] },
  { op: 'MatMul', note: 'vector times constant matrix', inputs: [f(5), fixed(5, 6)] },
  {
    op: 'MatMul',
    note: 'INT32',
    inputs: [
      ['INT32', [4, 5]],
      ['INT32', [5, 6]],
    ],
    outputs: ['INT32'],
  },
  {
    op: 'MatMul',
    note: 'DOUBLE',
    inputs: [
      ['DOUBLE', [4, 5]],
      ['DOUBLE', [5, 6]],
    ],
    outputs: ['DOUBLE'],
  },
];

testFamily('matrix products', LINEAR);
