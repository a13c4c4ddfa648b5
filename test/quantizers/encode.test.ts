import { describe, expect, it } from 'vitest';
import { type LevelRule, levelTable } from '../../src/ir/levels.ts';
import { codesOf, dequantize } from '../../src/ir/quantized-tensor.ts';
import { Encoder } from '../../src/quantizers/encode.ts';
import { quantizeWeight } from '../../src/quantizers/quantize-weight.ts';
import { DISTRIBUTIONS, rowLayout, sampleOf } from './samples.ts';

function encode(rule: LevelRule, bits: number, params: number[], values: number[]): number[] {
  const encoder = new Encoder(rule, bits);
  encoder.load(levelTable(rule, bits, Float32Array.from(params)));
  const codes = new Uint8Array(values.length);
  encoder.encode(Float32Array.from(values), codes, 0);
  return Array.from(codes);
}

describe('the code of a weight', () => {
  it('has a sign bit of 0 for plus and 1 for minus, and magnitude index 0 for the smallest level', () => {
    expect(encode('linear', 3, [2], [0.9, 2.9, 4.9, 99, -0.9, -2.9, -4.9, -99])).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7,
    ]);
    expect(encode('geometric', 2, [8, 0.5], [3.9, 8.1, -3.9, -8.1])).toEqual([0, 1, 2, 3]);
  });

  it('counts +0 and −0 as plus', () => {
    expect(encode('linear', 2, [1], [0, -0])).toEqual([0, 0]);
    expect(encode('bases', 2, [1, 3], [0, -0])).toEqual([1, 1]); // 3 − 1 = 2 and −2 are the nearest levels
  });

  it('is that of the larger size where the weight is half-way between two levels', () => {
    expect(encode('linear', 3, [1], [1, 2, -1, -2])).toEqual([1, 2, 5, 6]);
    expect(encode('ternary', 2, [1], [0.5, -0.5, 0.49, -0.49])).toEqual([1, 3, 0, 0]);
    expect(encode('table', 2, [-4, -2, 1, 3], [-3, -0.5, 2])).toEqual([0, 1, 3]);
  });

  it('is that of the positive level where the weight is half-way between two of the same size', () => {
    expect(encode('table', 1, [-5, 5], [0, -0, -1e-45])).toEqual([1, 1, 0]);
  });

  it('is the lowest of those that share a level: zero has no sign', () => {
    expect(encode('linear-zero', 3, [1], [0.4, -0.4, -0])).toEqual([0, 0, 0]);
    expect(encode('geometric-zero', 2, [1, 0.5], [0.1, -0.1, 1, -1])).toEqual([0, 0, 1, 3]);
    expect(encode('table', 3, [-1, 2, 2, 2, 2, 2, 2, 2], [5, -5])).toEqual([1, 0]);
    expect(encode('bases', 2, [1, 1], [0.2, -0.2, 3, -3])).toEqual([1, 1, 0, 3]);
  });

  it('clips what lies beyond the levels', () => {
    expect(encode('linear', 2, [1], [1e30, -1e30])).toEqual([1, 3]);
  });

  it('is that of the nearest level for parameters in no order', () => {
    expect(encode('bases', 3, [4, 1, 2], [7, 5, 3, 1, -1, -3, -5, -7])).toEqual([0, 2, 4, 6, 1, 3, 5, 7]);
    expect(encode('magnitudes', 3, [3, 1, 2, 0], [3, 1, 2, 0, -3])).toEqual([0, 1, 2, 3, 4]);
  });
});

describe.each(['linear', 'exp', 'ternary', 'pot', 'codebook', 'binary'])('scheme %s', (scheme) => {
  const widths = scheme === 'ternary' ? [2] : [1, 2, 3, 5, 8];

  it('gives every weight a level that none is nearer than, by the stored float32 levels', () => {
    for (const distribution of DISTRIBUTIONS)
      for (const bits of widths) {
        const values = sampleOf(distribution, 150, bits);
        const { quantized, mse } = quantizeWeight(values, rowLayout(150), { scheme, bits });
        const levels = levelTable(quantized.rule, bits, quantized.params);
        const result = dequantize(quantized);
        let error = 0;
        values.forEach((value, i) => {
          const least = Math.min(...Array.from(levels, (level) => Math.abs(value - level)));
          expect(Math.abs(value - result[i])).toBe(least);
          error += (value - result[i]) ** 2;
        });
        expect(mse).toBeCloseTo(error / 150, 12);
      }
  });

  it('changes nothing when its result is discretized again', () => {
    for (const bits of widths) {
      const first = dequantize(
        quantizeWeight(sampleOf('laplace', 300, bits), rowLayout(300), { scheme, bits }).quantized,
      );
      const second = quantizeWeight(first, rowLayout(300), { scheme, bits });
      expect(second.correlation).toBeGreaterThan(
        scheme === 'exp' || scheme === 'binary' ? 0.9999 : 1 - 1e-12,
      );
    }
  });
});

