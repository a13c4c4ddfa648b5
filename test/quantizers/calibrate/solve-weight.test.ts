import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { codesOf, dequantize } from '../../../src/ir/quantized-tensor.ts';
import { createLinearAlgebra } from '../../../src/kernels/linear-algebra/select.ts';
import { curvatureOf } from '../../../src/quantizers/calibrate/curvature.ts';
import { blocksOf, type LayerMoments } from '../../../src/quantizers/calibrate/moments.ts';
import { prepareLayer } from '../../../src/quantizers/calibrate/prepare-layer.ts';
import { SOLVE_DEFAULTS, type SolveOptions } from '../../../src/quantizers/calibrate/solve-options.ts';
import { type Solution, solveWeight } from '../../../src/quantizers/calibrate/solve-weight.ts';
import { targetsOf } from '../../../src/quantizers/calibrate/targets.ts';
import { type QuantizeSettings, resolveOptions } from '../../../src/quantizers/options.ts';
import { quantizeWeight } from '../../../src/quantizers/quantize-weight.ts';
import { Random } from '../../kernels/support/random.ts';
import { sampleOf } from '../samples.ts';
import { ALL_SETTINGS, momentsOf, randomSamples, type Sampling, whiteMoments } from './random-moments.ts';

const algebra = createLinearAlgebra('auto');
afterAll(() => algebra.dispose());

const GRANULARITIES = ['channel', 'tensor', 'group:4', 'group:1', 'group:100'] as const;
const layoutOf = (rows: number, columns: number) => ({ split: [rows, columns], perm: [0, 1], rowAxes: 1 });
const said = (settings: QuantizeSettings): string => JSON.stringify(settings);

function solve(
  values: Float32Array,
  moments: LayerMoments,
  settings: QuantizeSettings,
  changes: Partial<SolveOptions> = {},
): Solution {
  const { rows, columns } = moments;
  const weight = {
    values,
    layout: layoutOf(rows, columns),
    shape: [rows, columns],
    dtype: 'FLOAT' as const,
  };
  const options = { ...SOLVE_DEFAULTS, ...changes };
  return solveWeight(
    prepareLayer(weight, moments, options, algebra),
    resolveOptions(settings),
    options,
    algebra,
  );
}

/** Σ (v − t)·H·(v − t)ᵀ of discretized values, from the definitions alone. */
function lossOf(
  values: ArrayLike<number>,
  weight: Float32Array,
  moments: LayerMoments,
  changes: Partial<SolveOptions> = {},
): number {
  const { damping, correction } = { ...SOLVE_DEFAULTS, ...changes };
  const { rows, columns, groups } = moments;
  let loss = 0;
  for (const block of blocksOf(moments)) {
    const curvature = curvatureOf(block, damping, algebra);
    if (curvature === undefined) continue;
    const { hessian } = curvature;
    const count = rows / groups;
    const first = block.group * count;
    const own = new Float64Array(count * block.width);
    for (let r = 0; r < count; r++)
      for (let j = 0; j < block.width; j++)
        own[r * block.width + j] = weight[(first + r) * columns + block.from + j]!;
    const targets = targetsOf(own, moments, block.group, curvature, correction, algebra);
    for (let r = 0; r < count; r++)
      for (let i = 0; i < block.width; i++)
        for (let j = 0; j < block.width; j++) {
          const at = (first + r) * columns + block.from;
          loss +=
            (values[at + i]! - targets[r * block.width + i]!) *
            hessian[i * block.width + j]! *
            (values[at + j]! - targets[r * block.width + j]!);
        }
  }
  return loss;
}

function layerOf(seed: number, sampling: Sampling): { weight: Float32Array; moments: LayerMoments } {
  const weight = sampleOf('gauss', sampling.rows * sampling.columns, seed);
  const samples = randomSamples(new Random(seed), weight, sampling);
  return { weight, moments: momentsOf(samples, sampling) };
}

