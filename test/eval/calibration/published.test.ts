import { describe, expect, it } from 'vitest';
import { openBatches } from '../../../src/eval/calibration/batches.ts';
import { calibrateModel } from '../../../src/eval/calibration/calibrate.ts';
import { openDataset } from '../../../src/formats/datasets/open-dataset.ts';
import { readModel } from '../../../src/formats/read-model.ts';
import type { Model } from '../../../src/ir/graph.ts';
import { quantizeModel } from '../../../src/quantizers/quantize-model.ts';
import { createSession } from '../../../src/runtime/session.ts';
import { sharedData } from '../../shared-data.ts';

const resnet = sharedData('models/cifar10_resnet20.onnx');
const images = sharedData('cifar10/calib_1024.bin');
const tests = sharedData('cifar10/test_batch.bin');

/** Right answers among the first images, in percent. */
async function top1(model: Model, count: number): Promise<number> {
  const dataset = await openDataset(`cifar10:${tests}`);
  const batches = await openBatches(model, { ...dataset, count }, { batch: 50 });
  const session = createSession(model);
  const [input, output] = [model.graph.inputs[0]!.name, model.graph.outputs[0]!.name];
  let right = 0;
  for (let b = 0; b < batches.batches; b++) {
    const logits = session.run({ [input]: await batches.feed(b) }).get(output)!.data as Float32Array;
    for (let i = 0; i < logits.length / 10; i++) {
      const own = logits.subarray(10 * i, 10 * i + 10);
      if (own.indexOf(Math.max(...own)) === dataset.labels![50 * b + i]) right++;
    }
  }
  session.dispose();
  return (100 * right) / count;
}

describe.skipIf(resnet === undefined || images === undefined || tests === undefined)(
  'ResNet-20 with 64 calibration images (needs ../shared/data)',
  () => {
    it('of 2-bit exponential weights is right at least 20 points more often than rounded', async () => {
      const float = await readModel(resnet!);
      const batches = await openBatches(float, `cifar10:${images}`, { samples: 64 });
      const rounded = await top1(quantizeModel(float, { scheme: 'exp', bits: 2 }).model, 500);
      const { model, calibration } = await calibrateModel(float, batches, {
        scheme: 'exp',
        bits: 2,
        repairs: ['batch-norm', 'bias'],
      });
      const own = await top1(model, 500);
      expect(calibration.map(({ repairs }) => repairs.join())).toEqual(new Array(20).fill('batch-norm'));
      for (const { lossRatio, damping } of calibration) {
        // 64 images are few for the classifier: a large ridge leaves little to gain over rounding.
        expect(lossRatio).toBeLessThan(1);
        expect(damping).toBe(0.01);
      }
      const mean = calibration.reduce((sum, { lossRatio }) => sum + lossRatio!, 0) / calibration.length;
      expect(mean).toBeLessThan(0.6);
      expect(own).toBeGreaterThan(rounded + 20);
    }, 240_000);
  },
);
