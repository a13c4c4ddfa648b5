import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { quantizeActivations } from '../../../src/eval/activations/quantize-activations.ts';
import { openBatches } from '../../../src/eval/calibration/batches.ts';
import { type DiscretizeSettings, discretizeModel } from '../../../src/eval/discretize-model.ts';
import { inspectModel } from '../../../src/eval/inspect.ts';
import { writePacked } from '../../../src/eval/save.ts';
import { score } from '../../../src/eval/score.ts';
import { sweep } from '../../../src/eval/sweep/sweep.ts';
import { encodeModel } from '../../../src/formats/onnx/encode.ts';
import { readModel } from '../../../src/formats/read-model.ts';
import type { Model } from '../../../src/ir/graph.ts';
import { createSession } from '../../../src/runtime/session.ts';
import { floats, type Tensor } from '../../../src/tensor/tensor.ts';
import { tinyFolder } from '../../cli/tiny-model.ts';
import { runOnnxRuntime } from '../../runtime/onnxruntime.ts';
import { randomFloats } from '../../runtime/random.ts';

const folder = tinyFolder(64);
afterAll(() => rmSync(folder, { recursive: true }));
const model = await readModel(join(folder, 'model.onnx'));
const LABELLED = `idx:${folder}/images.idx,${folder}/labels.idx`;
const IMAGES = `idx:${folder}/images.idx`;
const W4A8 = { scheme: 'linear', bits: 4, actBits: 8, actRange: 'dynamic' } as const;

const kinds = ({ graph }: Model): string[] => graph.nodes.map(({ opType }) => opType);
const count = (of: Model, kind: string): number => kinds(of).filter((one) => one === kind).length;

async function scoresOf(of: Model, options: { batch?: number; threads?: number } = {}): Promise<object> {
  const scores = await score(of, LABELLED, { threads: 1, against: model, ...options });
  return { ...scores, seconds: 0, float: null };
}

/** The same network for batches of that many images. */
function withBatch(of: Model, batch: number): Model {
  const inputs = of.graph.inputs.map((input) => ({ ...input, shape: [batch, ...input.shape!.slice(1)] }));
  const outputs = of.graph.outputs.map(({ name, dtype }) => ({ name, ...(dtype && { dtype }) }));
  return { ...of, graph: { ...of.graph, inputs, outputs, valueInfo: new Map() } };
}

