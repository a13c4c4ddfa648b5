import { describe, expect, it } from 'vitest';
import { dequantize } from '../../src/ir/quantized-tensor.ts';
import { quantizeWeight } from '../../src/quantizers/quantize-weight.ts';
import { sampleOf } from './samples.ts';

const layout = { split: [8, 64], perm: [0, 1], rowAxes: 1 };

describe('scheme auto', () => {
  it.each([1, 2, 3, 4, 5, 8])(
    'is nowhere worse than the schemes that it chooses from, at %i bits',
    (bits) => {
      for (const kind of ['gauss', 'laplace'] as const) {
        const values = sampleOf(kind, 512, 3);
        const { mse, quantized } = quantizeWeight(values, layout, { scheme: 'auto', bits });
        const others = [
          { scheme: 'exp', bits },
          { scheme: 'linear', bits },
          { scheme: 'codebook', bits, granularity: 'tensor' } as const,
          ...(bits === 2 ? [{ scheme: 'ternary', bits }] : []),
          ...(bits >= 4 ? [{ scheme: 'exp', bits, zero: true }] : []),
        ];
        for (const other of others)
          expect(mse).toBeLessThanOrEqual(quantizeWeight(values, layout, other).mse);
        expect(others.map(({ scheme }) => scheme)).toContain(quantized.scheme);
        expect(quantized.bits).toBe(bits);
      }
    },
  );

  it('takes what fits: equal steps for weights on equal steps, a codebook for a few odd values', () => {
    const steps = Float32Array.from({ length: 512 }, (_, i) => ((i % 8) - 3.5) * (1 + Math.floor(i / 64)));
    expect(quantizeWeight(steps, layout, { scheme: 'auto', bits: 3 }).quantized.scheme).toBe('linear');
    const odd = Float32Array.from({ length: 512 }, (_, i) => [-3, -0.5, 0.25, 7][i % 4]!);
    const { quantized, mse } = quantizeWeight(odd, layout, { scheme: 'auto', bits: 2 });
    expect([quantized.scheme, mse]).toEqual(['codebook', 0]);
  });
});

describe('binary with a centred basis', () => {
  it('has the levels m ± α of each row, m its mean and α the mean distance from it', () => {
    const values = Float32Array.of(1, 2, 3, 6, -4, -4, -6, -6);
    const rows = { split: [2, 4], perm: [0, 1], rowAxes: 1 };
    const { quantized } = quantizeWeight(values, rows, { scheme: 'binary', bits: 1, bases: 'centred' });
    expect(Array.from(dequantize(quantized))).toEqual([1.5, 1.5, 4.5, 4.5, -4, -4, -6, -6]);
  });

  it('is nearer than sign(w)·α where the mean is not zero', () => {
    const values = sampleOf('gauss', 512, 5).map((value) => value + 0.7);
    const centred = quantizeWeight(values, layout, { scheme: 'binary', bits: 1, bases: 'centred' });
    expect(centred.mse).toBeLessThan(quantizeWeight(values, layout, { scheme: 'binary', bits: 1 }).mse);
  });

  it('is for one bit', () => {
    expect(() =>
      quantizeWeight(sampleOf('gauss', 512, 5), layout, { scheme: 'binary', bits: 2, bases: 'centred' }),
    ).toThrow('binary with bases "centred" has one bit');
  });
});
