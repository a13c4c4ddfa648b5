import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyEpilogue } from '../../src/kernels/epilogue.ts';
import { thresholdsOf } from '../../src/runtime/ops/binary/thresholds.ts';

const half = fc.double({ min: -8, max: 8, noNaN: true }).map(Math.fround);
const layer = fc.record({
  terms: fc.integer({ min: 1, max: 40 }),
  isPadded: fc.boolean(),
  zero: fc.boolean(),
  bounds: fc.array(fc.oneof(fc.constant(0), fc.integer({ min: -20, max: 20 }), half), {
    minLength: 1,
    maxLength: 3,
  }),
  alpha: fc.constantFrom(1, 0.5, 0.3, 7).map(Math.fround),
  scale: fc.oneof(half, fc.constant(0), fc.constant(undefined)),
  bias: fc.oneof(half, fc.integer({ min: -9, max: 9 }), fc.constant(undefined)),
  low: fc.option(fc.constantFrom(-1, 0), { nil: undefined }),
  high: fc.option(fc.constantFrom(1, 0), { nil: undefined }),
});

describe('thresholds', () => {
  it('give the sign of the float for every sum that can occur, or are refused because one has none', () => {
    let refused = 0;
    fc.assert(
      fc.property(layer, ({ terms, isPadded, zero, bounds, alpha, scale, bias, low, high }) => {
        const finish = {
          alpha: Float32Array.of(alpha),
          scale: scale === undefined ? undefined : Float32Array.of(scale),
          bias: bias === undefined ? undefined : Float32Array.of(bias),
          low,
          high,
        };
        const valueAt = (sum: number): number => applyEpilogue(Math.fround(alpha * sum), finish, 0, 0);
        const sums = Array.from({ length: 2 * terms + 1 }, (_, i) => i - terms).filter(
          (sum) => isPadded || (sum + terms) % 2 === 0,
        );
        const found = thresholdsOf(finish, { terms, isPadded }, zero, Float32Array.from(bounds));
        const hasNone = !zero && sums.some((sum) => bounds.includes(valueAt(sum)));
        expect(found === undefined).toBe(hasNone);
        if (found === undefined) {
          refused++;
          return;
        }
        bounds.forEach((bound, i) => {
          for (const sum of sums)
            expect(sum < found.thresholds[i]! !== (found.flips[i] === 1)).toBe(valueAt(sum) < bound);
        });
      }),
      { numRuns: 1000 },
    );
    expect(refused).toBeGreaterThan(20);
  });

  it('are refused where values are not finite', () => {
    const range = { terms: 9, isPadded: false };
    for (const bias of [Number.NaN, Number.POSITIVE_INFINITY])
      expect(
        thresholdsOf({ alpha: Float32Array.of(1), bias: Float32Array.of(bias) }, range, true),
      ).toBeUndefined();
  });
});
