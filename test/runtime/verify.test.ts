import { describe, expect, it } from 'vitest';
import { readModel } from '../../src/formats/read-model.ts';
import { randomFeeds, verifyModel } from '../../src/runtime/verify.ts';
import { sharedData } from '../shared-data.ts';

describe('verifying a model', () => {
  const path = sharedData('models/cifar10_resnet20.onnx');

  it.skipIf(path === undefined)(
    'finds the same bits in every value of a residual network (needs ../shared/data)',
    async () => {
      const model = await readModel(path!);
      const result = verifyModel(model, { everyValue: true });
      expect(result.equal).toBe(true);
      expect(result.threads).toEqual([1, 2, 3]);
      expect(result.firstDifference).toBeUndefined();
      expect(result.values.length).toBeGreaterThan(20);
      expect(result.comparedElements).toBeGreaterThan(100_000);
    },
  );

  it('makes up the same input for the same seed', () => {
    const inputs = [
      { name: 'x', dtype: 'FLOAT', shape: ['N', 5] },
      { name: 'i', dtype: 'INT64', shape: [4] },
    ] as const;
    expect(randomFeeds(inputs, 3)).toEqual(randomFeeds(inputs, 3));
    expect(randomFeeds(inputs, 3)).not.toEqual(randomFeeds(inputs, 4));
    expect(randomFeeds(inputs, 3).x!.shape).toEqual([1, 5]);
  });
});