describe('white inputs', () => {
  // What is rounded by nearest levels, to levels that are the best for squared error: refits are left out.
  const nearest = ALL_SETTINGS.filter(({ levels, bases }) => levels !== 'cells' && bases !== 'greedy');

  it.each(GRANULARITIES)('give the parameters and codes of plain rounding, %s', (granularity) => {
    for (const [i, settings] of nearest.entries()) {
      const weight = sampleOf('laplace', 4 * 10, 5);
      const all = { ...settings, granularity };
      const plain = quantizeWeight(weight, layoutOf(4, 10), all).quantized;
      const moments = whiteMoments(weight, 4, 10, 2, [1, 0.37, 1e-9][i % 3]!);
      const { quantized, loss, roundingLoss } = solve(weight, moments, all, { refits: 0 });
      expect(quantized, said(all)).toEqual(plain);
      expect(loss).toBe(roundingLoss);
    }
  });

  it('give levels that are no worse by squared error where these are fitted again', () => {
    for (const settings of ALL_SETTINGS) {
      const weight = sampleOf('laplace', 6 * 12, 5);
      const { quantized } = quantizeWeight(weight, layoutOf(6, 12), settings);
      const solved = solve(weight, whiteMoments(weight, 6, 12, 1, 1), settings);
      const error = (values: ArrayLike<number>): number =>
        weight.reduce((sum, w, i) => sum + (w - values[i]!) ** 2, 0);
      // Cells may round to levels that are not the nearest, which is what the solution is compared with.
      expect(error(solved.values), said(settings)).toBeLessThanOrEqual(
        error(dequantize(quantized)) * (1 + 1e-12),
      );
    }
  });
});

