import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { notConverted } from '../../../src/formats/keras/not-converted.ts';
import { readModel } from '../../../src/formats/read-model.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { sharedData } from '../../shared-data.ts';
import { readGolden, relativeError, runInOrder } from './golden.ts';

const ROOT = fileURLToPath(new URL('../../fixtures/keras/real/', import.meta.url));

interface RealModel {
  readonly file: string;
  readonly shape: readonly number[];
  readonly low: number;
  readonly high: number;
  readonly seed: number;
}

const MODELS: Readonly<Record<string, RealModel>> = JSON.parse(readFileSync(`${ROOT}models.json`, 'utf8'));

/** The generator of real_models.py: Numerical Recipes' linear congruential one, its upper 24 bits. */
function uniform({ shape, low, high, seed }: RealModel): Tensor {
  const data = new Float32Array(shape.reduce((product, dim) => product * dim, 1));
  let state = seed;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    data[i] = low + (high - low) * ((state >>> 8) / 2 ** 24);
  }
  return { dtype: 'FLOAT', shape, data };
}

describe('published Keras models', () => {
  for (const [name, spec] of Object.entries(MODELS)) {
    const path = sharedData(`models/${spec.file}`);
    it.skipIf(path === undefined)(`${name} gives what Keras 3 gives (needs ../shared/data)`, async () => {
      const model = await readModel(path!);
      expect(notConverted(model)).toEqual([]);
      const { outputs } = readGolden(`${ROOT}${name}.npz`);
      const made = runInOrder(model, [uniform(spec)], 'auto');
      expect(made.map(({ shape }) => shape)).toEqual(outputs.map(({ shape }) => shape));
      expect(relativeError(made[0]!, outputs[0]!)).toBeLessThanOrEqual(1e-4);
    });
  }
});
