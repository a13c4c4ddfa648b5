import { describe, expect, it } from 'vitest';
import { LEVEL_RULES, levelTable, paramCount } from '../../src/ir/levels.ts';

const levels = (...args: Parameters<typeof levelTable>) => [...levelTable(...args)];
const f = Math.fround;

describe('level tables', () => {
  it('have the sign in the highest bit of the code and the smallest level at index 0', () => {
    expect(levels('linear', 3, Float32Array.of(2))).toEqual([1, 3, 5, 7, -1, -3, -5, -7]);
    expect(levels('linear-zero', 3, Float32Array.of(2))).toEqual([0, 2, 4, 6, 0, -2, -4, -6]);
    expect(levels('geometric', 3, Float32Array.of(8, 0.5))).toEqual([1, 2, 4, 8, -1, -2, -4, -8]);
    expect(levels('geometric-zero', 3, Float32Array.of(8, 0.5))).toEqual([0, 2, 4, 8, 0, -2, -4, -8]);
    expect(levels('magnitudes', 2, Float32Array.of(1, 3))).toEqual([1, 3, -1, -3]);
    expect(levels('bases', 2, Float32Array.of(3, 1))).toEqual([4, -2, 2, -4]);
    expect(levels('ternary', 2, Float32Array.of(5))).toEqual([0, 5, 0, -5]);
    expect(levels('table', 2, Float32Array.of(4, 3, 2, 1))).toEqual([4, 3, 2, 1]);
  });

  it('are the same at one bit for binary, linear and exponential', () => {
    expect(levels('bases', 1, Float32Array.of(3))).toEqual([3, -3]);
    expect(levels('linear', 1, Float32Array.of(6))).toEqual([3, -3]);
    expect(levels('geometric', 1, Float32Array.of(3, 0.7))).toEqual([3, -3]);
  });

  it('are float64 products rounded once to float32', () => {
    const [a, q] = [f(0.1), f(0.3)];
    expect(levels('geometric', 3, Float32Array.of(a, q)).slice(0, 4)).toEqual([
      f(a * q * q * q),
      f(a * q * q),
      f(a * q),
      a,
    ]);
    expect(levels('linear', 2, Float32Array.of(a))[1]).toBe(f(1.5 * a));
  });

  it('have no negative zero', () => {
    for (const rule of ['linear-zero', 'geometric-zero', 'ternary'] as const) {
      const table = levels(rule, 2, new Float32Array(paramCount(rule, 2)).fill(0.5));
      expect(table.filter((level) => Object.is(level, -0))).toEqual([]);
    }
  });

  it('refuse another number of parameters, and ternary of other than two bits', () => {
    for (const rule of LEVEL_RULES)
      expect(() => levelTable(rule, 2, new Float32Array(paramCount(rule, 2) + 1))).toThrow(
        `rule ${rule} of 2 bits has`,
      );
    expect(() => levelTable('ternary', 3, new Float32Array(1))).toThrow('ternary takes 2 bits, got 3');
  });
});
