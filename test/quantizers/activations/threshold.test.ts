import { describe, expect, it } from 'vitest';
import { ChannelSamples } from '../../../src/quantizers/activations/channel-samples.ts';
import { fitThreshold } from '../../../src/quantizers/activations/threshold.ts';
import { DISTRIBUTIONS, sampleOf } from '../samples.ts';

/** Σ (x − x̂)² with two levels. */
function errorOf(values: Float32Array, threshold: number, low: number, high: number): number {
  return values.reduce((sum, x) => sum + (x - (x >= threshold ? high : low)) ** 2, 0);
}

const mean = (values: Float32Array): number => values.reduce((a, b) => a + b, 0) / values.length;

describe('two levels', () => {
  it.each(DISTRIBUTIONS)('are the best that any split of the values gives: %s', (distribution) => {
    const values = sampleOf(distribution, 300, 5).map((x, i) => (i % 3 === 0 ? 0 : x));
    const { threshold, low, high, energy, error } = fitThreshold(values.slice());
    const sorted = values.toSorted();
    const errors = Array.from({ length: 299 }, (_, i) => {
      const [below, above] = [sorted.subarray(0, i + 1), sorted.subarray(i + 1)];
      return errorOf(sorted, above[0]!, mean(below), mean(above));
    });
    const found = errorOf(values, threshold, low, high);
    expect(found).toBeLessThanOrEqual(Math.min(...errors) * (1 + 1e-6));
    expect(error).toBeCloseTo(found, 3);
    expect(energy).toBeCloseTo(
      values.reduce((sum, x) => sum + x * x, 0),
      6,
    );
  });

  it('have their threshold half-way', () => {
    expect(fitThreshold(Float32Array.of(5, 1, 3, 9, 7, 2))).toMatchObject({
      threshold: 4.5,
      low: 2,
      high: 7,
    });
  });

  it('are equal for equal values, and 0 for none', () => {
    expect(fitThreshold(Float32Array.of(3, 3, 3))).toEqual({
      threshold: 3,
      low: 3,
      high: 3,
      energy: 27,
      error: 0,
    });
    expect(fitThreshold(new Float32Array())).toMatchObject({ threshold: 0, low: 0, high: 0 });
  });

  it('keep values apart that are neighbours in float32', () => {
    for (const start of [1, -1, 3.4e38, -3.4e38]) {
      const bits = new Uint32Array(Float32Array.of(start).buffer);
      const next = new Float32Array(Uint32Array.of(bits[0]! + 1).buffer)[0]!;
      const [lower, upper] = [Math.min(start, next), Math.max(start, next)].map(Math.fround);
      const { threshold, low, high } = fitThreshold(Float32Array.of(upper!, lower!));
      expect([threshold, low, high]).toEqual([upper, lower, upper]);
    }
  });
});

/** Values of channel c at position p of image n: 1000c + 100n + p. */
function images(from: number, to: number, channels: number, positions: number): Float32Array {
  const values: number[] = [];
  for (let n = from; n < to; n++)
    for (let c = 0; c < channels; c++)
      for (let p = 0; p < positions; p++) values.push(1000 * c + 100 * n + p);
  return Float32Array.from(values);
}

describe('samples of channels', () => {
  it('are all values where there are few', () => {
    const samples = new ChannelSamples([2, 3, 4], 1, 2, 2, 100);
    samples.add(images(0, 2, 3, 4), [2, 3, 4]);
    expect(samples.channels).toBe(3);
    expect([...samples.of(2)]).toEqual([2000, 2001, 2002, 2003, 2100, 2101, 2102, 2103]);
  });

  it('are of the same places in all channels, of all places of an image in turn, and no more than asked for', () => {
    const samples = new ChannelSamples([1, 2, 4, 4], 1, 1, 40, 100);
    for (let n = 0; n < 40; n++) samples.add(images(n, n + 1, 2, 16), [1, 2, 4, 4]);
    const first = [...samples.of(0)];
    expect(first.length).toBeGreaterThan(80);
    expect(first.length).toBeLessThanOrEqual(100);
    expect([...samples.of(1)]).toEqual(first.map((value) => value + 1000));
    const places = first.map((value) => value % 100);
    expect(new Set(places).size).toBe(16);
    expect(new Set(first).size).toBe(first.length);
  });

  it('do not depend on the portions', () => {
    const sampled = (batch: number): Float32Array => {
      const samples = new ChannelSamples([batch, 3, 5], 1, batch, 10, 11);
      for (let n = 0; n < 10; n += batch) {
        const end = Math.min(10, n + batch);
        samples.add(images(n, end, 3, 5), [end - n, 3, 5]);
      }
      return samples.of(1);
    };
    for (const batch of [2, 3, 10]) expect(sampled(batch)).toEqual(sampled(1));
  });

  it('are of the last axis, or of all values as of one channel', () => {
    const last = new ChannelSamples([2, 3], -1 + 2, 2, 2, 100);
    last.add(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
    expect([...last.of(1)]).toEqual([2, 5]);
    const all = new ChannelSamples([2, 3], undefined, 2, 2, 100);
    all.add(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
    expect([...all.of(0)]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('are refused for another number of channels', () => {
    const samples = new ChannelSamples([2, 3], 1, 2, 2, 100);
    expect(() => samples.add(new Float32Array(4), [2, 2])).toThrow('2 channels of an activation that had 3');
  });
});