describe('a solved weight', () => {
  it('tells the loss of its values, no more than that of the nearest levels, in every scheme', () => {
    for (const [i, settings] of ALL_SETTINGS.entries())
      for (const granularity of [GRANULARITIES[i % 5]!, 'channel' as const]) {
        const all = { ...settings, granularity };
        const sampling = { rows: 4, columns: 9, groups: 2, samples: 40, noise: 0.3 };
        const { weight, moments } = layerOf(i, sampling);
        const { quantized, values, loss, roundingLoss } = solve(weight, moments, all);
        expect(loss, said(all)).toBeLessThanOrEqual(roundingLoss);
        expect(lossOf(values, weight, moments) / loss, said(all)).toBeCloseTo(1, 8);
        expect(Float32Array.from(values)).toEqual(dequantize(quantized));
        expect(values.every(Number.isFinite)).toBe(true);
        const unmoved = solve(weight, moments, all, { correction: 0, refits: 0 });
        const plain = quantizeWeight(weight, layoutOf(4, 9), all).quantized;
        if (settings.levels !== 'cells' && settings.bases !== 'greedy')
          expect(lossOf(dequantize(plain), weight, moments, { correction: 0 })).toBeCloseTo(
            unmoved.roundingLoss,
            8,
          );
      }
  });

  it('has a lower loss the more is done, mostly by far', () => {
    const { weight, moments } = layerOf(3, { rows: 12, columns: 36, samples: 400 });
    for (const scheme of ['linear', 'exp', 'binary', 'codebook'])
      for (const granularity of ['channel', 'tensor'] as const) {
        const settings = { scheme, bits: 2, granularity };
        const [descended, refitted, searched] = [
          { refits: 0 },
          { refits: 3 },
          { refits: 3, scales: [1, 0.9, 0.8, 1.1] },
        ].map((changes) => solve(weight, moments, settings, changes));
        expect(descended!.loss).toBeLessThan(descended!.roundingLoss);
        // The levels of a row's codebook are means: their errors have the sum 0, which is most of what these inputs see.
        const most = settings.scheme === 'codebook' && granularity === 'channel' ? 1 : 0.85;
        expect(refitted!.loss, said(settings)).toBeLessThan(most * refitted!.roundingLoss);
        expect(refitted!.loss).toBeLessThan(descended!.loss);
        expect(searched!.loss).toBeLessThanOrEqual(refitted!.loss);
      }
  });

  it('gives the same for a layer that was prepared once for several ways of discretizing', () => {
    const { weight, moments } = layerOf(3, { rows: 4, columns: 10, groups: 2, samples: 30, noise: 0.2 });
    const row = { values: weight, layout: layoutOf(4, 10), shape: [4, 10], dtype: 'FLOAT' as const };
    const layer = prepareLayer(row, moments, SOLVE_DEFAULTS, algebra);
    for (const granularity of GRANULARITIES)
      for (const settings of ALL_SETTINGS.filter(({ bits }) => bits < 5)) {
        const asked = { ...settings, granularity };
        const shared = solveWeight(layer, resolveOptions(asked), SOLVE_DEFAULTS, algebra);
        expect(shared, said(asked)).toEqual(solve(weight, moments, asked));
      }
  });

  it('is the same bits with both sets of linear algebra', () => {
    const reference = createLinearAlgebra('reference');
    const simd = createLinearAlgebra('simd');
    for (const settings of ALL_SETTINGS.filter(({ bits }) => bits < 5)) {
      const { weight, moments } = layerOf(7, { rows: 4, columns: 10, groups: 2, samples: 30, noise: 0.2 });
      const layer = { values: weight, layout: layoutOf(4, 10), shape: [4, 10], dtype: 'FLOAT' as const };
      const options = resolveOptions({ ...settings, granularity: 'group:3' });
      const [one, other] = [reference, simd].map((set) =>
        solveWeight(prepareLayer(layer, moments, SOLVE_DEFAULTS, set), options, SOLVE_DEFAULTS, set),
      );
      expect(one).toEqual(other);
    }
    reference.dispose();
    simd.dispose();
  });

  it('holds whatever covariances, groups, blocks and settings there are', () => {
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.integer(),
          groups: fc.integer({ min: 1, max: 3 }),
          perGroup: fc.integer({ min: 1, max: 3 }),
          columns: fc.integer({ min: 1, max: 12 }),
          samples: fc.integer({ min: 1, max: 30 }),
          centred: fc.boolean(),
          dead: fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 4 }),
          noise: fc.constantFrom(0, 0.1, 1),
          blocks: fc.integer({ min: 1, max: 3 }),
          granularity: fc.constantFrom(...GRANULARITIES),
          setting: fc.nat(ALL_SETTINGS.length - 1),
          scale: fc.constantFrom(1, 1e-6, 1e6),
          zeroRow: fc.boolean(),
        }),
        ({ seed, perGroup, blocks, granularity, setting, scale, zeroRow, ...sampling }) => {
          const { columns, groups } = sampling;
          const rows = groups * perGroup;
          const ends = Array.from({ length: Math.min(blocks, columns) }, (_, b, all = blocks) =>
            Math.floor(((b + 1) * columns) / Math.min(all, columns)),
          );
          const weight = sampleOf('gauss', rows * columns, seed).map((w) => w * scale);
          if (zeroRow) weight.fill(0, 0, columns);
          const full = { ...sampling, rows, blockEnds: ends };
          const moments = momentsOf(randomSamples(new Random(seed), weight, full), full);
          const settings = { ...ALL_SETTINGS[setting]!, granularity };
          const { quantized, values, loss, roundingLoss } = solve(weight, moments, settings, {
            scales: [1, 0.8],
          });
          expect(loss).toBeLessThanOrEqual(roundingLoss);
          expect(Float32Array.from(values)).toEqual(dequantize(quantized));
          expect(values.every(Number.isFinite)).toBe(true);
          const own = lossOf(values, weight, moments);
          expect(Math.abs(own - loss)).toBeLessThanOrEqual(1e-8 * (roundingLoss + scale * scale * 1e-3));
        },
      ),
      { numRuns: 200, seed: 4 },
    );
  });
});

