import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allocate, allocateUniformly } from '../../../src/eval/allocation/allocate.ts';
import { confirmAllocation } from '../../../src/eval/allocation/confirm-allocation.ts';
import { sensitivity } from '../../../src/eval/allocation/sensitivity.ts';
import type { Allocation, SensitivityReport } from '../../../src/eval/allocation/table.ts';
import { type CalibrationBatches, openBatches } from '../../../src/eval/calibration/batches.ts';
import { score } from '../../../src/eval/score.ts';
import { readModel } from '../../../src/formats/read-model.ts';
import type { Model } from '../../../src/ir/graph.ts';
import { quantizeModel } from '../../../src/quantizers/quantize-model.ts';
import { tinyFolder } from '../../cli/tiny-model.ts';

const folder = tinyFolder(40);
afterAll(() => rmSync(folder, { recursive: true }));
const PICTURES = `idx:${folder}/images.idx`;
let model: Model;
let table: SensitivityReport;
let images: CalibrationBatches;

beforeAll(async () => {
  model = await readModel(join(folder, 'model.onnx'));
  images = await openBatches(model, PICTURES);
  table = await sensitivity(model, PICTURES, { schemes: ['linear'], bits: [1, 2, 3, 4] });
});

async function divergenceOf({ perLayer, common }: Allocation): Promise<number> {
  const packed = quantizeModel(model, { ...common, perLayer }).model;
  return (await score(packed, PICTURES, { against: model, threads: 1 })).klDivergence!;
}

describe('sensitivity', () => {
  it('says what one candidate for all layers adds up to, and the least that no more bytes add up to', () => {
    expect(table.images).toBe(40);
    for (const [candidate, { loss, allocatedLoss, payloadBytes }] of table.uniform.entries()) {
      const sum = table.layers.reduce((total, { cells }) => total + cells[candidate]!.loss, 0);
      expect(loss).toBe(sum);
      expect(allocatedLoss).toBe(allocate(table, { payloadBytes }).loss);
    }
    const losses = table.frontier.map(({ loss }) => loss);
    expect(losses).toEqual(losses.toSorted((a, b) => b - a));
    expect(table.frontier.at(-1)!.loss).toBe(
      table.layers.reduce((sum, { cells }) => sum + Math.min(...cells.map((cell) => cell!.loss)), 0),
    );
  });
});

describe('confirmAllocation', () => {
  it('measures the whole network as score does', async () => {
    const allocation = allocate(table, { bitsPerWeight: 4 });
    const steps: number[] = [];
    const found = await confirmAllocation(
      model,
      images,
      table,
      allocation,
      {},
      {
        onProgress: (done) => steps.push(done),
      },
    );
    const rounding = 12; // the images are added up in another order
    expect(found.networkLoss).toBeCloseTo(await divergenceOf(found), rounding);
    expect(steps[0]).toBe(1);
  });

  it('takes one candidate for all layers where the sums have misled', async () => {
    const cells = ({ cells: row }: SensitivityReport['layers'][number]) =>
      row.map((cell, i) => cell && { ...cell, loss: i === 0 ? 0 : 1 });
    const lying = { ...table, layers: table.layers.map((layer) => ({ ...layer, cells: cells(layer) })) };
    const allocation = allocate(lying, { bitsPerWeight: 8 });
    expect(new Set(allocation.layers.map(({ candidate }) => candidate))).toEqual(new Set([0]));
    const { payloadBytes } = allocateUniformly(table, 2);
    const found = await confirmAllocation(model, images, lying, allocation, { payloadBytes });
    expect(found.uniform).toBe(2);
    expect(found.payloadBytes).toBe(payloadBytes);
    expect(found.networkLoss).toBeLessThan(await divergenceOf(allocation));
  });

  it('runs the networks that it is given', async () => {
    const asked: Allocation[] = [];
    const found = await confirmAllocation(
      model,
      images,
      table,
      allocate(table, { bitsPerWeight: 4 }),
      {},
      {
        quantize: (allocation) => {
          asked.push(allocation);
          return model;
        },
      },
    );
    expect(asked.length).toBeGreaterThan(1);
    expect([found.networkLoss, found.uniform]).toEqual([0, null]);
  });
});
