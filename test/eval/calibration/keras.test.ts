import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type CalibrationBatches, openBatches } from '../../../src/eval/calibration/batches.ts';
import { calibrateModel } from '../../../src/eval/calibration/calibrate.ts';
import { readModelBytes } from '../../../src/formats/read-model.ts';
import type { Model } from '../../../src/ir/graph.ts';
import { quantizeModel } from '../../../src/quantizers/quantize-model.ts';
import { createSession } from '../../../src/runtime/session.ts';
import { randomValues } from './networks.ts';

const FOLDER = fileURLToPath(new URL('../../fixtures/keras/v3/', import.meta.url));
const EXP2 = { scheme: 'exp', bits: 2 } as const;

async function open(name: string): Promise<{ model: Model; batches: CalibrationBatches }> {
  const file = `${name}.keras.gz`;
  const model = await readModelBytes(new Uint8Array(gunzipSync(readFileSync(FOLDER + file))), { file });
  const sizes = model.graph.inputs[0]!.shape!.slice(1) as number[];
  const elements = sizes.reduce((a, b) => a * b, 1);
  return { model, batches: await openBatches(model, randomValues(20, elements), { batch: 4 }) };
}

/** Energy of the difference from the float network's outputs. */
async function errorOf(own: Model, float: Model, batches: CalibrationBatches): Promise<number> {
  const sessions = [own, float].map((model) => createSession(model));
  let sum = 0;
  for (let i = 0; i < batches.batches; i++) {
    const feed = { [batches.input]: await batches.feed(i) };
    const [ours, theirs] = sessions.map((session) => [...session.run(feed).values()]);
    for (const [o, { data }] of ours!.entries())
      (data as Float32Array).forEach((v, k) => {
        sum += (v - (theirs![o]!.data as Float32Array)[k]!) ** 2;
      });
  }
  for (const session of sessions) session.dispose();
  return sum;
}

describe('networks of Keras', () => {
  it.each([
    ['conv_net', 0.3],
    ['convnext', 0.3],
    ['sequential', 0.5],
    ['conv1d_causal', 0.9],
    ['flatten_then_dense', 0.6],
    ['fixed_batch', 0.5],
    ['multi_head_attention_axes', 0.6],
    ['nested_model_in_two_places', 0.6],
  ])('%s loses at most %f of what rounding loses', async (name, part) => {
    const { model, batches } = await open(name);
    const rounded = await errorOf(quantizeModel(model, EXP2).model, model, batches);
    const found = await calibrateModel(model, batches, { ...EXP2, repairs: ['bias'] });
    expect((await errorOf(found.model, model, batches)) / rounded).toBeLessThan(part);
    for (const { lossRatio, repairs } of found.calibration) {
      expect(lossRatio).toBeLessThanOrEqual(1);
      expect(repairs).toEqual(['bias']);
    }
  });

  it('recurrent ones are rounded, and it is said', async () => {
    for (const name of ['lstm', 'gru', 'bidirectional']) {
      const { model, batches } = await open(name);
      const found = await calibrateModel(model, batches, { ...EXP2, repairs: ['bias'] });
      expect(await errorOf(found.model, quantizeModel(model, EXP2).model, batches)).toBe(0);
      for (const { notes } of found.calibration) expect(notes[0]).toContain('rounded to the nearest levels');
    }
  });
});
