import { floats } from '../../../src/tensor/tensor.ts';
import { int64 } from '../build-model.ts';
import { type Case, f, testFamily, unary } from '../operator-cases.ts';

const ARITHMETIC: readonly Case[] = [
  { op: 'Add', note: 'same shape', inputs: [f(2, 3, 4, 5), f(2, 3, 4, 5)] },
  { op: 'Add', note: 'scalar', inputs: [f(2, 3, 4), f()] },
  { op: 'Sub', note: 'channel', inputs: [f(2, 3, 4, 5), f(3, 1, 1)] },
  { op: 'Sub', note: 'the first operand is the smaller one', inputs: [f(3, 1, 1), f(2, 3, 4, 5)] },
  { op: 'Mul', note: 'a value a sample and channel', inputs: [f(2, 3, 4, 5), f(2, 3, 1, 1)] },
  { op: 'Div', note: 'last axis', inputs: [f(2, 3, 4), f(4)] },
  { op: 'Mul', note: 'both broadcast', inputs: [f(2, 1, 4), f(3, 1)] },
  { op: 'Add', note: 'middle axes of the second repeat', inputs: [f(2, 3, 4, 5), f(2, 1, 4, 1)] },
  { op: 'Pow', note: 'squares', inputs: [f(3, 4), floats([], [2])] },
  { op: 'Pow', note: 'INT64 exponent', inputs: [f(3, 4), int64([3], [])] },
  { op: 'Max', note: 'three operands', inputs: [f(3, 4), f(4), f(3, 1)] },
  { op: 'Min', note: 'one operand', inputs: [f(3, 4)] },
  { op: 'Sum', note: 'one operand twice', inputs: [f(3, 4), f(4), f(1)] },
  { op: 'Mean', note: '', inputs: [f(3, 4), f(3, 4)] },
  {
    op: 'Add',
    note: 'INT64',
    inputs: [
      ['INT64', [3, 4]],
      ['INT64', [4]],
    ],
    outputs: ['INT64'],
  },
  {
    op: 'Mul',
    note: 'INT32',
    inputs: [
      ['INT32', [3, 4]],
      ['INT32', [3, 1]],
    ],
    outputs: ['INT32'],
  },
  {
    op: 'Div',
    note: 'INT64 is cut towards zero',
    inputs: [['INT64', [3, 4]], int64([3], [])],
    outputs: ['INT64'],
  },
  {
    op: 'Div',
    note: 'DOUBLE',
    inputs: [
      ['DOUBLE', [3, 4]],
      ['DOUBLE', [3, 4]],
    ],
    outputs: ['DOUBLE'],
  },
  { op: 'Mod', note: 'INT64', inputs: [['INT64', [3, 4]], int64([3], [])], outputs: ['INT64'] },
  { op: 'Mod', note: 'fmod', inputs: [f(3, 4), floats([], [0.7])], attributes: { fmod: 1 } },
  unary('Sqrt'),
  unary('Exp'),
  unary('Log'),
  unary('Abs'),
  unary('Neg'),
  unary('Reciprocal'),
  unary('Floor'),
  unary('Ceil'),
  unary('Round'),
  unary('Sign'),
  unary('Sin'),
  unary('Cos'),
  unary('Tan'),
  unary('Sinh'),
  unary('Cosh'),
  unary('Asinh'),
  unary('Atanh'),
];

testFamily('arithmetic operators', ARITHMETIC);
