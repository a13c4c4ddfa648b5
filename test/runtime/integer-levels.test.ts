import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CodedRows } from '../../src/kernels/contract.ts';
import { MOST_LEVEL, MOST_SUM } from '../../src/kernels/integer/contract.ts';
import { integerLevels } from '../../src/runtime/ops/integer/levels.ts';
import { fixedPoint } from '../../src/runtime/ops/integer/requantize.ts';

/** All codes of each row are the largest of `bits` bits. */
function coded(
  bits: number,
  rows: number,
  columns: number,
  levels: readonly number[],
  isShared = false,
): CodedRows {
  const rowBytes = Math.ceil(columns / 8);
  return {
    ...{ kind: 'coded', bits, rowBytes, levels: Float32Array.from(levels) },
    planes: new Uint8Array(bits * rows * rowBytes).fill(255),
    ...{ tableStride: isShared ? 0 : 1, groupSize: columns },
  };
}

describe('integer levels', () => {
  it('are exact for equal steps of any width, ternary levels and one bit', () => {
    for (let bits = 1; bits <= 8; bits++)
      fc.assert(
        fc.property(fc.double({ min: 1e-6, max: 1e3, noNaN: true }), (step) => {
          const half = 2 ** (bits - 1);
          const sizes = Array.from({ length: half }, (_, i) => Math.fround((i + 0.5) * step));
          const { rows, units } = integerLevels(
            coded(bits, 1, 4, [...sizes, ...sizes.map((size) => -size)]),
            1,
            4,
            255,
          );
          expect([...rows.levels.subarray(0, half)]).toEqual(sizes.map((_, i) => 2 * i + 1));
          expect(Math.abs((units[0]! * 2) / step - 1)).toBeLessThan(1e-6);
        }),
        { numRuns: 20 },
      );
    const ternary = integerLevels(coded(2, 1, 4, [0, 0.3, 0, -0.3]), 1, 4, 255);
    expect([...ternary.rows.levels]).toEqual([0, 1, 0, -1]);
  });

  it('are within half a unit of the levels, a unit being a 2,047th of the largest', () => {
    const level = fc.double({ min: -8, max: 8, noNaN: true }).map(Math.fround);
    fc.assert(
      fc.property(fc.array(level, { minLength: 8, maxLength: 8 }), (levels) => {
        const { rows, units } = integerLevels(coded(3, 1, 4, levels), 1, 4, 255);
        const largest = Math.max(...levels.map(Math.abs));
        expect(units[0]).toBeLessThanOrEqual(largest);
        levels.forEach((value, i) => {
          expect(Math.abs(rows.levels[i]!)).toBeLessThanOrEqual(MOST_LEVEL);
          const error = Math.abs(rows.levels[i]! * units[0]! - value);
          expect(error).toBeLessThanOrEqual(largest / MOST_LEVEL / 2 + largest * 1e-6);
        });
      }),
    );
  });

  it('are made smaller where sums of a row could leave 29 bits, and only there', () => {
    const columns = 5000;
    const levels = [0.1234567, -0.3712345, 0.0512347, 1];
    const rows = coded(2, 2, columns, [...levels, ...levels]);
    rows.planes.fill(0, 0, rows.rowBytes); // plane 0 of row 0: its codes are 2, whose level is small
    const made = integerLevels(rows, 2, columns, 255);
    const own = (r: number): number[] => [...made.rows.levels.subarray(4 * r, 4 * r + 4)].map(Math.abs);
    expect(Math.max(...own(0))).toBe(MOST_LEVEL);
    expect(own(0)[2]! * columns * 255).toBeLessThanOrEqual(MOST_SUM);
    expect(own(1)[3]! * columns * 255).toBeLessThanOrEqual(MOST_SUM);
    expect(own(1)[3]).toBeGreaterThan(400);
    const shared = integerLevels(
      { ...rows, levels: Float32Array.from(levels), tableStride: 0 },
      2,
      columns,
      255,
    );
    expect([...shared.rows.levels].map(Math.abs)).toEqual(own(1));
    expect(shared.units[0]).toBe(shared.units[1]);
  });

  it('are 0 for a row of zeros', () => {
    const { rows, units } = integerLevels(coded(1, 1, 4, [0, 0]), 1, 4, 255);
    expect([...rows.levels]).toEqual([0, 0]);
    expect(units[0]).toBe(0);
  });
});

describe('fixed-point requantization', () => {
  const tail = fc.record({
    alpha: fc.double({ min: 1e-7, max: 1e-3, noNaN: true }),
    scale: fc.option(fc.double({ min: -3, max: 3, noNaN: true }).map(Math.fround), { nil: undefined }),
    bias: fc.option(fc.double({ min: -50, max: 50, noNaN: true }).map(Math.fround), { nil: undefined }),
    low: fc.constantFrom(undefined, 0, -1),
    high: fc.constantFrom(undefined, 6, -2),
  });
  const grid = fc.record({
    scale: fc.double({ min: 0.01, max: 2, noNaN: true }).map(Math.fround),
    zero: fc.integer({ min: 0, max: 255 }),
    high: fc.constant(255),
  });
  const sum = fc.integer({ min: -MOST_SUM, max: MOST_SUM });

  it('gives the nearest code of what real numbers give, to within a sixteenth of a step', () => {
    let compared = 0;
    fc.assert(
      fc.property(tail, grid, fc.array(sum, { minLength: 20, maxLength: 20 }), (given, codes, sums) => {
        const { alpha, scale, bias, low, high } = given;
        const fixed = fixedPoint(
          {
            alpha: Float64Array.of(alpha),
            scale: scale === undefined ? undefined : Float32Array.of(scale),
            bias: bias === undefined ? undefined : Float32Array.of(bias),
            low,
            high,
          },
          codes,
        );
        expect(fixed).toBeDefined();
        const { multipliers, offsets } = fixed!;
        for (const s of sums) {
          const code = Number((BigInt(s) * BigInt(multipliers[0]!) + offsets[0]!) >> 32n);
          const own = Math.min(fixed!.high, Math.max(fixed!.low, code));
          const v = alpha * s * (scale ?? 1) + (bias ?? 0);
          const clamped = Math.min(high ?? Infinity, Math.max(low ?? -Infinity, v));
          const real = Math.min(255, Math.max(0, clamped / codes.scale + codes.zero));
          expect(Math.abs(own - real)).toBeLessThanOrEqual(0.5 + 1 / 16 + 1e-6);
          compared++;
        }
      }),
    );
    expect(compared).toBeGreaterThan(1000);
  });

  it('is refused where a sum of 1 is half a step or more, or nothing finite', () => {
    const codes = { scale: 1, zero: 0, high: 255 };
    expect(fixedPoint({ alpha: Float64Array.of(0.49) }, codes)).toBeDefined();
    expect(fixedPoint({ alpha: Float64Array.of(0.5) }, codes)).toBeUndefined();
    expect(fixedPoint({ alpha: Float64Array.of(0.1), bias: Float32Array.of(NaN) }, codes)).toBeUndefined();
    expect(
      fixedPoint({ alpha: Float64Array.of(0.1), bias: Float32Array.of(2 ** 31) }, codes),
    ).toBeUndefined();
  });
});