describe('levels keep the order that the rules promise', () => {
  it.each([
    ['codebook', {}],
    ['binary', {}],
    ['binary', { bases: 'greedy' as const }],
    ['exp', { levels: 'cells' as const }],
  ])('%s %o: parameters ascend', (scheme, changes) => {
    for (let seed = 0; seed < 20; seed++)
      for (const bits of [2, 3, 4]) {
        const { weight, moments } = layerOf(seed, { rows: 3, columns: 12, samples: 60, noise: 0.5 });
        const { quantized } = solve(weight, moments, { scheme, bits, ...changes });
        const width = quantized.params.length / 3;
        for (let r = 0; r < 3; r++) {
          const own = quantized.params.subarray(r * width, (r + 1) * width);
          expect(own, `seed ${seed}, ${bits} bits, row ${r}`).toEqual(own.slice().sort());
        }
      }
  });

  it('pot keeps the ratio ½ of its levels', () => {
    for (const zero of [false, true])
      for (const granularity of ['channel', 'tensor'] as const) {
        const { weight, moments } = layerOf(1, { rows: 4, columns: 16, samples: 100 });
        const { quantized } = solve(weight, moments, { scheme: 'pot', bits: 3, zero, granularity });
        expect(quantized.params.filter((_, p) => p % 2 === 1).every((q) => q === 0.5)).toBe(true);
      }
  });
});

describe('inputs that tell nothing', () => {
  const sampling = { rows: 2, columns: 6, samples: 20 };
  const cases: [string, (moments: LayerMoments) => void, number][] = [
    [
      'all zero',
      ({ inputs, cross }) => {
        for (const m of [...inputs, cross]) m.fill(0);
      },
      6,
    ],
    ['NaN on the diagonal', ({ inputs }) => inputs[0]!.fill(Number.NaN, 7, 8), 6],
    ['NaN beside it', ({ inputs }) => inputs[0]!.fill(Number.NaN, 1, 2), 6],
    ['Infinity', ({ inputs }) => inputs[0]!.fill(Number.POSITIVE_INFINITY), 6],
  ];
  it.each(cases)('%s: the nearest levels', (_, change, deadColumns) => {
    const { weight, moments } = layerOf(1, sampling);
    change(moments);
    const solved = solve(weight, moments, { scheme: 'linear', bits: 2 });
    expect(solved).toMatchObject({ deadColumns, loss: 0, roundingLoss: 0, damping: 0 });
    const { quantized } = quantizeWeight(weight, layoutOf(2, 6), { scheme: 'linear', bits: 2 });
    expect(codesOf(solved.quantized)).toEqual(codesOf(quantized));
    expect(solved.quantized.params).toEqual(quantized.params);
  });

  it('dead columns are counted, and theirs are the nearest levels', () => {
    const { weight, moments } = layerOf(2, { ...sampling, dead: [1, 4] });
    const solved = solve(weight, moments, { scheme: 'linear', bits: 2 }, { refits: 0 });
    expect(solved.deadColumns).toBe(2);
    const plain = codesOf(quantizeWeight(weight, layoutOf(2, 6), { scheme: 'linear', bits: 2 }).quantized);
    for (const i of [1, 4, 7, 10]) expect(codesOf(solved.quantized)[i]).toBe(plain[i]);
  });

  it('moments that are no covariances have the damping raised until they have a Cholesky factor', () => {
    const { weight, moments } = layerOf(2, sampling);
    const [matrix] = moments.inputs;
    matrix![1] = matrix![6] = 3 * (matrix![0]! + matrix![7]!);
    const solved = solve(weight, moments, { scheme: 'linear', bits: 2 });
    expect(solved.damping).toBeGreaterThan(0.01);
    expect(solved.loss).toBeLessThanOrEqual(solved.roundingLoss);
  });

  it('a damping of 0 is taken where the moments have full rank, and raised where they have not', () => {
    const full = layerOf(2, { ...sampling, samples: 40 });
    expect(solve(full.weight, full.moments, { scheme: 'exp', bits: 2 }, { damping: 0 }).damping).toBe(0);
    const poor = layerOf(2, { ...sampling, samples: 3 });
    const { damping } = solve(poor.weight, poor.moments, { scheme: 'exp', bits: 2 }, { damping: 0 });
    expect(damping).toBeGreaterThan(0);
    expect(damping).toBeLessThan(0.01);
  });
});
