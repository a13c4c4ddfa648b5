import { afterAll, describe, expect, it } from 'vitest';
import { createLinearAlgebra } from '../../../src/kernels/linear-algebra/select.ts';
import { curvatureOf } from '../../../src/quantizers/calibrate/curvature.ts';
import { blocksOf, type LayerMoments } from '../../../src/quantizers/calibrate/moments.ts';
import { targetsOf } from '../../../src/quantizers/calibrate/targets.ts';
import { Random } from '../../kernels/support/random.ts';
import { sampleOf } from '../samples.ts';
import { momentsOf, randomSamples, type Samples, type Sampling } from './random-moments.ts';

const algebra = createLinearAlgebra('auto');
afterAll(() => algebra.dispose());

/** Targets of all rows. */
function targets(
  weight: Float32Array,
  moments: LayerMoments,
  correction = 1,
  damping = 1e-9,
): Float64Array[] {
  const { columns, rows, groups } = moments;
  return blocksOf(moments).map((block) => {
    const curvature = curvatureOf(block, damping, algebra)!;
    const first = (block.group * rows) / groups;
    const own = Float64Array.from(weight.subarray(first * columns, (first + rows / groups) * columns));
    return targetsOf(own, moments, block.group, curvature, correction, algebra);
  });
}

describe('what rows are rounded to', () => {
  const sampling: Sampling = { rows: 4, columns: 7, groups: 2, samples: 60 };
  const weight = sampleOf('gauss', 28, 1);

  it.each([true, false])(
    'is the weights, but for rounding, where nothing is lost; centred: %s',
    (centred) => {
      const full = { ...sampling, centred };
      const found = targets(weight, momentsOf(randomSamples(new Random(1), weight, full), full));
      found.forEach((own, g) => {
        own.forEach((t, i) => {
          expect(Math.abs(t - weight[g * 14 + i]!)).toBeLessThan(1e-12);
        });
      });
    },
  );

  it('undoes a linear distortion of the inputs', () => {
    // x_q = A·x: what gives the outputs of W from x_q is W·A⁻¹, so A·targets are the weights.
    const full = { ...sampling, rows: 2, groups: 1, centred: true };
    const { x, y } = randomSamples(new Random(2), weight.subarray(0, 14), full);
    const random = new Random(3);
    const a = Array.from({ length: 7 }, (_, i) =>
      Array.from({ length: 7 }, (__, j) => Number(i === j) + 0.3 * (random.unit() - 0.5)),
    );
    const distorted: Samples = {
      y,
      x: [
        x[0]!.map((sample) => Float64Array.from(a, (row) => row.reduce((s, v, j) => s + v * sample[j]!, 0))),
      ],
    };
    const [own] = targets(weight, momentsOf(distorted, full), 1, 1e-12);
    for (let r = 0; r < 2; r++)
      for (let j = 0; j < 7; j++) {
        let undone = 0;
        for (let i = 0; i < 7; i++) undone += own![r * 7 + i]! * a[i]![j]!;
        expect(undone).toBeCloseTo(weight[r * 7 + j]!, 8);
      }
  });

  it('lies between by the part of the correction', () => {
    const full = { ...sampling, noise: 0.5, centred: true };
    const moments = momentsOf(randomSamples(new Random(4), weight, full), full);
    const [whole, half, none] = [1, 0.5, 0].map((correction) => targets(weight, moments, correction));
    whole!.forEach((own, g) => {
      own.forEach((t, i) => {
        const w = weight[g * 14 + i]!;
        expect(none![g]![i]).toBe(w);
        expect(half![g]![i]).toBeCloseTo((w + t) / 2, 12);
      });
      expect(own.some((t, i) => Math.abs(t - weight[g * 14 + i]!) > 0.01)).toBe(true);
    });
  });

  it('has the least squared difference from the outputs', () => {
    const full = { ...sampling, rows: 1, groups: 1, noise: 0.6, centred: true };
    const samples = randomSamples(new Random(5), weight.subarray(0, 7), full);
    const moments = momentsOf(samples, full);
    const [own] = targets(weight, moments);
    const error = (t: Float64Array): number => {
      const left = samples.x[0]!.map(
        (x, s) => samples.y[0]![s]! - x.reduce((sum, v, j) => sum + v * t[j]!, 0),
      );
      const mean = left.reduce((a, b) => a + b, 0) / left.length;
      return left.reduce((sum, v) => sum + (v - mean) ** 2, 0);
    };
    for (let j = 0; j < 7; j++)
      for (const step of [0.01, -0.01])
        expect(error(own!.map((t, i) => t + (i === j ? step : 0)))).toBeGreaterThan(error(own!));
  });

  it('is the weights where columns of several blocks have matrices of their own', () => {
    const full = { ...sampling, blockEnds: [3, 7], noise: 0.5 };
    const moments = momentsOf(randomSamples(new Random(6), weight, full), full);
    const own = Float64Array.of(1, 2, 3);
    const curvature = curvatureOf(blocksOf(moments)[0]!, 0.01, algebra)!;
    expect(targetsOf(own, moments, 0, curvature, 1, algebra)).toBe(own);
  });
});
