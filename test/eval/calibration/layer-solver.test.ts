import { describe, expect, it } from 'vitest';
import { openBatches } from '../../../src/eval/calibration/batches.ts';
import { LayerSolver } from '../../../src/eval/calibration/layer-solver.ts';
import type { Model } from '../../../src/ir/graph.ts';
import { quantizedInitializer } from '../../../src/ir/quantized-initializer.ts';
import { withConstants } from '../../../src/ir/with-constants.ts';
import type { Repair } from '../../../src/quantizers/calibrate/repair.ts';
import { resolveOptions } from '../../../src/quantizers/options.ts';
import { planWeights } from '../../../src/quantizers/plan/plan-weights.ts';
import { encodeWeight } from '../../../src/quantizers/quantize-model.ts';
import { createSession } from '../../../src/runtime/session.ts';
import { randomValues, residualNetwork } from './networks.ts';

const options = resolveOptions({ scheme: 'linear', bits: 2 });

describe('LayerSolver', () => {
  it.each<[string, Repair[]]>([
    ['without repairs', []],
    ['with repairs', ['auto']],
  ])(
    'makes each layer alone move the outputs less than rounding it does, on the images that it was made with: %s',
    async (_, repairs) => {
      const model = residualNetwork();
      const batches = await openBatches(model, randomValues(64, 108));
      const errorOf = async (changed: Model): Promise<number> => {
        let sum = 0;
        const sessions = [model, changed].map((one) => createSession(one, { kernels: 'reference' }));
        for (let i = 0; i < batches.batches; i++) {
          const feed = await batches.feed(i);
          const [a, b] = sessions.map(
            (session) => session.run({ x: feed }).get('logits')!.data as Float32Array,
          );
          a!.forEach((value, j) => {
            sum += (value - b![j]!) ** 2;
          });
        }
        return sum;
      };
      const solver = new LayerSolver(model, batches, { repairs, kernels: 'reference' });
      let better = 0;
      const { chosen } = planWeights(model);
      for (const planned of chosen) {
        const solved = await solver.discretize(planned.name, options);
        const rounded = encodeWeight(model, planned, options);
        if (typeof solved === 'string' || typeof rounded === 'string') throw new Error('left as it is');
        const { initializer, error } = solved;
        expect([initializer.name, initializer.quantized?.bits]).toEqual([planned.name, 2]);
        expect(error).toBeGreaterThan(0);
        const plain = quantizedInitializer(planned.name, rounded.quantized);
        const alone = withConstants(model, new Map([[planned.name, initializer]]));
        const own = await errorOf(solved.change(model));
        if (repairs.length === 0) expect(own).toBe(await errorOf(alone));
        else expect(own).not.toBe(await errorOf(alone));
        if (own < (await errorOf(withConstants(model, new Map([[planned.name, plain]]))))) better++;
      }
      solver.dispose();
      // What is best for a layer's outputs need not be best for the network's; mostly it is.
      expect(better).toBeGreaterThanOrEqual(chosen.length - 1);
    },
  );

  it('says that a name is no weight', async () => {
    const model = residualNetwork();
    const solver = new LayerSolver(model, await openBatches(model, randomValues(8, 108)));
    expect(await solver.discretize('nothing', options)).toBe('it is not a weight that is discretized');
    solver.dispose();
  });
});
