import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { BnnqError } from '../../../src/errors.ts';
import { exportModel } from '../../../src/eval/export-model.ts';
import { JOURNAL_NAME } from '../../../src/eval/journal.ts';
import { encodePacked, recordedOptions } from '../../../src/eval/save.ts';
import { score } from '../../../src/eval/score.ts';
import { shardsOf } from '../../../src/eval/sweep/score-point.ts';
import { type SweepOptions, type SweepProgress, sweep } from '../../../src/eval/sweep/sweep.ts';
import type { Report } from '../../../src/eval/types.ts';
import type { Dataset } from '../../../src/formats/datasets/dataset.ts';
import { openDataset } from '../../../src/formats/datasets/open-dataset.ts';
import { readModel } from '../../../src/formats/read-model.ts';
import { meanCodeEntropy } from '../../../src/ir/code-entropy.ts';
import type { Model } from '../../../src/ir/graph.ts';
import { quantizeModel } from '../../../src/quantizers/quantize-model.ts';
import { VERSION } from '../../../src/version.ts';
import { tinyFolder, tinyImages, tinyModel } from '../../cli/tiny-model.ts';

const folder = tinyFolder(40);
const outputs = mkdtempSync(join(tmpdir(), 'bnnq-sweep-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
  rmSync(outputs, { recursive: true });
});
const MODEL = join(folder, 'model.onnx');
const LABELLED = `idx:${folder}/images.idx,${folder}/labels.idx`;
const UNLABELLED = `idx:${folder}/images.idx`;
const RANGE: SweepOptions = {
  schemes: ['linear', 'ternary'],
  bits: [1, 3],
  granularities: ['tensor', 'channel'],
};
let made = 0;
const output = (): string => join(outputs, String(made++));

/** What two runs of the same sweep have in common. */
function comparable(report: Report): unknown {
  const { seconds: _, runSeconds: __, ...float } = report.float;
  const points = report.points.map(({ seconds: ___, runSeconds: ____, ...point }) => point);
  return { ...report, created: '', float, points };
}

