import { describe, expect, it } from 'vitest';
import { codesOf, dequantize, levelsOf, tableCount } from '../../src/ir/quantized-tensor.ts';
import type { QuantizeSettings } from '../../src/quantizers/options.ts';
import { quantizeWeight } from '../../src/quantizers/quantize-weight.ts';
import { SCHEMES } from '../../src/quantizers/registry.ts';
import { numberToBfloat16, numberToFloat16 } from '../../src/tensor/float16.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { rowLayout, sampleOf } from './samples.ts';

/** Every scheme at every width with every choice that it has. */
const ALL: QuantizeSettings[] = SCHEMES.flatMap(({ name, bits, fits, choices }) => {
  const settings: QuantizeSettings[] = [];
  for (let width = bits.from; width <= bits.to; width++) {
    for (const fit of fits) settings.push({ scheme: name, bits: width, fit });
    if (choices.includes('zero') && width > 1)
      for (const fit of fits) settings.push({ scheme: name, bits: width, fit, zero: true });
    if (choices.includes('levels')) settings.push({ scheme: name, bits: width, levels: 'cells' });
    if (choices.includes('bases')) settings.push({ scheme: name, bits: width, bases: 'greedy' });
  }
  return settings;
});

const said = (settings: QuantizeSettings) => JSON.stringify(settings);

describe('weights at the edge of what there can be, in every scheme', () => {
  it('an all-zero row becomes all zero, with finite levels', () => {
    for (const settings of ALL) {
      const { quantized, mse, correlation } = quantizeWeight(new Float32Array(6), rowLayout(6), settings);
      expect(Array.from(dequantize(quantized)), said(settings)).toEqual([0, 0, 0, 0, 0, 0]);
      expect(Array.from(codesOf(quantized))).toEqual([0, 0, 0, 0, 0, 0]);
      expect([mse, correlation]).toEqual([0, 1]);
      expect(quantized.params.every((param) => param === 0)).toBe(true);
    }
  });

  // `auto` chooses for the whole weight, perhaps one codebook for all rows.
  it('a zero row among others does not disturb them', () => {
    for (const settings of ALL.filter(({ scheme }) => scheme !== 'auto')) {
      const values = sampleOf('gauss', 30, 4);
      values.fill(0, 10, 20);
      const layout = { split: [3, 10], perm: [0, 1], rowAxes: 1 };
      const whole = dequantize(quantizeWeight(values, layout, settings).quantized);
      expect(whole.subarray(10, 20).every((value) => value === 0)).toBe(true);
      const alone = dequantize(quantizeWeight(values.slice(20), rowLayout(10), settings).quantized);
      expect(whole.slice(20), said(settings)).toEqual(alone);
    }
  });

  // Of one size, ± 0.3: all but the fits that are told where their levels lie.
  it('a row of one size is kept exactly', () => {
    for (const settings of ALL.filter(({ fit }) => fit !== 'max-range')) {
      const size = Math.fround(0.3);
      const values = Float32Array.of(size, -size, -size, size, size);
      const { quantized } = quantizeWeight(values, rowLayout(5), settings);
      const result = dequantize(quantized);
      values.forEach((value, i) => {
        expect(Math.abs(result[i] - value), said(settings)).toBeLessThan(4e-8);
      });
    }
  });

  it('a single weight is kept exactly, but for the rounding of the parameters', () => {
    for (const settings of ALL.filter(({ fit }) => fit !== 'max-range'))
      for (const value of [1, -0.007, 12345.678]) {
        const { quantized } = quantizeWeight(Float32Array.of(value), rowLayout(1), settings);
        expect(dequantize(quantized)[0] / value, said(settings)).toBeCloseTo(1, 5);
      }
  });

  it('fewer weights than levels, repeated weights and zeros among them are all right', () => {
    for (const settings of ALL) {
      const values = Float32Array.of(0, 1, 1, -0, -3, 1e-3, 0, 1);
      const { mse, correlation } = quantizeWeight(values, rowLayout(8), settings);
      expect(Number.isFinite(mse) && correlation > 0 && correlation <= 1 + 1e-12, said(settings)).toBe(true);
    }
  });

  it.each([
    ['subnormal', 1e-45],
    ['small', 1e-38],
    ['large', 1e38],
    ['the largest', 3.4028234e38],
  ])('%s weights give finite levels and lose no more than all', (_, size) => {
    for (const settings of ALL) {
      const values = Float32Array.from([1, -0.9, 0.5, 0.25, -0.1, 0.7, 0.3], (value) => value * size);
      const { quantized, mse, energy } = quantizeWeight(values, rowLayout(7), settings);
      expect(levelsOf(quantized).every(Number.isFinite), said(settings)).toBe(true);
      // Levels of max-range may lie anywhere, and parameters in the subnormal range are coarse.
      if (settings.fit !== 'max-range' && size > 1e-44)
        expect(mse * 7, said(settings)).toBeLessThanOrEqual(energy * (1 + 1e-6));
    }
  });

  it('weights from 1e-38 to 1e38 in one row are all right', () => {
    for (const settings of ALL) {
      const values = Float32Array.of(1e38, -1e20, 3, 1e-20, -1e-38, 1e-45, 0);
      const { quantized, mse } = quantizeWeight(values, rowLayout(7), settings);
      expect(levelsOf(quantized).every(Number.isFinite) && Number.isFinite(mse), said(settings)).toBe(true);
    }
  });

  it('scaling all weights by a power of two scales their levels', () => {
    for (const settings of ALL) {
      const values = sampleOf('laplace', 60, 9);
      const once = dequantize(quantizeWeight(values, rowLayout(60), settings).quantized);
      const scaled = quantizeWeight(
        values.map((value) => value * 1024),
        rowLayout(60),
        settings,
      );
      expect(dequantize(scaled.quantized), said(settings)).toEqual(once.map((value) => value * 1024));
    }
  });

  it('turning all signs turns the signs of the result, where the levels are symmetric', () => {
    for (const settings of ALL.filter(({ scheme }) => scheme !== 'codebook' && scheme !== 'auto')) {
      const values = sampleOf('gauss', 60, 2);
      const once = dequantize(quantizeWeight(values, rowLayout(60), settings).quantized);
      const turned = dequantize(
        quantizeWeight(
          values.map((value) => -value),
          rowLayout(60),
          settings,
        ).quantized,
      );
      turned.forEach((value, i) => {
        expect(Math.abs(value + once[i])).toBe(0);
      });
    }
  });
});