describe('activations of the range of each run', () => {
  it('are rounded in front of every layer, with weights of few bits, without any image', async () => {
    const { model: rounded, activations, layers } = await discretizeModel(model, W4A8);
    expect(layers.map(({ bits }) => bits)).toEqual([4, 4, 4]);
    expect(activations.map(({ value, bits, kind, low }) => [value, bits, kind, low])).toEqual([
      ['x', 8, 'dynamic', null],
      ['b', 8, 'dynamic', null],
      ['f', 8, 'dynamic', null],
    ]);
    expect([count(rounded, 'DynamicQuantizeLinear'), count(rounded, 'DequantizeLinear')]).toEqual([3, 3]);
    const { top1 } = await score(rounded, LABELLED, { threads: 1 });
    expect(top1).toBeGreaterThan(75);
  });

  it('are the same in the packed file, and inspect tells of them', async () => {
    const { model: rounded } = await discretizeModel(model, W4A8);
    const path = join(folder, 'dynamic.bnnq');
    await writePacked(rounded, path);
    expect(await scoresOf(await readModel(path))).toEqual(await scoresOf(rounded));
    const { discretized } = await inspectModel(path);
    for (const { input } of discretized) expect(input).toEqual({ bits: 8, by: 'DynamicQuantizeLinear' });
  });

  it('give scores that depend neither on the batch nor on threads, also where the batch is fixed', async () => {
    const { model: rounded } = await discretizeModel(model, W4A8);
    const alone = await scoresOf(rounded, { batch: 1 });
    expect(await scoresOf(rounded, { batch: 7 })).toEqual(alone);
    expect(await scoresOf(rounded, { threads: 2 })).toEqual(alone);
    expect(await scoresOf(withBatch(rounded, 3))).toEqual(alone);
  });

  it('are those that onnxruntime finds in the same file', async () => {
    const { model: rounded } = await discretizeModel(model, W4A8);
    const session = createSession(rounded);
    const name = rounded.graph.outputs[0]!.name;
    const shape = rounded.graph.inputs[0]!.shape!.slice(1) as number[];
    for (const seed of [1, 2, 3]) {
      const values = randomFloats(
        shape.reduce((a, b) => a * b, 1),
        seed,
      ).map((value) => value * seed);
      const feeds: Record<string, Tensor> = {
        [rounded.graph.inputs[0]!.name]: floats([1, ...shape], values),
      };
      const wanted = (await runOnnxRuntime(encodeModel(rounded), feeds)).get(name)!.data as Float32Array;
      const given = session.run(feeds).get(name)!.data as Float32Array;
      // A sum that is rounded in another order may lie on the other side of a half: a step of 1/255 of the range for one code.
      const largest = Math.max(...wanted.map(Math.abs));
      wanted.forEach((value, i) => {
        expect(Math.abs(given[i]! - value)).toBeLessThan(largest / 255);
      });
    }
    session.dispose();
  });

  it('are what weights are fitted to with images, one image at a time, whatever their batches', async () => {
    const calibrated = async (batch: number): Promise<Model> => {
      const images = await openBatches(model, IMAGES, { batch });
      const settings: DiscretizeSettings = { ...W4A8, method: 'gptq', repairs: ['auto'] };
      return (await discretizeModel(model, settings, images)).model;
    };
    const [five, one] = [await calibrated(5), await calibrated(1)];
    for (const [name, { quantized }] of one.graph.initializers)
      expect(five.graph.initializers.get(name)!.quantized, name).toEqual(quantized);
    expect(await scoresOf(five)).toEqual(await scoresOf(one));
  });

  it('refuse to be calibrated with in a network of a fixed batch', async () => {
    const fixed = withBatch(model, 4);
    const images = await openBatches(fixed, IMAGES);
    await expect(discretizeModel(fixed, { ...W4A8, method: 'gptq' }, images)).rejects.toThrow(
      /input "x" takes 4 images at once, and weights that are calibrated with the range dynamic are fitted to one/,
    );
  });

  it('are tried by a sweep without images, and scored as they are alone', async () => {
    const report = await sweep(model, LABELLED, {
      ...{ schemes: ['linear'], bits: [4], actBits: [null, 8], actRange: 'dynamic', threads: 1 },
    });
    expect(report.points.map(({ actBits, actRange }) => [actBits, actRange])).toEqual([
      [undefined, undefined],
      [8, 'dynamic'],
    ]);
    const { model: rounded } = await discretizeModel(model, W4A8);
    const { top1 } = await score(rounded, LABELLED, { threads: 1 });
    expect(report.points[1]!.top1).toBe(top1);
  });

  it('leave alone what has 8 bits already', async () => {
    const { model: rounded } = await discretizeModel(model, W4A8);
    const again = await quantizeActivations(rounded, undefined, { bits: 8, range: 'dynamic' });
    expect(again.activations).toEqual([]);
    expect(again.skipped[0]!.reason).toBe('DynamicQuantizeLinear gives it few bits already: 8');
  });

  it('have 8 bits, in operator sets from 11 on; other ranges need images', async () => {
    const asked = (bits: number, of = model): Promise<unknown> =>
      quantizeActivations(of, undefined, { bits, range: 'dynamic' });
    await expect(asked(4)).rejects.toThrow(
      'range dynamic: activations have 8 bits, as DynamicQuantizeLinear makes them, got 4',
    );
    await expect(asked(8, { ...model, opsets: new Map([['', 10]]) })).rejects.toThrow(
      'ranges of the run are found by DynamicQuantizeLinear, which ONNX has from operator set 11 on; the model is of operator set 10',
    );
    await expect(quantizeActivations(model, undefined, { bits: 8 })).rejects.toThrow(
      'range mse of activations needs images',
    );
    await expect(discretizeModel(model, { scheme: 'linear', bits: 4, actBits: 8 })).rejects.toThrow(
      'rounding of activations needs calibration images, or the range dynamic',
    );
  });
});
