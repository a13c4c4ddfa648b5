import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { quantizeActivations } from '../../../src/eval/activations/quantize-activations.ts';
import { inspectModel } from '../../../src/eval/inspect.ts';
import { writePacked } from '../../../src/eval/save.ts';
import { score } from '../../../src/eval/score.ts';
import type { Dataset, Sample } from '../../../src/formats/datasets/dataset.ts';
import { readModel } from '../../../src/formats/read-model.ts';
import type { Model } from '../../../src/ir/graph.ts';
import { planWeights } from '../../../src/quantizers/plan/plan-weights.ts';
import { quantizeModel } from '../../../src/quantizers/quantize-model.ts';
import { createSession } from '../../../src/runtime/session.ts';
import { floats } from '../../../src/tensor/tensor.ts';
import { tinyFolder } from '../../cli/tiny-model.ts';
import { random } from '../../quantizers/samples.ts';
import { buildModel, type ShortModel } from '../../runtime/build-model.ts';

const folder = tinyFolder(64);
afterAll(() => rmSync(folder, { recursive: true }));
const model = await readModel(join(folder, 'model.onnx'));
const LABELLED = `idx:${folder}/images.idx,${folder}/labels.idx`;
const data = { dataset: `idx:${folder}/images.idx` };

function values(rows: readonly (readonly number[])[]): Dataset {
  return {
    spec: 'test',
    count: rows.length,
    labels: undefined,
    classNames: undefined,
    fingerprint: 'test',
    nameOf: (index) => `row ${index}`,
    sample: (index): Sample => ({ kind: 'values', values: Float32Array.from(rows[index]!) }),
  };
}

/** x → MatMul → h → Relu → r → MatMul → y, rows of four. */
function dense(changes: Partial<ShortModel> = {}): Model {
  const uniform = random(8);
  const weight = () =>
    floats(
      [4, 4],
      Array.from({ length: 16 }, () => uniform() - 0.4),
    );
  return buildModel({
    inputs: { x: ['FLOAT', ['N', 4]] },
    outputs: ['y'],
    constants: { w: weight(), v: weight() },
    nodes: [
      { op: 'MatMul', inputs: ['x', 'w'], outputs: ['h'] },
      { op: 'Relu', inputs: ['h'], outputs: ['r'] },
      { op: 'MatMul', inputs: ['r', 'v'], outputs: ['y'] },
    ],
    ...changes,
  });
}

const uniform = random(2);
const ROWS = Array.from({ length: 40 }, () => Array.from({ length: 4 }, () => 4 * uniform() - 1));

/** What the layers read, by the value that they read before. */
function read(of: Model, rows: readonly (readonly number[])[]): number[][] {
  const names = of.graph.nodes.flatMap(({ opType, inputs }) => (opType === 'MatMul' ? [inputs[0]!] : []));
  const session = createSession(of, { keep: names });
  const fetched = session.run({ x: floats([rows.length, 4], rows.flat()) }, { fetch: names });
  session.dispose();
  return names.map((name) => [...(fetched.get(name)!.data as Float32Array)]);
}

const kinds = ({ graph }: Model): string[] => graph.nodes.map(({ opType }) => opType);

