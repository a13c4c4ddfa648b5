import { afterAll, describe, expect, it } from 'vitest';
import { createLinearAlgebra } from '../../../src/kernels/linear-algebra/select.ts';
import { chooseRidge } from '../../../src/quantizers/calibrate/choose-ridge.ts';
import type { LayerMoments } from '../../../src/quantizers/calibrate/moments.ts';
import { prepareLayer } from '../../../src/quantizers/calibrate/prepare-layer.ts';
import { SOLVE_DEFAULTS } from '../../../src/quantizers/calibrate/solve-options.ts';
import { solveWeight } from '../../../src/quantizers/calibrate/solve-weight.ts';
import { resolveOptions } from '../../../src/quantizers/options.ts';
import { Random } from '../../kernels/support/random.ts';
import { sampleOf } from '../samples.ts';
import { momentsOf, randomSamples, type Sampling } from './random-moments.ts';

const algebra = createLinearAlgebra('auto');
afterAll(() => algebra.dispose());

const options = resolveOptions({ scheme: 'exp', bits: 2 });
const [ROWS, COLUMNS] = [12, 24];
const values = sampleOf('gauss', ROWS * COLUMNS, 1);
const weight = {
  values,
  layout: { split: [ROWS, COLUMNS], perm: [0, 1], rowAxes: 1 },
  shape: [ROWS, COLUMNS],
  dtype: 'FLOAT' as const,
};

/** Moments of so many samples and of each half of them, drawn from one distribution. */
function drawn(samples: number, noise: number): LayerMoments {
  const sampling: Sampling = { rows: ROWS, columns: COLUMNS, samples, noise };
  const { x, y } = randomSamples(new Random(5), values, sampling);
  const half = (rest: number): LayerMoments => {
    const some = <T>(list: ArrayLike<T>): T[] => Array.from(list).filter((_, s) => s % 2 === rest);
    const own = { x: x.map(some), y: y.map((row) => Float64Array.from(some(row))) };
    return momentsOf(own, { ...sampling, samples: samples / 2 });
  };
  return { ...momentsOf({ x, y }, sampling), halves: [half(0), half(1)] };
}

/** E(y − v·x)² over rows on many samples that nothing was fitted to, as a part of the variance of y. */
function unseen(moments: LayerMoments, ridge: number): number {
  const layer = prepareLayer(weight, moments, { ...SOLVE_DEFAULTS, ridge }, algebra);
  const v = solveWeight(layer, options, SOLVE_DEFAULTS, algebra).values;
  const { inputs, cross, outputVariance } = drawn(8000, 0.5);
  let error = 0;
  for (let r = 0; r < ROWS; r++)
    for (let i = 0; i < COLUMNS; i++) {
      error -= 2 * v[r * COLUMNS + i]! * cross[r * COLUMNS + i]!;
      for (let j = 0; j < COLUMNS; j++)
        error += v[r * COLUMNS + i]! * inputs[0]![i * COLUMNS + j]! * v[r * COLUMNS + j]!;
    }
  const total = outputVariance.reduce((a, b) => a + b);
  return 1 + error / total;
}

describe('the ridge', () => {
  it('is small where there are many samples for a column, and large where there are few', () => {
    const [many, few] = [4000, 30].map((samples) =>
      chooseRidge(weight, drawn(samples, 0.5), options, SOLVE_DEFAULTS, algebra),
    );
    expect(many).toBeLessThanOrEqual(0.1);
    expect(few).toBeGreaterThan(many!);
  });

  it('makes up for few samples: outputs on others are nearer than without', () => {
    const moments = drawn(30, 0.5);
    const ridge = chooseRidge(weight, moments, options, SOLVE_DEFAULTS, algebra);
    expect(unseen(moments, ridge)).toBeLessThan(unseen(moments, 0));
  });

  it('is 0 where there are no halves to judge by, or no two inputs count together', () => {
    const { halves, ...moments } = drawn(30, 0.5);
    expect(halves).toHaveLength(2);
    expect(chooseRidge(weight, moments, options, SOLVE_DEFAULTS, algebra)).toBe(0);
    const alone = { ...SOLVE_DEFAULTS, isDiagonal: true };
    expect(chooseRidge(weight, drawn(30, 0.5), options, alone, algebra)).toBe(0);
  });
});
