import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { inspectModel, openDataset, quantize, readModel, score, writePacked } from '../../src/index.ts';
import { tinyFolder } from '../cli/tiny-model.ts';

const folder = tinyFolder(40);
afterAll(() => rmSync(folder, { recursive: true }));

describe('the ten lines of the README', () => {
  it('quantize a model, score it and write it, and the file gives the same scores', async () => {
    const model = await readModel(join(folder, 'model.onnx'));
    const { model: packed, layers } = quantize(model, { scheme: 'exp', bits: 3 });
    const data = await openDataset(`idx:${folder}/images.idx,${folder}/labels.idx`);
    const scores = await score(packed, data, { preprocess: 'unit', against: model });
    const path = join(folder, 'model.bnnq');
    await writePacked(packed, path);

    expect(layers.length).toBe(3);
    expect(scores.count).toBe(40);
    expect(scores.agreement).toBeGreaterThan(50);
    const { seconds: _, float: __, ...expected } = scores;
    expect(await score(path, data, { preprocess: 'unit', against: model })).toMatchObject(expected);
    await expect(writePacked(packed, path)).rejects.toThrow(expect.objectContaining({ code: 'exists' }));
  });
});

describe('inspectModel', () => {
  it('tells what is in a float model', async () => {
    const model = await inspectModel(join(folder, 'model.onnx'));
    expect(model).toMatchObject({
      format: 'onnx',
      opsets: { '': 13 },
      inputs: [{ name: 'x', dtype: 'FLOAT', shape: ['N', 1, 8, 8] }],
      outputs: [{ name: 'y', dtype: 'FLOAT', shape: ['N', 4] }],
      parameters: 248,
      macs: 64 * 36 + 64 * 144 + 64,
      uncounted: 0,
      packed: null,
      discretized: [],
      skipped: [],
    });
    expect(model.operators[0]).toEqual({ domain: '', opType: 'Conv', count: 2, supported: true });
    expect(
      model.weights.map(({ name, shape, rows, columns, byteLength }) => [
        name,
        shape,
        rows,
        columns,
        byteLength,
      ]),
    ).toEqual([
      ['conv1.weight', [4, 1, 3, 3], 4, 9, 144],
      ['conv2.weight', [4, 4, 3, 3], 4, 36, 576],
      ['fc.weight', [4, 16], 4, 16, 256],
    ]);
    expect(model.fileBytes).toBe(readFileSync(join(folder, 'model.onnx')).length);
  });

  it('counts every byte of a packed file', async () => {
    const path = join(folder, 'inspected.bnnq');
    const { model } = quantize(await readModel(join(folder, 'model.onnx')), { scheme: 'linear', bits: 2 });
    const written = await writePacked(model, path);
    expect(existsSync(path)).toBe(true);
    const inspection = await inspectModel(path);
    expect(inspection.packed).toEqual(written);
    const { codes, levels, other, graph, header, total } = inspection.packed!;
    expect(total).toBe(readFileSync(path).length);
    expect(codes + levels + other + graph + header).toBe(total);
    expect(codes).toBe(Math.ceil(36 / 8) * 2 + Math.ceil(144 / 8) * 2 + Math.ceil(64 / 8) * 2);
    expect(
      inspection.discretized.map(({ name, bits, tables, levelBytes }) => [name, bits, tables, levelBytes]),
    ).toEqual([
      ['conv1.weight', 2, 4, 16],
      ['conv2.weight', 2, 4, 16],
      ['fc.weight', 2, 4, 16],
    ]);
    expect(inspection.source).toMatchObject({
      file: 'model.onnx',
      sha256: (await inspectModel(join(folder, 'model.onnx'))).source.sha256,
    });
  });
});