describe('weights that are no numbers', () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    '%s is refused with tensor and index',
    (bad) => {
      const values = Float32Array.of(1, 2, bad, 4, bad);
      expect(() => quantizeWeight(values, rowLayout(5), { scheme: 'exp', bits: 2 }, 'conv1.weight')).toThrow(
        expect.objectContaining({
          code: 'weight',
          at: { tensor: 'conv1.weight' },
          message: `weight "conv1.weight": element 2 is ${bad} (2 such elements of 5); expected finite numbers`,
        }),
      );
    },
  );

  it('a DOUBLE beyond float32 is refused', () => {
    const tensor: Tensor = { dtype: 'DOUBLE', shape: [2], data: Float64Array.of(1, 1e300) };
    expect(() => quantizeWeight(tensor, rowLayout(2), { scheme: 'exp', bits: 2 })).toThrow(
      /element 1 is 1e\+300, which float32 cannot hold/,
    );
  });

  it('integers are refused', () => {
    const tensor: Tensor = { dtype: 'INT8', shape: [2], data: Int8Array.of(1, 2) };
    expect(() => quantizeWeight(tensor, rowLayout(2), { scheme: 'exp', bits: 2 })).toThrow(
      /expected FLOAT, FLOAT16, BFLOAT16, DOUBLE, got INT8/,
    );
  });
});

