import { describe, expect, it } from 'vitest';
import { type LevelRule, levelTable, paramCount } from '../../../src/ir/levels.ts';
import {
  derivatives,
  type LevelLoss,
  levelLoss,
  refitParams,
} from '../../../src/quantizers/calibrate/refit.ts';
import { Random } from '../../kernels/support/random.ts';

/** Rules with bits, and parameters of which every level is made. */
const TABLES: [LevelRule, number, number[]][] = [
  ['linear', 1, [0.7]],
  ['linear', 3, [0.31]],
  ['linear-zero', 3, [0.4]],
  ['ternary', 2, [0.9]],
  ['magnitudes', 3, [0.1, 0.4, 0.9, 2]],
  ['bases', 1, [0.8]],
  ['bases', 3, [0.2, 0.5, 1.1]],
  ['table', 2, [-1.5, -0.4, 0.3, 1.2]],
  ['affine', 3, [0.25, 3.5]],
  ['geometric', 1, [0.8, 0.5]],
  ['geometric', 2, [1.2, 0.35]],
  ['geometric', 4, [1.9, 0.6]],
  ['geometric-zero', 3, [1.4, 0.45]],
];
const CURVED = ['geometric', 'geometric-zero', 'affine'];

/** Σ (Σ_n x_sn·l(code_n) − y_s)², a loss of levels as a layer's: with codes of n columns, and targets near to its values. */
function randomLoss(random: Random, levels: Float32Array, spread: number): LevelLoss {
  const codes = levels.length;
  const quadratic = new Float64Array(codes * codes);
  const linear = new Float64Array(codes);
  for (let s = 0; s < 5 * codes; s++) {
    const x = Float64Array.from({ length: codes }, () => random.unit() - 0.3);
    const y = x.reduce((sum, v, c) => sum + v * levels[c]! * (1 + spread * (random.unit() - 0.5)), 0);
    for (let c = 0; c < codes; c++) {
      linear[c]! += x[c]! * y;
      for (let d = 0; d < codes; d++) quadratic[c * codes + d]! += x[c]! * x[d]!;
    }
  }
  return { codes, quadratic, linear };
}

/** Solves A·x = b by Gauss and Jordan. */
function solved(a: number[][], b: number[]): number[] {
  const rows = a.map((row, i) => [...row, b[i]!]);
  for (let i = 0; i < rows.length; i++) {
    const best = rows.findIndex(
      (row, r) => r >= i && rows.slice(i).every((other) => Math.abs(other[i]!) <= Math.abs(row[i]!)),
    );
    [rows[i], rows[best]] = [rows[best]!, rows[i]!];
    rows[i] = rows[i]!.map((v) => v / rows[i]![i]!);
    rows.forEach((row, r) => {
      if (r !== i) rows[r] = row.map((v, c) => v - row[i]! * rows[i]![c]!);
    });
  }
  return rows.map((row) => row.at(-1)!);
}

/** Levels of least loss where they are a matrix times parameters. */
function leastSquares(basis: Float64Array[], { codes, quadratic, linear }: LevelLoss): number[] {
  const times = basis.map((b) =>
    Float64Array.from({ length: codes }, (_, c) =>
      b.reduce((sum, v, d) => sum + v * quadratic[c * codes + d]!, 0),
    ),
  );
  const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, v, i) => sum + v * b[i]!, 0);
  return solved(
    basis.map((_, p) => basis.map((other) => dot(times[p]!, other))),
    basis.map((b) => dot(b, linear)),
  );
}

