import { describe, expect, it } from 'vitest';
import { integerRange, intQuant } from '../../../src/passes/quant-arithmetic.ts';
import { Histogram } from '../../../src/quantizers/activations/histogram.ts';
import { type CalibratedRange, fitUniform } from '../../../src/quantizers/activations/range.ts';
import { roundHalfEven } from '../../../src/tensor/round.ts';
import { random, sampleOf } from '../samples.ts';

const histogramOf = (values: Iterable<number>): Histogram => {
  const histogram = new Histogram();
  histogram.add(Float32Array.from(values));
  return histogram;
};

/** Σ (x − x̂)² as a Quant node makes it. */
function errorOf(values: Float32Array, bits: number, scale: number, zero: number): number {
  const range = integerRange(bits, false, false);
  return values.reduce((sum, x) => sum + (x - intQuant(x, scale, zero, range, roundHalfEven)) ** 2, 0);
}

/** Values as layers are fed: after a ReLU, after a swish, pictures, with tails. */
const INPUTS: readonly [string, Float32Array][] = [
  ['gauss after a ReLU', sampleOf('gauss', 3000, 1).map((x) => Math.max(0, x))],
  ['laplace', sampleOf('laplace', 3000, 2)],
  ['tails', sampleOf('student', 3000, 3)],
  ['swish', sampleOf('gauss', 3000, 4).map((x) => (3 * x) / (1 + Math.exp(-3 * x)))],
  ['far from 0', sampleOf('gauss', 3000, 5).map((x) => 8 + x)],
  ['negative', sampleOf('laplace', 3000, 6).map((x) => -Math.abs(x))],
];

