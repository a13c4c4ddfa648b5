import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { wilsonInterval } from '../../src/eval/metrics.ts';
import { score } from '../../src/eval/score.ts';
import type { Dataset, Sample } from '../../src/formats/datasets/dataset.ts';
import { readModel } from '../../src/formats/read-model.ts';
import type { Model } from '../../src/ir/graph.ts';
import { quantizeModel } from '../../src/quantizers/quantize-model.ts';
import { floats } from '../../src/tensor/tensor.ts';
import { tinyFolder } from '../cli/tiny-model.ts';
import { buildModel, int64, type ShortModel } from '../runtime/build-model.ts';

const folder = tinyFolder(50);
afterAll(() => rmSync(folder, { recursive: true }));
const MODEL = join(folder, 'model.onnx');
const LABELLED = `idx:${folder}/images.idx,${folder}/labels.idx`;
const UNLABELLED = `idx:${folder}/images.idx`;

/** A dataset of lists of numbers. */
function values(rows: readonly (readonly number[])[], labels?: readonly number[]): Dataset {
  return {
    spec: 'test',
    count: rows.length,
    labels: labels && Int32Array.from(labels),
    classNames: undefined,
    fingerprint: 'test',
    nameOf: (index) => `row ${index}`,
    sample: (index): Sample => ({ kind: 'values', values: Float32Array.from(rows[index]!) }),
  };
}

/** The input is the output. */
function identity(changes: Partial<ShortModel> = {}): Model {
  return buildModel({
    inputs: { x: ['FLOAT', ['N', 3]] },
    outputs: ['y'],
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
    ...changes,
  });
}

const ROWS = [
  [3, 1, 2],
  [0, 5, 5],
  [1, Number.NaN, 0],
  [-1, -2, -3],
];

