import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openBatches } from '../../../src/eval/calibration/batches.ts';
import type { Dataset, Sample } from '../../../src/formats/datasets/dataset.ts';
import { readModel } from '../../../src/formats/read-model.ts';
import type { Model } from '../../../src/ir/graph.ts';
import { tinyFolder } from '../../cli/tiny-model.ts';
import { buildModel, int64, type ShortModel } from '../../runtime/build-model.ts';

const folder = tinyFolder(20);
afterAll(() => rmSync(folder, { recursive: true }));
const MODEL = join(folder, 'model.onnx');
const UNLABELLED = `idx:${folder}/images.idx`;

/** Sample i is [i, i, i]. */
function counting(count: number, fingerprint = 'test'): Dataset {
  return {
    spec: 'counting',
    count,
    labels: undefined,
    classNames: undefined,
    fingerprint,
    nameOf: (index) => `row ${index}`,
    sample: (index): Sample => ({ kind: 'values', values: Float32Array.of(index, index, index) }),
  };
}

function identity(changes: Partial<ShortModel> = {}): Model {
  return buildModel({
    inputs: { x: ['FLOAT', ['N', 3]] },
    outputs: ['y'],
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
    ...changes,
  });
}

/** The samples that each batch holds. */
async function samplesOf(model: Model, data: Dataset, options = {}): Promise<number[][]> {
  const batches = await openBatches(model, data, options);
  const feeds = await Promise.all(Array.from({ length: batches.batches }, (_, i) => batches.feed(i)));
  return feeds.map(({ shape, data: values }) => {
    expect(shape[1]).toBe(3);
    return Array.from({ length: shape[0]! }, (_, i) => (values as Float32Array)[3 * i]!);
  });
}

describe('calibration batches', () => {
  it('hold the samples in order, the last batch what is left', async () => {
    expect(await samplesOf(identity(), counting(5), { batch: 2 })).toEqual([[0, 1], [2, 3], [4]]);
    expect(await openBatches(identity(), counting(5), { batch: 2 })).toMatchObject({
      count: 5,
      batches: 3,
      batch: 2,
      dropped: 0,
      input: 'x',
      preprocess: undefined,
    });
  });

  it('take samples evenly over the dataset where fewer are asked for', async () => {
    expect(await samplesOf(identity(), counting(10), { samples: 4 })).toEqual([[0, 2, 5, 7]]);
    expect(await samplesOf(identity(), counting(3), { samples: 4 })).toEqual([[0, 1, 2]]);
  });

  it('are of the size that the input fixes, and say how many images that leaves over', async () => {
    const fixed = identity({ inputs: { x: ['FLOAT', [3, 3]] } });
    expect(await samplesOf(fixed, counting(8), { batch: 2 })).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
    expect(await openBatches(fixed, counting(8))).toMatchObject({ count: 6, batches: 2, dropped: 2 });
    await expect(openBatches(fixed, counting(2))).rejects.toThrow('gives 2 images, the network takes 3');
  });

  it('are of one image where a graph loses its batch, whatever is asked for', async () => {
    const flat = identity({
      constants: { shape: int64([1, -1]) },
      nodes: [{ op: 'Reshape', inputs: ['x', 'shape'], outputs: ['y'] }],
    });
    expect(await samplesOf(flat, counting(2), { batch: 2 })).toEqual([[0], [1]]);
    const refusing = identity({
      constants: { shape: int64([1, 3]) },
      nodes: [{ op: 'Reshape', inputs: ['x', 'shape'], outputs: ['y'] }],
    });
    expect(await samplesOf(refusing, counting(2))).toEqual([[0], [1]]);
  });

  it('are new tensors each time, with the pictures preprocessed as scoring does it', async () => {
    const model = await readModel(MODEL);
    const batches = await openBatches(model, UNLABELLED, { batch: 8 });
    expect(batches).toMatchObject({ count: 20, batches: 3, preprocess: { preset: 'unit' } });
    const [first, again] = [await batches.feed(0), await batches.feed(0)];
    expect(first).toEqual(again);
    expect(first.data).not.toBe(again.data);
    expect(first.shape).toEqual([8, 1, 8, 8]);
    const raw = await openBatches(model, UNLABELLED, { batch: 8, preprocess: 'raw' });
    const bytes = (await raw.feed(0)).data as Float32Array;
    expect(first.data).toEqual(bytes.map((pixel) => Math.fround(pixel * (1 / 255))));
    // A cache too small for all makes no difference.
    const uncached = await openBatches(model, UNLABELLED, { batch: 8, cacheBytes: 130 });
    expect(await uncached.feed(2)).toEqual(await batches.feed(2));
  });

  it('have a fingerprint of all that the feeds follow from', async () => {
    const model = await readModel(MODEL);
    const prints = await Promise.all([
      ...[{}, { samples: 19 }, { preprocess: 'raw' }, { batch: 3 }].map((options) =>
        openBatches(model, UNLABELLED, options),
      ),
      openBatches(identity(), counting(20)),
      openBatches(identity(), counting(20, 'other')),
    ]);
    expect(new Set(prints.map(({ fingerprint }) => fingerprint)).size).toBe(prints.length);
    expect((await openBatches(model, UNLABELLED, {})).fingerprint).toBe(prints[0]!.fingerprint);
  });

  it.each<[string, () => Promise<unknown>, string]>([
    [
      'networks of two inputs',
      () =>
        openBatches(identity({ inputs: { x: ['FLOAT', ['N', 3]], z: ['FLOAT', ['N', 3]] } }), counting(1)),
      'the network has 2 inputs (x, z), a dataset feeds one',
    ],
    [
      'an output that is not there',
      () => openBatches(identity(), counting(1), { output: 'c' }),
      'no output "c", only y',
    ],
    [
      'values of another number',
      () => openBatches(identity({ inputs: { x: ['FLOAT', ['N', 4]] } }), counting(1)),
      'the dataset has 3 values a sample',
    ],
    [
      'no samples',
      () => openBatches(identity(), counting(1), { samples: 0 }),
      'samples: expected a whole number from 1 on, got 0',
    ],
    [
      'half a batch',
      () => openBatches(identity(), counting(1), { batch: 0.5 }),
      'batch: expected a whole number from 1 on, got 0.5',
    ],
    [
      'a batch that is not there',
      async () => (await openBatches(identity(), counting(1))).feed(1),
      'calibration batch 1: there are 1',
    ],
    [
      'a network that cannot run',
      () => openBatches(identity({ nodes: [{ op: 'Nope', inputs: ['x'], outputs: ['y'] }] }), counting(2)),
      'Nope',
    ],
  ])('refuse %s', async (_, run, message) => {
    await expect(run()).rejects.toThrow(message);
  });
});