describe('schemes whose codes follow cells of their own', () => {
  it('exp with cells: the index is that of the cell max·q^j, whatever level is nearest, and the level is its mean', () => {
    const values = Float32Array.of(16, -15, 8, 7, -4.5, 3, 1, -0.5, 0.2);
    const { quantized } = quantizeWeight(values, rowLayout(9), { scheme: 'exp', bits: 3, levels: 'cells' });
    const codes = codesOf(quantized);
    const byIndex = new Map<number, number[]>();
    values.forEach((value, i) => {
      expect(codes[i] >> 2).toBe(value < 0 ? 1 : 0);
      byIndex.set(codes[i] & 3, [...(byIndex.get(codes[i] & 3) ?? []), Math.abs(value)]);
    });
    const cells = [...byIndex].sort(([one], [other]) => one - other);
    for (const [index, members] of cells)
      expect(quantized.params[index]).toBeCloseTo(members.reduce((sum, x) => sum + x) / members.length, 6);
    // Cells are runs: all of one lie below all of the next.
    for (let i = 1; i < cells.length; i++)
      expect(Math.max(...cells[i - 1][1])).toBeLessThan(Math.min(...cells[i][1]));
  });

  it('greedy bases: the codes are the successive signs of what is left', () => {
    const values = sampleOf('student', 200, 5);
    const { quantized } = quantizeWeight(values, rowLayout(200), {
      scheme: 'binary',
      bits: 4,
      bases: 'greedy',
    });
    const codes = codesOf(quantized);
    // Bases in the order of their making: each is the mean of what is left.
    let left = Array.from(values);
    const found: { base: number; minus: boolean[] }[] = [];
    for (let i = 0; i < 4; i++) {
      const base = left.reduce((sum, x) => sum + Math.abs(x), 0) / left.length;
      found.push({ base, minus: left.map((x) => x < 0) });
      left = left.map((x) => x - (x < 0 ? -base : base));
    }
    found.sort((one, other) => one.base - other.base);
    found.forEach(({ base, minus }, bit) => {
      expect(quantized.params[bit]).toBeCloseTo(base, 6);
      expect(minus.every((is, i) => ((codes[i] >> bit) & 1) === Number(is))).toBe(true);
    });
  });
});

it('at one bit binary, linear and exp are the same: sign(w)·E|w|', () => {
  const values = sampleOf('laplace', 500, 1);
  const mean = values.reduce((sum, x) => sum + Math.abs(x), 0) / 500;
  const expected = values.map((x) => (x < 0 ? -mean : mean));
  const schemes = [
    { scheme: 'binary' },
    { scheme: 'binary', bases: 'greedy' },
    { scheme: 'linear' },
    { scheme: 'exp' },
    { scheme: 'exp', levels: 'cells' },
    { scheme: 'pot' },
  ] as const;
  for (const settings of schemes) {
    const { quantized } = quantizeWeight(values, rowLayout(500), { ...settings, bits: 1 });
    expect(dequantize(quantized)).toEqual(expected);
    expect(Array.from(codesOf(quantized))).toEqual(Array.from(values, (x) => Number(x < 0)));
  }
});

describe('max-range', () => {
  const values = Float32Array.of(0.1, -0.3, 0.7, -2);
  const params = (scheme: string, bits: number, zero = false) =>
    Array.from(
      quantizeWeight(values, rowLayout(4), { scheme, bits, zero, fit: 'max-range' }).quantized.params,
    );

  it('linear: Δ = 2·max/2^n, mid-rise; with a zero level the last step ends at max', () => {
    expect(params('linear', 3)).toEqual([0.5]);
    expect(params('linear', 3, true)).toEqual([Math.fround(2 / 3)]);
  });

  it('exp, pot and ternary: the largest level is max', () => {
    expect(params('exp', 3)[0]).toBe(2);
    expect(params('pot', 4)).toEqual([2, 0.5]);
    expect(params('ternary', 2)).toEqual([2]);
  });
});