describe('score', () => {
  it('counts an answer as right when no value is larger than the label’s, and says how many of these are ties; NaN is wrong', async () => {
    const result = await score(identity(), values(ROWS, [0, 2, 0, 0]));
    expect(result).toMatchObject({ count: 4, top1: 75, top5: 75, tied: 1, classes: 3 });
    expect(result).toMatchObject({ float: null, agreement: null });
    expect(result.top1Interval).toEqual(wilsonInterval(3, 4));
    expect(result.dataset).toEqual({ spec: 'test', fingerprint: 'test', labelled: true, preprocess: null });
  });

  it('scores a network on pictures, with and without labels', async () => {
    const labelled = await score(MODEL, LABELLED, { preprocess: 'unit' });
    expect(labelled.count).toBe(50);
    expect(labelled.top1).toBeGreaterThan(60);
    expect(labelled.dataset.preprocess).toMatchObject({ preset: 'unit' });
    const compared = await score(MODEL, UNLABELLED, { against: MODEL });
    expect(compared).toMatchObject({ top1: null, agreement: 100, klDivergence: 0, logitSnrDb: null });
    expect(compared.float).toMatchObject({ count: 50, top1: null });
    expect(compared.dataset.preprocess).toMatchObject({ preset: 'unit' }); // one channel
  });

  it('compares a discretized network with its float network', async () => {
    const model = await readModel(MODEL);
    const packed = quantizeModel(model, { scheme: 'linear', bits: 3 }).model;
    const result = await score(packed, LABELLED, { against: model });
    const float = await score(model, LABELLED);
    const { seconds: _, agreement: __, klDivergence: ___, logitSnrDb: ____, ...rates } = float;
    expect(result.float).toMatchObject({ top1: rates.top1, top1Interval: rates.top1Interval });
    expect(result.agreement).toBeGreaterThan(50);
    expect(result.klDivergence).toBeGreaterThan(0);
    expect(result.logitSnrDb).toBeGreaterThan(3);
  });

  it('gives the same bits for any batch, any number of threads and any kernels', async () => {
    const model = await readModel(MODEL);
    const packed = quantizeModel(model, { scheme: 'exp', bits: 2 }).model;
    const scores = await Promise.all(
      [
        { batch: 1 },
        { batch: 7 },
        { batch: 64 },
        { threads: 1 },
        { threads: 3 },
        { kernels: 'reference' as const },
      ].map(async (options) => {
        const {
          seconds: _,
          float: __,
          ...rest
        } = await score(packed, LABELLED, { against: model, ...options });
        return rest;
      }),
    );
    for (const other of scores.slice(1)) expect(other).toEqual(scores[0]);
  });

  it('takes the first images only, and the cache makes no difference', async () => {
    const few = await score(MODEL, LABELLED, { limit: 9 });
    expect(few.count).toBe(9);
    expect((await score(MODEL, LABELLED, { limit: 9, cacheBytes: 130 })).top1).toBe(few.top1);
    await expect(score(MODEL, LABELLED, { limit: 0 })).rejects.toThrow(
      'limit: expected a whole number from 1 on, got 0',
    );
  });

  it('pads the last batch of a network whose batch is fixed', async () => {
    const fixed = identity({ inputs: { x: ['FLOAT', [3, 3]] } });
    expect(await score(fixed, values(ROWS, [0, 1, 0, 0]))).toMatchObject({ count: 4, top1: 75 });
  });

  it('runs images one by one where a graph loses its batch', async () => {
    const flat = identity({
      constants: { shape: int64([1, -1]) },
      nodes: [{ op: 'Reshape', inputs: ['x', 'shape'], outputs: ['y'] }],
    });
    expect(await score(flat, values(ROWS, [0, 1, 0, 0]))).toMatchObject({ count: 4, top1: 75, classes: 3 });
  });

  it('takes class indices, [N,1] of INT64, for top-1', async () => {
    const argmax = identity({
      outputTypes: { y: 'INT64' },
      nodes: [{ op: 'ArgMax', inputs: ['x'], outputs: ['y'], attributes: { axis: 1 } }],
    });
    const result = await score(argmax, values(ROWS.slice(0, 2), [0, 2]), { against: identity() });
    expect(result).toMatchObject({ top1: 50, top5: null, agreement: 100, klDivergence: null });
  });

  it('takes what comes out of a Softmax as probabilities', async () => {
    const softmax = identity({
      constants: { shape: int64([0, 3]) },
      nodes: [
        { op: 'Softmax', inputs: ['x'], outputs: ['p'], attributes: { axis: 1 } },
        { op: 'Reshape', inputs: ['p', 'shape'], outputs: ['y'] },
      ],
    });
    const half = identity({
      constants: { half: floats([], [0.5]), shape: int64([0, 3]) },
      nodes: [
        { op: 'Mul', inputs: ['x', 'half'], outputs: ['h'] },
        { op: 'Softmax', inputs: ['h'], outputs: ['p'], attributes: { axis: 1 } },
        { op: 'Reshape', inputs: ['p', 'shape'], outputs: ['y'] },
      ],
    });
    const logits = identity({
      constants: { half: floats([], [0.5]) },
      nodes: [{ op: 'Mul', inputs: ['x', 'half'], outputs: ['y'] }],
    });
    const data = values(ROWS.filter((row) => row.every(Number.isFinite)));
    const fromProbabilities = await score(half, data, { against: softmax });
    const fromLogits = await score(logits, data, { against: identity() });
    expect(fromProbabilities.klDivergence).toBeCloseTo(fromLogits.klDivergence!, 6);
    const mixed = await score(logits, data, { against: softmax });
    expect(mixed).toMatchObject({ agreement: 100, klDivergence: null });
  });

  it('chooses an output by name', async () => {
    const two = identity({
      outputs: ['a', 'b'],
      nodes: [
        { op: 'Neg', inputs: ['x'], outputs: ['a'] },
        { op: 'Identity', inputs: ['x'], outputs: ['b'] },
      ],
    });
    const data = values([[3, 1, 2]], [0]);
    expect((await score(two, data)).top1).toBe(0);
    expect((await score(two, data, { output: 'b' })).top1).toBe(100);
    await expect(score(two, data, { output: 'c' })).rejects.toThrow('no output "c", only a, b');
  });

  it('names every label that is out of range, and the number of classes', async () => {
    await expect(score(identity(), values(ROWS, [0, 3, 1, 7]))).rejects.toThrow(
      /2 problems:.*"test" row 1: label 3 is out of range, the network has 3 classes \(0 to 2\).*row 3: label 7/s,
    );
    await expect(score(identity(), values(ROWS, [0, 2, 1, 0]), { labelOffset: 1 })).rejects.toThrow(
      'row 1: label 2 + offset 1 is out of range',
    );
    const many = values(
      Array.from({ length: 40 }, () => [1, 2, 3]),
      Array.from({ length: 40 }, () => 5),
    );
    await expect(score(identity(), many)).rejects.toThrow('… and 30 more of 40');
  });

  it('adds the label offset, and hints at it where the network has one class more', async () => {
    const notes: string[] = [];
    const data = { ...values([[9, 1, 2]], [0]), classNames: ['cat', 'dog'] };
    expect((await score(identity(), data, { onNote: (note) => notes.push(note) })).top1).toBe(100);
    expect(notes).toEqual([expect.stringContaining('has 3 classes, the dataset 2: if the network')]);
    expect((await score(identity(), data, { labelOffset: 1, onNote: (note) => notes.push(note) })).top1).toBe(
      0,
    );
    expect(notes.length).toBe(1);
  });

  it.each<[string, () => Promise<unknown>, string]>([
    [
      'a network of two inputs',
      () => score(identity({ inputs: { x: ['FLOAT', ['N', 3]], z: ['FLOAT', ['N', 3]] } }), values(ROWS)),
      'the network has 2 inputs (x, z), a dataset feeds one',
    ],
    [
      'an output that is not one value a class',
      () =>
        score(
          identity({
            constants: { shape: int64([0, 3, 2]) },
            nodes: [
              { op: 'Concat', inputs: ['x', 'x'], outputs: ['c'], attributes: { axis: 1 } },
              { op: 'Reshape', inputs: ['c', 'shape'], outputs: ['y'] },
            ],
          }),
          values(ROWS),
        ),
      'output "y" is FLOAT of shape [1,3,2]; one value a class is expected',
    ],
    [
      'values of another number',
      () => score(identity(), values([[1, 2]])),
      'shape [N,3], the dataset has 2 values a sample',
    ],
    [
      'a row of another length',
      () => score(identity(), values([[1, 2, 3], [1]], [0, 0])),
      'row 1: expected 3 values, got 1',
    ],
    [
      'networks of different classes',
      () =>
        score(
          identity({
            nodes: [{ op: 'Concat', inputs: ['x', 'x'], outputs: ['y'], attributes: { axis: 1 } }],
          }),
          values(ROWS),
          { against: identity() },
        ),
      'the network has 6 classes, the one that it is compared with 3',
    ],
    [
      'pictures for a network that takes none',
      () => score(identity(), UNLABELLED),
      'shape [N,3], pictures of 8 × 8 × 1',
    ],
    [
      'a preset of three channels for one',
      () => score(MODEL, LABELLED, { preprocess: 'torch' }),
      '"mean" has 3 numbers',
    ],
    ['neither labels nor a network to compare with', () => score(MODEL, UNLABELLED), 'has no labels'],
    [
      'no threads',
      () => score(MODEL, LABELLED, { threads: 0 }),
      'threads: expected a whole number from 1 on, got 0',
    ],
  ])('refuses %s', async (_, run, message) => {
    await expect(run()).rejects.toThrow(message);
  });

  it('stops when it is told to', async () => {
    const abort = new AbortController();
    const scoring = score(MODEL, LABELLED, { batch: 1, signal: abort.signal });
    abort.abort();
    await expect(scoring).rejects.toThrow(expect.objectContaining({ code: 'interrupted' }));
  });

  it('tells how far it is', async () => {
    const calls: [number, number][] = [];
    await score(MODEL, LABELLED, { against: MODEL, onProgress: (done, total) => calls.push([done, total]) });
    expect(calls.at(-1)).toEqual([100, 100]);
  });
});