describe('the levels of an activation', () => {
  it('span all values with min-max, as nearly as a level at 0 allows', () => {
    expect(fitUniform(histogramOf([0, 3, 15]), 4, 'min-max')).toMatchObject({
      scale: 1,
      zero: 0,
      low: 0,
      high: 15,
    });
    expect(fitUniform(histogramOf([-3, 12]), 4, 'min-max')).toMatchObject({
      scale: 1,
      zero: 3,
      low: -3,
      high: 12,
    });
    expect(fitUniform(histogramOf([6, 7.5]), 2, 'min-max')).toMatchObject({ scale: 2.5, zero: 0, low: 0 });
    expect(fitUniform(histogramOf([-30, -1]), 2, 'min-max')).toMatchObject({ zero: 3, low: -30, high: 0 });
  });

  it('leave out the outermost values with percentile', () => {
    const values = Array.from({ length: 10_000 }, (_, i) => (i < 9_990 ? i / 9_990 : 50));
    const { high } = fitUniform(histogramOf(values), 8, 'percentile', 99);
    expect(high).toBeCloseTo(0.99, 1);
    expect(fitUniform(histogramOf(values), 8, 'percentile', 100).high).toBeCloseTo(50, 4);
    const both = fitUniform(histogramOf([...values, ...values.map((x) => -x / 2)]), 8, 'percentile', 99);
    expect(both.high).toBeCloseTo(0.98, 1);
    expect(both.low).toBeCloseTo(-0.49, 1);
  });

  it('span what is not 0 where the percentile leaves nothing else', () => {
    const few = [...new Array<number>(99_999).fill(0), 7];
    expect(fitUniform(histogramOf(few), 8, 'percentile')).toMatchObject({ low: 0, high: 7 });
  });

  it('are one apart for nothing but zeros, which lose nothing', () => {
    for (const range of ['min-max', 'percentile', 'mse'] as const)
      expect(fitUniform(histogramOf([0, 0]), 4, range)).toMatchObject({
        scale: 1,
        zero: 0,
        error: 0,
        energy: 0,
      });
  });

  it.each(INPUTS)('always have a level at 0, whole zero points and float32 scales: %s', (_, values) => {
    for (const bits of [2, 3, 5, 8])
      for (const range of ['min-max', 'percentile', 'mse'] as const) {
        const { scale, zero, low, high } = fitUniform(histogramOf(values), bits, range);
        expect(Math.fround(scale)).toBe(scale);
        expect(scale).toBeGreaterThan(0);
        expect(Number.isInteger(zero) && zero >= 0 && zero < 2 ** bits).toBe(true);
        expect(low <= 0 && high >= 0 && low < high).toBe(true);
        if (values.every((x) => x >= 0)) expect(zero).toBe(0);
      }
  });

  it.each(INPUTS)('know the error that Quant then makes: %s', (_, values) => {
    for (const bits of [2, 4, 8])
      for (const range of ['min-max', 'percentile', 'mse'] as const) {
        const { scale, zero, error, energy } = fitUniform(histogramOf(values), bits, range);
        expect(error / errorOf(values, bits, scale, zero)).toBeCloseTo(1, 1);
        expect(energy / values.reduce((sum, x) => sum + x * x, 0)).toBeCloseTo(1, 3);
      }
  });

  it.each(INPUTS)('have with mse an error that no pair of ends beats by 2 %: %s', (_, values) => {
    const [min, max] = [Math.min(0, ...values), Math.max(0, ...values)];
    for (const bits of [2, 3, 4]) {
      const { scale, zero } = fitUniform(histogramOf(values), bits, 'mse');
      const found = errorOf(values, bits, scale, zero);
      let best = Number.POSITIVE_INFINITY;
      const steps = 2 ** bits - 1;
      const ends = Array.from({ length: 25 }, (_, i) => i / 24);
      for (const low of min < 0 ? ends : [0])
        for (const high of max > 0 ? ends : [0]) {
          const one = Math.fround((max * high - min * low) / steps);
          if (one === 0) continue;
          best = Math.min(best, errorOf(values, bits, one, Math.round((-min * low) / one)));
        }
      expect(found).toBeLessThan(1.02 * best);
    }
  });

  it('follow the size of the values: a power of two on all is one on the scale', () => {
    const values = sampleOf('laplace', 2000, 9);
    for (const range of ['min-max', 'percentile', 'mse'] as CalibratedRange[]) {
      const one = fitUniform(histogramOf(values), 4, range);
      const small = fitUniform(histogramOf(values.map((x) => x * 2 ** -60)), 4, range);
      expect(small).toMatchObject({ zero: one.zero, scale: one.scale * 2 ** -60 });
    }
  });

  it('stay usable for values too small to divide by', () => {
    const { scale } = fitUniform(histogramOf([1e-45, 0]), 8, 'mse');
    expect(scale).toBeGreaterThan(0);
    expect(1e-45 / scale).toBeLessThan(1);
  });
});

describe('a histogram', () => {
  it('does not depend on the portions in which values come', () => {
    const uniform = random(3);
    const values = Float32Array.from({ length: 4000 }, (_, i) => (uniform() - 0.4) * (1 + (i >> 6)));
    const whole = histogramOf(values);
    const parts = new Histogram();
    for (let i = 0; i < values.length; i += 61) parts.add(values.subarray(i, i + 61));
    expect(parts).toEqual(whole);
    expect([parts.start, parts.width]).toEqual([whole.start, whole.width]);
  });

  it('counts zeros, and NaN and infinities, apart from all others', () => {
    const histogram = histogramOf([
      0,
      -0,
      1,
      -2,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
    ]);
    expect(histogram).toMatchObject({ count: 4, zeros: 2, notFinite: 3, min: -2, max: 1 });
    expect(histogram.counts.reduce((a, b) => a + b)).toBe(2);
    expect(histogram.start).toBe(-4);
  });

  it('puts each value into the bin that it lies in', () => {
    const values = sampleOf('laplace', 500, 4);
    const { counts, start, width } = histogramOf(values);
    const expected = new Float64Array(counts.length);
    for (const x of values) expected[Math.floor((x - start) / width)]!++;
    expect(counts).toEqual(expected);
  });
});
