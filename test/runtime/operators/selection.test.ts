import { describe, expect, it } from 'vitest';
import { createSession } from '../../../src/runtime/session.ts';
import { floats, type Tensor } from '../../../src/tensor/tensor.ts';
import { buildModel, int64, type ShortAttribute } from '../build-model.ts';
import { type Case, f, fixed, testFamily } from '../operator-cases.ts';
import { generator } from '../random.ts';

const holds = (...bits: number[]): Tensor => ({
  dtype: 'BOOL',
  shape: [bits.length],
  data: Uint8Array.from(bits),
});
const repeated = (...shape: number[]): Tensor => {
  const next = generator(5);
  const count = shape.reduce((p, d) => p * d);
  return int64(
    Array.from({ length: count }, () => Math.floor(next() * 3)),
    shape,
  );
};

/** Boxes that overlap in all sorts of ways, corners in any order. */
function boxes(batch: number, count: number): Tensor {
  const next = generator(11);
  return floats(
    [batch, count, 4],
    Array.from({ length: batch * count * 4 }, () => next()),
  );
}

const number = (value: number): Tensor => floats([1], [value]);
const INDICES = ['INT64', 'INT64', 'INT64'] as const;

const SELECTIONS: readonly Case[] = [
  { op: 'Compress', note: 'an axis', inputs: [f(3, 4, 2), holds(1, 0, 1, 1)], attributes: { axis: 1 } },
  { op: 'Compress', note: 'a short condition', inputs: [f(3, 4), holds(0, 1)], attributes: { axis: -1 } },
  { op: 'Compress', note: 'no axis', inputs: [f(2, 3), holds(0, 1, 0, 1, 1)] },
  { op: 'Unique', note: 'sorted', inputs: [repeated(3, 5)], outputs: ['INT64', ...INDICES] },
  {
    op: 'Unique',
    note: 'as they come',
    inputs: [repeated(3, 5)],
    attributes: { sorted: 0 },
    outputs: ['INT64', ...INDICES],
  },
  {
    op: 'Unique',
    note: 'rows',
    inputs: [repeated(9, 2)],
    attributes: { axis: 0 },
    outputs: ['INT64', ...INDICES],
  },
  {
    op: 'Unique',
    note: 'columns as they come',
    inputs: [repeated(2, 9)],
    attributes: { axis: 1, sorted: 0 },
    outputs: ['INT64', ...INDICES],
  },
  {
    op: 'Unique',
    note: 'slices of three axes',
    inputs: [repeated(2, 9, 1)],
    attributes: { axis: -2 },
    outputs: ['INT64', ...INDICES],
  },
  {
    op: 'NonMaxSuppression',
    note: 'corners',
    inputs: [boxes(2, 30), f(2, 3, 30), int64([7]), number(0.3)],
    outputs: ['INT64'],
  },
  {
    op: 'NonMaxSuppression',
    note: 'centres and a least score',
    inputs: [boxes(1, 40), f(1, 2, 40), int64([40]), number(0.5), number(0.25)],
    attributes: { center_point_box: 1 },
    outputs: ['INT64'],
  },
  {
    op: 'NonMaxSuppression',
    note: 'none are asked for',
    inputs: [boxes(1, 4), f(1, 1, 4)],
    outputs: ['INT64'],
  },
  { op: 'ReverseSequence', note: 'time first', inputs: [f(4, 3, 2), int64([4, 1, 3])] },
  {
    op: 'ReverseSequence',
    note: 'batch first',
    inputs: [f(3, 4, 2), int64([2, 1, 3])],
    attributes: { batch_axis: 0, time_axis: 1 },
  },
  { op: 'CenterCropPad', note: 'crop and pad', inputs: [f(7, 4, 3), int64([4, 7, 3])], opset: 18 },
  {
    op: 'CenterCropPad',
    note: 'some axes',
    inputs: [f(2, 4, 7), int64([3, 9])],
    attributes: { axes: [-1, 1] },
    opset: 18,
  },
  { op: 'Det', note: 'batches', inputs: [fixed(2, 3, 4, 4)] },
  { op: 'Det', note: 'a swap of rows', inputs: [floats([2, 2], [0, 2, 3, 1])] },
];

testFamily('selections', SELECTIONS);

function run(
  op: string,
  operands: readonly Tensor[],
  attributes: Readonly<Record<string, ShortAttribute>>,
  outputs: readonly string[] = ['y'],
): Tensor[] {
  const session = createSession(
    buildModel({
      opset: 24,
      inputs: Object.fromEntries(operands.map((t, i) => [`x${i}`, [t.dtype, t.shape]])),
      outputs,
      nodes: [{ op, inputs: operands.map((_, i) => `x${i}`), outputs, attributes }],
    }),
  );
  const results = session.run(Object.fromEntries(operands.map((t, i) => [`x${i}`, t])));
  session.dispose();
  return outputs.map((name) => results.get(name)!);
}

describe('Unique', () => {
  it('takes every NaN for one value, larger than any number, and the zeros for one', () => {
    const x = floats([6], [Number.NaN, 3, -0, Number.NaN, 0, -1]);
    const [y, first, which, counts] = run('Unique', [x], {}, ['y', 'first', 'which', 'counts']);
    expect([...y!.data]).toEqual([-1, -0, 3, Number.NaN]);
    expect([...first!.data]).toEqual([5n, 2n, 1n, 0n]);
    expect([...which!.data]).toEqual([3n, 2n, 1n, 3n, 1n, 0n]);
    expect([...counts!.data]).toEqual([1n, 2n, 1n, 2n]);
  });
});

describe('NonMaxSuppression', () => {
  it('keeps a box that overlaps by just the threshold', () => {
    const two = floats([1, 2, 4], [0, 0, 1, 1, 0, 0.5, 1, 1.5]); // ½ over 1½
    const scores = floats([1, 1, 2], [0.9, 0.8]);
    const kept = (threshold: number): number =>
      run('NonMaxSuppression', [two, scores, int64([2]), number(threshold)], {})[0]!.shape[0]!;
    expect(kept(Math.fround(1 / 3))).toBe(2);
    expect(kept(0.333)).toBe(1);
  });
});

describe('TensorScatter', () => {
  const cache = floats([2, 4, 1], [1, 2, 3, 4, 5, 6, 7, 8]);
  const update = floats([2, 2, 1], [10, 20, 30, 40]);

  it('writes from the index of each sample on, and around the end in circular mode', () => {
    expect([...run('TensorScatter', [cache, update], {})[0]!.data]).toEqual([10, 20, 3, 4, 30, 40, 7, 8]);
    expect([...run('TensorScatter', [cache, update, int64([1, 2])], {})[0]!.data]).toEqual([
      1, 10, 20, 4, 5, 6, 30, 40,
    ]);
    const circular = run('TensorScatter', [cache, update, int64([3, 7])], { mode: 'circular' });
    expect([...circular[0]!.data]).toEqual([20, 2, 3, 10, 40, 6, 7, 30]);
  });

  it('is refused where it would write beyond the end', () => {
    expect(() => run('TensorScatter', [cache, update, int64([3, 0])], {})).toThrow(
      'write indices [3,0] of 2 steps in a cache of 4',
    );
  });
});