describe('a network with activations of few bits', () => {
  it('rounds what every layer reads: pictures to 8 bits, the rest to what is asked for', async () => {
    const { model: rounded, activations, skipped } = await quantizeActivations(model, data, { bits: 4 });
    expect(activations.map(({ value, node, bits, kind }) => [value, node, bits, kind])).toEqual([
      ['x', 'conv1', 8, 'uniform'],
      ['b', 'conv2', 4, 'uniform'],
      ['f', 'fc', 4, 'uniform'],
    ]);
    expect(skipped).toEqual([]);
    expect(kinds(rounded).filter((kind) => kind === 'Quant').length).toBe(3);
    expect(activations.map(({ low }) => low)).toEqual([0, 0, 0]); // pictures ÷ 255 and what a Relu gives
    for (const { high, snrDb } of activations) expect(high! > 0.3 && high! < 3 && snrDb! > 15).toBe(true);
    const { top1 } = await score(rounded, LABELLED, { threads: 1 });
    expect(top1).toBeGreaterThan(75);
  });

  it.each([1, 4])(
    'has the scores, bits and bytes of its packed file, weights of 3 and activations of %i bits',
    async (bits) => {
      const weights = quantizeModel(model, { scheme: 'linear', bits: 3 }).model;
      const { model: rounded } = await quantizeActivations(weights, data, { bits });
      const path = join(folder, `a${bits}.bnnq`);
      await writePacked(rounded, path);
      const back = await readModel(path);
      expect(back.opsets.get('qonnx.custom_op.general')).toBe(1);
      const { seconds: _, ...scores } = await score(back, LABELLED, { threads: 1, against: model });
      const { seconds: __, ...before } = await score(rounded, LABELLED, { threads: 1, against: model });
      expect({ ...scores, float: null }).toEqual({ ...before, float: null });
      const { discretized } = await inspectModel(path);
      const by = bits === 1 ? 'BipolarQuant' : 'Quant';
      expect(discretized.map(({ name, bits: own, input }) => [name, own, input])).toEqual([
        ['conv1.weight', 3, { bits: 8, by: 'Quant' }],
        ['conv2.weight', 3, { bits, by }],
        ['fc.weight', 3, { bits, by }],
      ]);
    },
  );

  it('still has the weights that it had, to be discretized after the activations', async () => {
    const { model: rounded } = await quantizeActivations(model, data, { bits: 2 });
    expect(planWeights(rounded).chosen.map(({ name, maker }) => [name, maker])).toEqual([
      ['conv1.weight', null],
      ['conv2.weight', null],
      ['fc.weight', null],
    ]);
    const { model: both } = quantizeModel(rounded, { scheme: 'linear', bits: 3 });
    expect((await inspectModel(both)).discretized.map(({ input }) => input!.bits)).toEqual([8, 2, 2]);
  });

  it('loses less with more bits, and least with the range of least squares', async () => {
    const snr = async (bits: number, range: 'min-max' | 'percentile' | 'mse'): Promise<number> => {
      const { activations } = await quantizeActivations(model, data, { bits, range });
      return activations[1]!.snrDb!;
    };
    const mse = await Promise.all([2, 3, 4, 6, 8].map((bits) => snr(bits, 'mse')));
    expect(mse).toEqual(mse.toSorted((a, b) => a - b));
    for (const [i, bits] of [2, 3, 4, 6, 8].entries())
      for (const range of ['min-max', 'percentile'] as const)
        expect(mse[i]).toBeGreaterThanOrEqual(await snr(bits, range));
  });

  it('has two levels a channel with one bit, or two for all channels', async () => {
    const rows = { dataset: values(ROWS) };
    const { model: rounded, activations } = await quantizeActivations(dense(), rows, { bits: 1 });
    expect(kinds(rounded)).toEqual(['Quant', 'MatMul', 'Relu', 'Sub', 'BipolarQuant', 'Add', 'MatMul']);
    expect(activations[1]).toMatchObject({ value: 'r', bits: 1, kind: 'threshold', channels: 4 });
    const levels = read(rounded, ROWS)[1]!;
    for (let c = 0; c < 4; c++) expect(new Set(levels.filter((_, i) => i % 4 === c)).size).toBe(2);
    expect(new Set(levels).size).toBe(8);
    const { low, high } = activations[1]!;
    expect([Math.min(...levels), Math.max(...levels)].map((x) => x.toFixed(5))).toEqual(
      [low!, high!].map((x) => x.toFixed(5)),
    );

    const whole = await quantizeActivations(dense(), rows, { bits: 1, thresholds: 'tensor' });
    expect(new Set(read(whole.model, ROWS)[1]).size).toBe(2);
    expect(whole.activations[1]!.channels).toBe(1);
    expect(whole.activations[1]!.snrDb).toBeLessThan(activations[1]!.snrDb!);
  });

  it('can have a first layer of few bits, too', async () => {
    const rows = { dataset: values(ROWS) };
    const { model: rounded } = await quantizeActivations(dense(), rows, { bits: 1, firstBits: 1 });
    expect(kinds(rounded).filter((kind) => kind === 'BipolarQuant').length).toBe(2);
    const two = await quantizeActivations(dense(), rows, { bits: 3, firstBits: 2 });
    expect(new Set(read(two.model, ROWS)[0]).size).toBe(4);
    expect(two.activations.map(({ bits }) => bits)).toEqual([2, 3]);
  });

  it('is the same for any batch and from run to run', async () => {
    const results = await Promise.all(
      [1, 3, 40, 3].map((batch) =>
        quantizeActivations(dense(), { dataset: values(ROWS), batch }, { bits: 1, firstBits: 3 }),
      ),
    );
    const constants = results.map((result) =>
      [...result.model.graph.initializers.values()].map(({ name, read }) => [name, read().data]),
    );
    for (const other of constants) expect(other).toEqual(constants[0]);
    for (const { activations } of results) expect(activations).toEqual(results[0]!.activations);
  });

  it('keeps values that have few bits already, and rounds them when fewer are asked for', async () => {
    const signs = dense({
      nodes: [
        { op: 'MatMul', inputs: ['x', 'w'], outputs: ['h'] },
        { op: 'Sign', inputs: ['h'], outputs: ['r'] },
        { op: 'MatMul', inputs: ['r', 'v'], outputs: ['y'] },
      ],
    });
    const rows = { dataset: values(ROWS) };
    const { skipped } = await quantizeActivations(signs, rows, { bits: 2 });
    expect(skipped).toEqual([{ value: 'r', reason: 'Sign gives it few bits already: 1' }]);
    const { model: eight } = await quantizeActivations(dense(), rows, { bits: 8 });
    const again = await quantizeActivations(eight, rows, { bits: 8 });
    expect(again.model).toBe(eight);
    const four = await quantizeActivations(eight, rows, { bits: 4 });
    expect(kinds(four.model)).toEqual(['Quant', 'MatMul', 'Relu', 'Quant', 'Quant', 'MatMul']);
  });

  it('leaves out what is excluded, and values of types that are not computed with as floats', async () => {
    const { activations, skipped } = await quantizeActivations(model, data, { bits: 4, exclude: ['conv*'] });
    expect(activations.map(({ value }) => value)).toEqual(['f']);
    expect(skipped.map(({ value }) => value)).toEqual(['x', 'b']);
    const double = dense({
      inputs: { x: ['DOUBLE', ['N', 4]] },
      outputTypes: { y: 'DOUBLE' },
      constants: Object.fromEntries(
        ['w', 'v'].map((name) => [
          name,
          { dtype: 'DOUBLE', shape: [4, 4], data: Float64Array.from({ length: 16 }, (_, i) => i / 7) },
        ]),
      ),
    });
    const result = await quantizeActivations(double, { dataset: values(ROWS) }, { bits: 4 });
    expect(result.model).toBe(double);
    expect(result.skipped.map(({ reason }) => reason)).toEqual([
      'its elements are DOUBLE, FLOAT is rounded here',
      'its elements are DOUBLE, FLOAT is rounded here',
    ]);
  });

  it('tells how far it is, and stops when it is told to', async () => {
    const calls: [number, number][] = [];
    const rows = { dataset: values(ROWS), batch: 7, count: 20 };
    await quantizeActivations(
      dense(),
      rows,
      { bits: 4 },
      {
        onProgress: (done, total) => calls.push([done, total]),
      },
    );
    expect(calls).toEqual([
      [7, 20],
      [14, 20],
      [20, 20],
    ]);
    const abort = new AbortController();
    const stopped = quantizeActivations(
      dense(),
      rows,
      { bits: 4 },
      {
        signal: abort.signal,
        onProgress: () => abort.abort(),
      },
    );
    await expect(stopped).rejects.toThrow(expect.objectContaining({ code: 'interrupted' }));
  });

  it('names every activation that is NaN or infinite', async () => {
    const rows = { dataset: values([...ROWS, [Number.NaN, 1, 2, 3]]) };
    for (const bits of [1, 4])
      await expect(quantizeActivations(dense(), rows, { bits })).rejects.toThrow(
        /2 problems:\n {2}value "x" is NaN or infinite for images of "test".*\n {2}value "r" is NaN/,
      );
  });

  it('says everything that is wrong with the options', async () => {
    const options = {
      bits: 9,
      firstBits: 0,
      range: 'all' as 'mse',
      percentile: 50,
      thresholds: 'row' as 'tensor',
    };
    await expect(quantizeActivations(model, data, options)).rejects.toThrow(
      [
        '5 problems:',
        'bits of activations: expected a whole number from 1 to 8, got 9',
        'bits of the first activations: expected a whole number from 1 to 8, got 0',
        'range of activations: expected min-max, percentile, mse, dynamic, got all',
        'percentile: expected a number above 50, at most 100, got 50',
        'thresholds: expected channel or tensor, got row',
      ].join('\n  '),
    );
  });
});