describe('sweep', () => {
  it('reports every combination of schemes, granularities and bits', async () => {
    const report = await sweep(MODEL, LABELLED, RANGE);
    expect(report.points.map(({ scheme, bits, granularity }) => `${scheme}${bits} ${granularity}`)).toEqual([
      'linear1 tensor',
      'linear3 tensor',
      'linear1 channel',
      'linear3 channel',
      'ternary2 tensor',
      'ternary2 channel',
    ]);
    expect(report).toMatchObject({
      schema: 'bnn-quantize/report@1',
      tool: { name: 'bnn-quantize', version: VERSION },
      command: null,
      model: { file: MODEL, format: 'onnx', parameters: 248, quantizedWeights: 244 },
      dataset: { spec: LABELLED, count: 40, labelled: true, classes: 4, preprocess: { preset: 'unit' } },
    });
    expect(report.failures).toBeUndefined();
    expect(report.model.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('gives for a point what quantize and score give, and the size of its packed file', async () => {
    const { points, float } = await sweep(MODEL, LABELLED, {
      schemes: ['exp'],
      bits: [3],
      granularities: ['channel'],
    });
    const model = await readModel(MODEL);
    const { model: packed, layers } = quantizeModel(model, { scheme: 'exp', bits: 3 });
    const {
      seconds,
      dataset: _,
      classes: __,
      float: own,
      ...scores
    } = await score(packed, LABELLED, { against: model });
    expect(points[0]).toMatchObject(scores);
    expect(float.top1).toBe(own?.top1);
    const recorded = { options: recordedOptions(points[0]!) }; // as `quantize` records them
    expect(points[0]!.packedBytes).toBe(encodePacked(packed, recorded).length);
    expect(points[0]).toMatchObject({
      entropyBits: meanCodeEntropy(packed),
      compressedBytes: encodePacked(packed, { ...recorded, compress: true }).length,
      onnxBytes: exportModel(packed, { to: 'onnx' }).length,
    });
    const { codes, levels, other, graph, header } = points[0]!.packed;
    expect(codes + levels + other + graph + header).toBe(points[0]!.packedBytes);
    expect(points[0]!.bitsPerWeight).toBe((8 * (codes + levels)) / 244);
    expect(points[0]!.layers.map(({ name, correlation, mse }) => ({ name, correlation, mse }))).toEqual(
      layers.map(({ name, correlation, mse }) => ({ name, correlation, mse })),
    );
    expect(seconds).toBeGreaterThan(0);
  });

  it('gives the correlation over all weights together', async () => {
    const { points } = await sweep(MODEL, LABELLED, { schemes: ['linear'], bits: [2] });
    const model = await readModel(MODEL);
    const packed = quantizeModel(model, { scheme: 'linear', bits: 2 }).model;
    let [cross, own, other] = [0, 0, 0];
    for (const name of ['conv1.weight', 'conv2.weight', 'fc.weight']) {
      const [w, q] = [model, packed].map(
        ({ graph }) => graph.initializers.get(name)!.read().data as Float32Array,
      ) as [Float32Array, Float32Array];
      for (let i = 0; i < w.length; i++) {
        cross += w[i]! * q[i]!;
        own += w[i]! ** 2;
        other += q[i]! ** 2;
      }
    }
    expect(points[0]!.correlation).toBeCloseTo(cross / Math.sqrt(own * other), 10);
  });

  it('tells image by image and class by class what the rates are made of, and where weights and levels lie', async () => {
    const { float, points, weights, dataset } = await sweep(MODEL, LABELLED, {
      schemes: ['linear'],
      bits: [2],
      granularities: ['tensor', 'channel'],
    });
    const ones = (text: string | null): number =>
      [...Buffer.from(text!, 'base64')].reduce(
        (sum, byte) => sum + byte.toString(2).replaceAll('0', '').length,
        0,
      );
    const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
    expect((100 * ones(float.outcomes!.right)) / 40).toBe(float.top1);
    expect(sum(float.byClass!.count)).toBe(40);
    expect(dataset.classes).toBe(4);
    for (const { outcomes, flips, top1, agreement, seconds, runSeconds, layers } of points) {
      expect((100 * ones(outcomes!.right)) / 40).toBe(top1);
      expect((100 * ones(outcomes!.agrees)) / 40).toBe(agreement);
      expect((100 * sum(flips!.right)) / 40).toBe(top1);
      expect(sum(float.byClass!.right) - sum(flips!.lost) + sum(flips!.gained)).toBe(sum(flips!.right));
      expect(runSeconds).toBeGreaterThan(0);
      expect(runSeconds).toBeLessThanOrEqual(seconds);
      expect(layers.map(({ levels }) => levels!.inRms.length)).toEqual([4, 4, 4]);
    }
    expect(weights!.map(({ name, count }) => [name, count])).toEqual([
      ['conv1.weight', 36],
      ['conv2.weight', 144],
      ['fc.weight', 64],
    ]);
    for (const { count, histograms } of weights!)
      for (const granularity of ['tensor', 'channel']) {
        const { counts, below, above } = histograms[granularity]!;
        expect(sum(counts) + below + above).toBe(count);
      }
  });

  it('computes again what an older version kept in another form', async () => {
    const out = output();
    const range: SweepOptions = { schemes: ['linear'], bits: [3], out };
    const first = await sweep(MODEL, LABELLED, range);
    const path = join(out, JOURNAL_NAME);
    // Keys of an older form are other keys.
    writeFileSync(path, readFileSync(path, 'utf8').replace(/"key":"./g, '"key":"x'));
    expect(comparable(await sweep(MODEL, LABELLED, range))).toEqual(comparable(first));
  });

  it('goes without labels on agreement and divergence alone', async () => {
    const report = await sweep(MODEL, UNLABELLED, { schemes: ['linear'], bits: [8] });
    expect(report.float).toMatchObject({ top1: null, top5: null, top1Interval: null });
    expect(report.points[0]).toMatchObject({ top1: null, top5Interval: null, agreement: 100 });
    expect(report.dataset.labelled).toBe(false);
  });

  it('keeps finished points and computes only what is missing', async () => {
    const out = output();
    const first = await sweep(MODEL, LABELLED, { ...RANGE, schemes: ['linear'], out });
    const lines = readFileSync(join(out, JOURNAL_NAME), 'utf8');
    expect(lines.split('\n').length).toBe(1 + 4 + 1); // float, four points, the end
    const progress: SweepProgress[] = [];
    const again = await sweep(MODEL, LABELLED, { ...RANGE, out }, (state) => progress.push(state));
    expect(again.points.filter(({ scheme }) => scheme === 'linear')).toEqual(first.points);
    expect(again.float).toEqual(first.float);
    expect(progress.at(-1)).toMatchObject({
      resumed: 4,
      points: 6,
      totalPoints: 6,
      totalImages: 120,
      images: 120,
    });
    expect(readFileSync(join(out, JOURNAL_NAME), 'utf8').startsWith(lines)).toBe(true);
    // Nothing is missing now, so nothing is computed.
    const third = await sweep(MODEL, LABELLED, { ...RANGE, out }, (state) => progress.push(state));
    expect({ ...third, created: '' }).toEqual({ ...again, created: '' });
    expect(progress.at(-1)).toMatchObject({ resumed: 6 });
  });

  it('does not take over points of another model, other data, other preprocessing, other weights or another limit', async () => {
    const out = output();
    const range: SweepOptions = { schemes: ['linear'], bits: [3], out };
    await sweep(MODEL, LABELLED, range);
    const resumed = async (model: string, data: string, options: Partial<SweepOptions>): Promise<number> => {
      let count = -1;
      await sweep(model, data, { ...range, ...options }, (state) => {
        count = state.resumed;
      });
      return count;
    };
    const other = join(outputs, 'other.onnx');
    writeFileSync(
      other,
      tinyModel((weights) => weights.map((w) => ({ ...w, values: w.values.map((x) => 2 * x) }))),
    );
    const images = join(outputs, 'other.idx');
    writeFileSync(
      images,
      tinyImages(40).images.map((x, i) => (i === 100 ? x ^ 1 : x)),
    );
    expect(await resumed(MODEL, LABELLED, { limit: 40 })).toBe(1);
    expect(await resumed(other, LABELLED, {})).toBe(0);
    expect(await resumed(MODEL, `idx:${images},${folder}/labels.idx`, {})).toBe(0);
    expect(await resumed(MODEL, LABELLED, { preprocess: 'raw' })).toBe(0);
    expect(await resumed(MODEL, LABELLED, { exclude: ['fc.*'] })).toBe(0);
    expect(await resumed(MODEL, LABELLED, { limit: 39 })).toBe(0);
  });

  it('goes on after a torn last line', async () => {
    const out = output();
    const range: SweepOptions = { schemes: ['linear'], bits: [2, 3], out };
    const first = await sweep(MODEL, LABELLED, range);
    const path = join(out, JOURNAL_NAME);
    const whole = readFileSync(path, 'utf8');
    writeFileSync(path, whole.slice(0, -40));
    let resumed = -1;
    const again = await sweep(MODEL, LABELLED, range, (state) => {
      resumed = state.resumed;
    });
    expect(resumed).toBe(1);
    expect(comparable(again)).toEqual(comparable(first));
    appendFileSync(path, 'x');
    expect((await sweep(MODEL, LABELLED, range)).points).toEqual(again.points);
  });

  it('stops when it is interrupted, keeps what it has finished, and goes on from there', async () => {
    const out = output();
    const abort = new AbortController();
    const interrupted = sweep(MODEL, LABELLED, { ...RANGE, out, signal: abort.signal }, ({ finished }) => {
      if (finished?.scheme === 'linear' && finished.bits === 3) abort.abort();
    });
    await expect(interrupted).rejects.toThrow(
      expect.objectContaining({
        code: 'interrupted',
        message: expect.stringMatching(
          /^interrupted: [2-5] of 6 points are finished, kept in ".*points\.jsonl"/,
        ),
      }),
    );
    let resumed = 0;
    const report = await sweep(MODEL, LABELLED, { ...RANGE, out }, (state) => {
      resumed = state.resumed;
    });
    expect(resumed).toBeGreaterThanOrEqual(2);
    expect(comparable(report)).toEqual(comparable(await sweep(MODEL, LABELLED, RANGE)));
  });

  it('leaves out combinations that make no sense, and says so', async () => {
    const notes: string[] = [];
    const range: SweepOptions = {
      schemes: ['linear'],
      bits: [1],
      zero: [true, false],
      onNote: (note) => notes.push(note),
    };
    expect((await sweep(MODEL, LABELLED, range)).points.length).toBe(1);
    expect(notes).toEqual([expect.stringContaining('left out: linear')]);
  });

  it('lists a point that fails and goes on with the others', async () => {
    const good = await openDataset(LABELLED);
    let calls = 0;
    const flaky: Dataset = {
      ...good,
      sample(index) {
        // Not in the pass of the float network, but once in that of the first point.
        if (++calls === 60) throw new BnnqError('malformed', 'image "cat.png" is damaged');
        return good.sample(index);
      },
    };
    const out = output();
    const range: SweepOptions = { schemes: ['linear'], bits: [2, 3, 4], cacheBytes: 0, out };
    const report = await sweep(MODEL, flaky, range);
    expect(report.points.map(({ bits }) => bits)).toEqual([3, 4]);
    expect(report.failures).toEqual([
      {
        ...{ scheme: 'linear', bits: 2, granularity: 'channel', method: 'rtn', fit: 'correlation' },
        ...{ levels: 'geometric', zero: false, message: 'image "cat.png" is damaged' },
      },
    ]);
    // The next time only that point is tried again.
    const again = await sweep(MODEL, LABELLED, range);
    expect(again.failures).toBeUndefined();
    expect(again.points.slice(1)).toEqual(report.points);
  });

  it.each<[string, () => Promise<unknown>, string]>([
    [
      'weights with a NaN in them',
      () => sweep(spoiled(), LABELLED, { schemes: ['exp'], bits: [2, 3] }),
      'none of the 2 points',
    ],
    [
      'patterns that match nothing',
      () => sweep(MODEL, LABELLED, { ...RANGE, include: ['nowhere'] }),
      'nowhere',
    ],
    [
      'a choice of no weights',
      () => sweep(MODEL, LABELLED, { ...RANGE, exclude: ['*'] }),
      'no weights to discretize',
    ],
    [
      'a model that is discretized already',
      async () => sweep(await packedModel(), LABELLED, RANGE),
      'no weights to discretize',
    ],
    ['a missing model', () => sweep('none.onnx', LABELLED, RANGE), 'no such file'],
    ['a missing dataset', () => sweep(MODEL, 'idx:none', RANGE), 'no such file'],
  ])('refuses %s', async (_, run, message) => {
    await expect(run()).rejects.toThrow(message);
  });

  it('leaves no folder behind where it cannot begin', async () => {
    const out = output();
    await expect(sweep(MODEL, 'idx:none', { ...RANGE, out })).rejects.toThrow();
    await expect(sweep(MODEL, LABELLED, { ...RANGE, exclude: ['*'], out })).rejects.toThrow();
    expect(existsSync(out)).toBe(false);
  });
});

function packedModel(): Promise<Model> {
  return readModel(MODEL).then((model) => quantizeModel(model, { scheme: 'exp', bits: 3 }).model);
}

function spoiled(): string {
  const path = join(outputs, 'spoiled.onnx');
  writeFileSync(
    path,
    tinyModel((weights) =>
      weights.map((w) =>
        w.name === 'conv2.weight' ? { ...w, values: [Number.NaN, ...w.values.slice(1)] } : w,
      ),
    ),
  );
  return path;
}

describe('shardsOf', () => {
  it('hands points out whole while there are enough for all threads, and splits what is left over', () => {
    const shards = (points: number, threads: number): number[] =>
      Array.from({ length: points }, (_, place) => shardsOf(place, points, threads));
    expect(shards(4, 2)).toEqual([1, 1, 1, 1]);
    expect(shards(5, 2)).toEqual([1, 1, 1, 1, 2]);
    expect(shards(1, 8)).toEqual([8]);
    expect(shards(3, 8)).toEqual([2, 2, 2]);
    expect(shards(7, 4)).toEqual([1, 1, 1, 1, 1, 1, 1]);
    expect(shards(3, 1)).toEqual([1, 1, 1]);
  });
});
