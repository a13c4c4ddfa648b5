import { describe, expect, it } from 'vitest';
import { parseEquation } from '../../../src/passes/einsum-equation.ts';
import { createSession } from '../../../src/runtime/session.ts';
import type { DataType } from '../../../src/tensor/dtype.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { buildModel } from '../build-model.ts';
import { type Case, f, testFamily } from '../operator-cases.ts';

/** Shapes of the operands of each equation, in [I,J,K] order of the labels where they have sizes of their own. */
const EQUATIONS: Readonly<Record<string, readonly (readonly number[])[]>> = {
  'ij->ji': [[3, 4]],
  'ij->': [[3, 4]],
  'ij->j': [[3, 4]],
  'ii->i': [[4, 4]],
  ii: [[4, 4]],
  'bii->bi': [[2, 3, 3]],
  'iij->j': [[3, 3, 4]],
  'ij,jk->ik': [
    [3, 4],
    [4, 5],
  ],
  'ij,jk': [
    [3, 4],
    [4, 5],
  ],
  'ba,ac': [
    [3, 4],
    [4, 5],
  ],
  'ij,jk->ki': [
    [3, 4],
    [4, 5],
  ],
  'bij,bjk->bik': [
    [2, 3, 4],
    [2, 4, 5],
  ],
  'bhqd,bhkd->bhqk': [
    [2, 2, 3, 4],
    [2, 2, 5, 4],
  ],
  'i,i->': [[7], [7]],
  'i,j->ij': [[3], [4]],
  'ij,ij->ij': [
    [3, 4],
    [3, 4],
  ],
  'i,ij->': [[3], [3, 4]],
  'ij,kl->': [
    [2, 3],
    [4, 5],
  ],
  ',ij->ji': [[], [3, 4]],
  'ij,jk,kl->il': [
    [3, 4],
    [4, 5],
    [5, 6],
  ],
  'ik,jkl,il->ij': [
    [2, 4],
    [3, 4, 5],
    [2, 5],
  ],
  'abc,cd,def->abef': [
    [2, 3, 4],
    [4, 5],
    [5, 2, 3],
  ],
  '...ij,...jk->...ik': [
    [2, 1, 3, 4],
    [2, 5, 4, 2],
  ],
  '...ij->...ji': [[2, 3, 4, 5]],
  'i...->...': [[2, 3, 4]],
  '...,...->...': [
    [3, 4],
    [3, 4],
  ],
  '...i,i': [[2, 3, 4], [4]],
  'bhwi, bkij -> bkhwj': [
    [2, 3, 4, 2],
    [2, 5, 2, 3],
  ],
  'Aa,aB->AB': [
    [3, 4],
    [4, 5],
  ],
  'ijj,ji->i': [
    [3, 4, 4],
    [4, 3],
  ],
};

const cases: Case[] = Object.entries(EQUATIONS).map(([equation, shapes]) => ({
  op: 'Einsum',
  note: equation,
  inputs: shapes.map((shape) => f(...shape)),
  attributes: { equation },
}));

const typed = (dtype: DataType): Case => ({
  op: 'Einsum',
  note: `ij,jk->ik of ${dtype}`,
  inputs: [
    [dtype, [3, 4]],
    [dtype, [4, 5]],
  ],
  attributes: { equation: 'ij,jk->ik' },
  outputs: [dtype],
});

testFamily('sums of products', [...cases, typed('DOUBLE'), typed('INT64'), typed('INT32')]);

describe('equations', () => {
  it('have in their result what an implicit form implies: the ellipsis, then the labels that occur once, by ASCII', () => {
    expect(parseEquation('b...a,aC', [4, 2]).result).toEqual(['…1', '…0', 'C', 'b']);
    expect(parseEquation('ii', [2]).result).toEqual([]);
  });

  const wrong: Readonly<Record<string, readonly number[]>> = {
    'i1->i': [2],
    'ij->ii': [2],
    'ij->k': [2],
    'i->i->i': [1],
    '......i': [1],
    'ij,jk->ik': [2],
    'ijk->i': [2],
    'i->i': [2],
    '...i->i': [2],
  };
  for (const [equation, ranks] of Object.entries(wrong))
    it(`are refused where they make no sense: ${equation} for ranks ${ranks}`, () => {
      expect(() => parseEquation(equation, ranks)).toThrow(`equation "${equation}"`);
    });
});

describe('Einsum', () => {
  const run = (equation: string, operands: readonly Tensor[]): Tensor => {
    const names = operands.map((_, i) => `x${i}`);
    const session = createSession(
      buildModel({
        inputs: Object.fromEntries(operands.map((t, i) => [names[i]!, [t.dtype, t.shape]])),
        outputs: ['y'],
        nodes: [{ op: 'Einsum', inputs: names, outputs: ['y'], attributes: { equation } }],
      }),
    );
    const y = session.run(Object.fromEntries(operands.map((t, i) => [names[i]!, t]))).get('y')!;
    session.dispose();
    return y;
  };

  it('repeats an axis of one along a longer axis of the same label', () => {
    const a: Tensor = { dtype: 'INT32', shape: [2, 1], data: Int32Array.of(2, 3) };
    const b: Tensor = { dtype: 'INT32', shape: [3], data: Int32Array.of(1, 10, 100) };
    expect([...run('ij,j->i', [a, b]).data]).toEqual([222, 333]);
    expect([...run('ij,j->ij', [a, b]).data]).toEqual([2, 20, 200, 3, 30, 300]);
  });

  it('wraps products of 32-bit integers around', () => {
    const a: Tensor = { dtype: 'INT32', shape: [2], data: Int32Array.of(2147483647, 123456789) };
    expect([...run('i,i->', [a, a]).data]).toEqual([
      Number(BigInt.asIntN(32, 2147483647n ** 2n + 123456789n ** 2n)),
    ]);
  });

  it('names the label whose axes do not agree', () => {
    const a: Tensor = { dtype: 'INT32', shape: [2], data: Int32Array.of(1, 2) };
    const b: Tensor = { dtype: 'INT32', shape: [3], data: Int32Array.of(1, 2, 3) };
    expect(() => run('i,i->', [a, b])).toThrow('label "i" is an axis of 2 and of 3');
  });
});