it('FLOAT16, BFLOAT16 and DOUBLE weights are taken as float32', () => {
  const numbers = Array.from(sampleOf('gauss', 40, 8));
  const sources: Tensor[] = [
    { dtype: 'FLOAT16', shape: [4, 10], data: Uint16Array.from(numbers, numberToFloat16) },
    { dtype: 'BFLOAT16', shape: [4, 10], data: Uint16Array.from(numbers, numberToBfloat16) },
    { dtype: 'DOUBLE', shape: [4, 10], data: Float64Array.from(numbers) },
  ];
  const layout = { split: [4, 10], perm: [0, 1], rowAxes: 1 };
  for (const tensor of sources) {
    const { quantized, correlation } = quantizeWeight(tensor, layout, { scheme: 'linear', bits: 8 });
    expect(quantized.dtype).toBe(tensor.dtype);
    expect(quantized.shape).toEqual([4, 10]);
    expect(correlation).toBeGreaterThan(0.9999);
    const result = dequantize(quantized);
    numbers.forEach((number, i) => {
      expect(Math.abs(result[i] - number)).toBeLessThan(0.03);
    });
  }
});

describe('granularity', () => {
  const values = sampleOf('student', 60, 6);
  const layout = { split: [4, 15], perm: [0, 1], rowAxes: 1 };
  const fit = (granularity: 'tensor' | 'channel' | `group:${number}`) =>
    quantizeWeight(values, layout, { scheme: 'exp', bits: 3, granularity });

  it('channel: each row is as if it were alone', () => {
    const whole = dequantize(fit('channel').quantized);
    for (let row = 0; row < 4; row++) {
      const alone = quantizeWeight(values.slice(15 * row, 15 * (row + 1)), rowLayout(15), {
        scheme: 'exp',
        bits: 3,
      });
      expect(whole.slice(15 * row, 15 * (row + 1))).toEqual(dequantize(alone.quantized));
    }
  });

  it('group:N: the last group of a row is shorter, and no group runs over the end of a row', () => {
    const { quantized } = fit('group:4');
    expect(quantized.groupSize).toBe(4);
    expect(tableCount(quantized)).toBe(16);
    const whole = dequantize(quantized);
    for (let row = 0; row < 4; row++)
      for (const [begin, end] of [
        [0, 4],
        [12, 15],
      ]) {
        const part = values.slice(15 * row + begin, 15 * row + end);
        const alone = quantizeWeight(part, rowLayout(part.length), { scheme: 'exp', bits: 3 });
        expect(whole.slice(15 * row + begin, 15 * row + end)).toEqual(dequantize(alone.quantized));
      }
  });

  it('group:N with N of at least a row is channel', () => {
    expect(dequantize(fit('group:15').quantized)).toEqual(dequantize(fit('channel').quantized));
    expect(dequantize(fit('group:999').quantized)).toEqual(dequantize(fit('channel').quantized));
  });

  it('tensor: one table for all rows', () => {
    const { quantized } = fit('tensor');
    expect(quantized.params.length).toBe(2);
    const flat = quantizeWeight(values, rowLayout(60), { scheme: 'exp', bits: 3 });
    expect(dequantize(quantized)).toEqual(dequantize(flat.quantized));
  });

  it('finer tables are nearer', () => {
    const mse = (['tensor', 'channel', 'group:5'] as const).map((granularity) => fit(granularity).mse);
    expect(mse[0]).toBeGreaterThan(mse[1]);
    expect(mse[1]).toBeGreaterThan(mse[2]);
  });
});

it('a layout of another number of elements is refused with both numbers', () => {
  expect(() => quantizeWeight(new Float32Array(6), rowLayout(5), { scheme: 'linear', bits: 2 }, 'w')).toThrow(
    'weight "w": rows of [1,5] need 5 elements, got 6',
  );
});

it('binary is not worse than linear up to 4 bits, and codebook than any', () => {
  for (const name of ['gauss', 'student'] as const)
    for (const bits of [1, 2, 3, 4]) {
      const values = sampleOf(name, 100, bits);
      const mse = (scheme: string) => quantizeWeight(values, rowLayout(100), { scheme, bits }).mse;
      expect(mse('binary')).toBeLessThanOrEqual(mse('linear') * (1 + 1e-6));
      for (const scheme of ['binary', 'linear', 'exp', 'pot'])
        expect(mse('codebook')).toBeLessThanOrEqual(mse(scheme) * (1 + 1e-6));
    }
});
