import { describe, expect, it } from 'vitest';
import { createSession } from '../../../src/runtime/session.ts';
import type { DataType } from '../../../src/tensor/dtype.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { buildModel } from '../build-model.ts';
import { type Case, f, testFamily } from '../operator-cases.ts';

/** Inputs of whole numbers and of truth values. */
const i64: readonly [DataType, readonly number[]] = ['INT64', [3, 4]];
const bool: readonly [DataType, readonly number[]] = ['BOOL', [3, 4]];

const LOGIC: readonly Case[] = [
  { op: 'Equal', note: 'INT64', inputs: [i64, ['INT64', [4]]], outputs: ['BOOL'] },
  { op: 'Greater', note: '', inputs: [f(3, 4), f(3, 1)], outputs: ['BOOL'] },
  { op: 'Less', note: 'INT64', inputs: [i64, i64], outputs: ['BOOL'] },
  {
    op: 'GreaterOrEqual',
    note: 'INT32',
    inputs: [
      ['INT32', [3, 4]],
      ['INT32', [3, 4]],
    ],
    outputs: ['BOOL'],
  },
  { op: 'LessOrEqual', note: '', inputs: [f(3, 4), f(4)], outputs: ['BOOL'] },
  { op: 'And', note: '', inputs: [bool, ['BOOL', [4]]], outputs: ['BOOL'] },
  { op: 'Or', note: '', inputs: [bool, bool], outputs: ['BOOL'] },
  { op: 'Xor', note: '', inputs: [bool, bool], outputs: ['BOOL'] },
  { op: 'Not', note: '', inputs: [bool], outputs: ['BOOL'] },
  { op: 'Where', note: 'all three broadcast', inputs: [['BOOL', [3, 1]], f(1, 4), f(3, 4)] },
  { op: 'Where', note: 'INT64', inputs: [bool, i64, i64], outputs: ['INT64'] },
];

testFamily('comparisons and logic', LOGIC);

describe('IsNaN and IsInf', () => {
  it('read the floats of 8 bits by their values', () => {
    const x: Tensor = { dtype: 'FLOAT8E5M2', shape: [4], data: Uint8Array.of(0x7c, 0xfc, 0x7e, 0x3c) };
    const ask = (op: string): unknown[] => {
      const session = createSession(
        buildModel({
          opset: 20,
          inputs: { x: ['FLOAT8E5M2', [4]] },
          outputs: ['y'],
          outputTypes: { y: 'BOOL' },
          nodes: [{ op, inputs: ['x'], outputs: ['y'] }],
        }),
      );
      const y = session.run({ x }).get('y')!;
      session.dispose();
      return [...y.data];
    };
    expect(ask('IsNaN')).toEqual([0, 0, 1, 0]);
    expect(ask('IsInf')).toEqual([1, 1, 0, 0]);
  });
});
