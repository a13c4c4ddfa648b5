import { afterAll, describe, expect, it } from 'vitest';
import { createLinearAlgebra } from '../../../src/kernels/linear-algebra/select.ts';
import {
  layerRepair,
  type Repair,
  repairConflict,
  repairsAt,
} from '../../../src/quantizers/calibrate/repair.ts';
import { Random } from '../../kernels/support/random.ts';
import { sampleOf } from '../samples.ts';
import { momentsOf, randomSamples, type Samples, type Sampling } from './random-moments.ts';

const algebra = createLinearAlgebra('auto');
afterAll(() => algebra.dispose());

const sampling: Sampling = { rows: 6, columns: 5, groups: 3, samples: 80, noise: 0.3, centred: true };
const { rows, columns, groups } = sampling as Required<Sampling>;
const weight = sampleOf('gauss', rows * columns, 1);
const bias = Float64Array.from({ length: rows }, (_, r) => r - 2.5);
const discretized = Float64Array.from(weight, (w) => 0.8 * Math.sign(w));

/** What the discretized layer gives for the samples, [row][sample]. */
function outputs(values: Float64Array, { x }: Samples): Float64Array[] {
  return Array.from({ length: rows }, (_, r) =>
    Float64Array.from(x[Math.floor((r * groups) / rows)]!, (sample) =>
      sample.reduce((sum, v, j) => sum + v * values[r * columns + j]!, bias[r]!),
    ),
  );
}

const mean = (values: Float64Array): number => values.reduce((a, b) => a + b) / values.length;
const covariance = (a: Float64Array, b: Float64Array): number =>
  mean(a.map((v, s) => (v - mean(a)) * (b[s]! - mean(b))));

function setting() {
  const clean = randomSamples(new Random(1), weight, sampling);
  const samples = { x: clean.x, y: clean.y.map((row, r) => row.map((v) => v + bias[r]!)) };
  return { y: samples.y, own: outputs(discretized, samples), moments: momentsOf(samples, sampling) };
}

describe('the affine behind a layer', () => {
  it.each<[string, Repair[], boolean, (y: Float64Array, own: Float64Array) => number]>([
    ['bias: the mean of y', ['bias'], true, () => 1],
    ['equalize alone, with a shift: the same', ['equalize', 'bias'], true, () => 1],
    [
      'batch-norm: mean and variance of y',
      ['batch-norm'],
      true,
      (y, own) => Math.sqrt(covariance(y, y) / covariance(own, own)),
    ],
    [
      'scale: the least squares',
      ['scale', 'bias'],
      true,
      (y, own) => covariance(y, own) / covariance(own, own),
    ],
    ['no place for a scale: the mean alone', ['batch-norm', 'scale'], false, () => 1],
  ])('%s', (_, repairs, takesScale, scaleOf) => {
    const { y, own, moments } = setting();
    const { scale, shift } = layerRepair(discretized, moments, repairs, bias, takesScale, algebra);
    for (let r = 0; r < rows; r++) {
      expect(scale[r]).toBeCloseTo(scaleOf(y[r]!, own[r]!), 10);
      const repaired = own[r]!.map((v) => scale[r]! * v + shift[r]!);
      expect(mean(repaired)).toBeCloseTo(mean(y[r]!), 10);
      if (repairs[0] === 'batch-norm' && takesScale)
        expect(covariance(repaired, repaired)).toBeCloseTo(covariance(y[r]!, y[r]!), 10);
    }
  });

  it('scale: nothing near has a smaller squared difference', () => {
    const { y, own, moments } = setting();
    const { scale, shift } = layerRepair(discretized, moments, ['scale'], bias, true, algebra);
    for (let r = 0; r < rows; r++) {
      const error = (s: number, t: number): number =>
        mean(own[r]!.map((v, i) => (s * v + t - y[r]![i]!) ** 2));
      const least = error(scale[r]!, shift[r]!);
      for (const [ds, dt] of [
        [1e-3, 0],
        [-1e-3, 0],
        [0, 1e-3],
        [0, -1e-3],
      ] as const)
        expect(error(scale[r]! + ds, shift[r]! + dt)).toBeGreaterThan(least);
    }
  });

  it('changes nothing where nothing is lost', () => {
    const still = { ...sampling, noise: 0 };
    const moments = momentsOf(randomSamples(new Random(2), weight, still), still);
    for (const repair of ['bias', 'batch-norm', 'scale'] as const) {
      const { scale, shift } = layerRepair(
        Float64Array.from(weight),
        moments,
        [repair],
        undefined,
        true,
        algebra,
      );
      for (let r = 0; r < rows; r++) {
        expect(scale[r]).toBeCloseTo(1, 12);
        expect(shift[r]).toBeCloseTo(0, 12);
      }
    }
  });

  it('keeps the scale of channels that do not vary, or hardly', () => {
    const { moments } = setting();
    const tiny = discretized.map((v, i) => (i < columns ? 0 : i < 2 * columns ? 1e-6 * v : v));
    for (const repair of ['batch-norm', 'scale'] as const) {
      const { scale, shift } = layerRepair(tiny, moments, [repair], bias, true, algebra);
      expect([scale[0], scale[1]]).toEqual([1, 1]);
      expect(scale[2]).not.toBe(1);
      expect(shift.every(Number.isFinite)).toBe(true);
    }
    const silent = { ...moments, outputVariance: new Float64Array(rows), cross: moments.cross.map(() => 0) };
    for (const repair of ['batch-norm', 'scale'] as const)
      expect(layerRepair(discretized, silent, [repair], bias, true, algebra).scale).toEqual(
        new Float64Array(rows).fill(1),
      );
  });

  it('takes columns of different blocks as independent', () => {
    const blocks = { ...sampling, blockEnds: [2, 5] };
    const samples = randomSamples(new Random(1), weight, blocks);
    const whole = momentsOf(samples, sampling);
    const { scale } = layerRepair(
      discretized,
      momentsOf(samples, blocks),
      ['batch-norm'],
      bias,
      true,
      algebra,
    );
    for (let r = 0; r < rows; r++) {
      const matrix = whole.inputs[Math.floor((r * groups) / rows)]!;
      let variance = 0;
      for (let i = 0; i < columns; i++)
        for (let j = 0; j < columns; j++)
          if (i < 2 === j < 2)
            variance +=
              discretized[r * columns + i]! * discretized[r * columns + j]! * matrix[i * columns + j]!;
      expect(scale[r]).toBeCloseTo(Math.sqrt(whole.outputVariance[r]! / variance), 10);
    }
    // What they have in common with the outputs is not known: no scale of least squares.
    const { scale: none } = layerRepair(
      discretized,
      momentsOf(samples, blocks),
      ['scale'],
      bias,
      true,
      algebra,
    );
    expect(none).toEqual(new Float64Array(rows).fill(1));
  });
});

describe('auto', () => {
  it('is batch-norm up to two bits and bias above, and leaves others as they are', () => {
    expect([1, 2, 3, 8].map((bits) => repairsAt(['equalize', 'auto'], bits))).toEqual([
      ['equalize', 'batch-norm'],
      ['equalize', 'batch-norm'],
      ['equalize', 'bias'],
      ['equalize', 'bias'],
    ]);
    expect(repairsAt(['scale', 'bias'], 1)).toEqual(['scale', 'bias']);
  });

  it('excludes others that scale, and not those that do not', () => {
    expect(repairConflict(['equalize', 'bias', 'auto'])).toBeUndefined();
    expect(repairConflict(['auto', 'batch-norm'])).toMatch(/^expected one of .*, got auto, batch-norm$/);
  });
});