describe('levels fitted to their codes', () => {
  it.each(TABLES)('%s of %i bits: derivatives are those of the levels', (rule, bits, params) => {
    const slopes = derivatives(rule, bits, Float32Array.from(params));
    // Levels come in float32: a step that is large against its rounding, and central differences.
    const step = 2 ** -9;
    for (let p = 0; p < params.length; p++) {
      const [up, down] = [step, -step].map((change) =>
        levelTable(
          rule,
          bits,
          Float32Array.from(params, (v, i) => (i === p ? Math.fround(v) + change : v)),
        ),
      );
      for (let code = 0; code < 2 ** bits; code++)
        expect(slopes[p * 2 ** bits + code], `parameter ${p}, code ${code}`).toBeCloseTo(
          (up![code]! - down![code]!) / (2 * step),
          3,
        );
    }
  });

  it.each(TABLES)('%s of %i bits: the loss never rises', (rule, bits, params) => {
    for (let seed = 0; seed < 30; seed++) {
      const random = new Random(seed);
      const start = Float32Array.from(params);
      const loss = randomLoss(random, levelTable(rule, bits, start), [0.01, 0.5, 4][seed % 3]!);
      const found = refitParams(rule, bits, start, loss);
      const [before, after] = [start, found].map((p) => levelLoss(loss, levelTable(rule, bits, p)));
      expect(after).toBeLessThanOrEqual(before!);
      expect(after! < before! || found === start).toBe(true);
      expect(start).toEqual(Float32Array.from(params));
    }
  });

  it.each(TABLES.filter(([rule]) => !CURVED.includes(rule)))(
    '%s of %i bits: they are the least squares',
    (rule, bits, params) => {
      for (let seed = 0; seed < 10; seed++) {
        const start = Float32Array.from(params);
        const loss = randomLoss(new Random(seed), levelTable(rule, bits, start), 0.1);
        const basis = params.map((_, p) =>
          Float64Array.from(
            levelTable(
              rule,
              bits,
              Float32Array.from(params, (__, i) => Number(i === p)),
            ),
          ),
        );
        const expected = leastSquares(basis, loss);
        refitParams(rule, bits, start, loss).forEach((value, p) => {
          expect(value / expected[p]!, `parameter ${p}`).toBeCloseTo(1, 4);
        });
      }
    },
  );

  it('affine: steps and zero point are the least squares', () => {
    for (let seed = 0; seed < 10; seed++) {
      const start = Float32Array.of(0.25, 3.5);
      const loss = randomLoss(new Random(seed), levelTable('affine', 3, start), 0.3);
      const basis = [Float64Array.from({ length: 8 }, (_, code) => code), new Float64Array(8).fill(-1)];
      const [step, offset] = leastSquares(basis, loss) as [number, number];
      const found = refitParams('affine', 3, start, loss);
      expect(found[0]! / step).toBeCloseTo(1, 4);
      expect(found[1]! / (offset / step)).toBeCloseTo(1, 4);
    }
  });

  it.each([2, 3, 4])('geometric of %i bits: no smaller loss lies near', (bits) => {
    for (let seed = 0; seed < 10; seed++) {
      const start = Float32Array.of(1.5, 0.5);
      const loss = randomLoss(new Random(seed), levelTable('geometric', bits, start), 0.2);
      const [a, q] = refitParams('geometric', bits, start, loss) as unknown as [number, number];
      const at = (x: number, y: number): number =>
        levelLoss(loss, levelTable('geometric', bits, Float32Array.of(x, y)));
      for (const [dx, dy] of [
        [0.01, 0],
        [-0.01, 0],
        [0, 0.01],
        [0, -0.01],
        [0.01, -0.01],
        [-0.01, 0.01],
      ] as const)
        expect(at(a * (1 + dx), q * (1 + dy))).toBeGreaterThan(at(a, q));
    }
  });

  it('parameters that are fixed stay', () => {
    const start = Float32Array.of(1.5, 0.5);
    const loss = randomLoss(new Random(1), levelTable('geometric', 3, start), 0.5);
    const found = refitParams('geometric', 3, start, loss, [1]);
    expect(found[1]).toBe(0.5);
    expect(found[0]).not.toBe(1.5);
    const basis = [Float64Array.from(levelTable('geometric', 3, Float32Array.of(1, 0.5)))];
    expect(found[0]! / leastSquares(basis, loss)[0]!).toBeCloseTo(1, 4);
  });

  it('a level without codes stays where it is', () => {
    const start = Float32Array.of(-1, 0, 1, 2);
    const quadratic = new Float64Array(16);
    for (const c of [0, 1, 2]) quadratic[c * 5] = 1;
    const loss = { codes: 4, quadratic, linear: Float64Array.of(-2, 0.1, 0.9, 0) };
    const found = refitParams('table', 2, start, loss);
    expect(found[3]).toBe(2);
    [-2, 0.1, 0.9].forEach((level, c) => {
      expect(found[c]).toBeCloseTo(level, 5);
    });
  });

  it('nothing to learn from changes nothing', () => {
    for (const [rule, bits, params] of TABLES) {
      const start = Float32Array.from(params);
      const codes = 2 ** bits;
      const zero = {
        codes,
        quadratic: new Float64Array(codes * codes),
        linear: new Float64Array(codes),
      };
      expect(refitParams(rule, bits, start, zero)).toBe(start);
      const broken = { ...zero, quadratic: zero.quadratic.map(() => Number.NaN) };
      expect(refitParams(rule, bits, start, broken)).toBe(start);
      expect(paramCount(rule, bits)).toBe(params.length);
    }
  });

  it('levels beyond float32, of the other sign or a ratio from 1 on are not taken', () => {
    const pull = (levels: readonly number[]): LevelLoss => {
      const codes = levels.length;
      const quadratic = new Float64Array(codes * codes);
      for (let c = 0; c < codes; c++) quadratic[c * codes + c] = 1;
      return { codes, quadratic, linear: Float64Array.from(levels) };
    };
    const valid = (params: Float32Array): boolean => params.every((p) => p > 0 && Number.isFinite(p));
    expect(valid(refitParams('linear', 1, Float32Array.of(1), pull([-1, 1])))).toBe(true);
    expect(valid(refitParams('linear', 1, Float32Array.of(1), pull([1e39, -1e39])))).toBe(true);
    const [a, q] = refitParams('geometric', 2, Float32Array.of(1, 0.9), pull([3, 1, -3, -1]));
    expect(a).toBeGreaterThan(0);
    expect(q).toBeLessThan(1);
  });
});
