import { afterAll, describe, expect, it } from 'vitest';
import { createLinearAlgebra } from '../../../src/kernels/linear-algebra/select.ts';
import { curvatureOf, isWhite } from '../../../src/quantizers/calibrate/curvature.ts';
import { blocksOf } from '../../../src/quantizers/calibrate/moments.ts';
import { randomHessian } from '../../kernels/linear-algebra/support.ts';
import { Random } from '../../kernels/support/random.ts';
import { sampleOf } from '../samples.ts';
import { momentsOf, randomSamples } from './random-moments.ts';

const algebra = createLinearAlgebra('auto');
afterAll(() => algebra.dispose());

const block = (inputs: Float64Array) => ({ group: 0, from: 0, width: Math.sqrt(inputs.length), inputs });

describe('the curvature of a block', () => {
  it('has the damping on its diagonal, as a part of the mean, and a factor of its inverse in the order', () => {
    const n = 9;
    const inputs = randomHessian(new Random(1), n);
    const { hessian, order, upper, damping, deadColumns } = curvatureOf(block(inputs), 0.5, algebra)!;
    const mean = Array.from({ length: n }, (_, i) => inputs[i * n + i]!).reduce((a, b) => a + b) / n;
    expect({ damping, deadColumns }).toEqual({ damping: 0.5, deadColumns: 0 });
    hessian.forEach((h, i) => {
      expect(h).toBe(inputs[i]! + (i % (n + 1) === 0 ? 0.5 * mean : 0));
    });
    expect(order.toSorted()).toEqual(Uint32Array.from({ length: n }, (_, i) => i));
    for (let i = 1; i < n; i++)
      expect(hessian[order[i - 1]! * (n + 1)]).toBeGreaterThanOrEqual(hessian[order[i]! * (n + 1)]!);
    // H·UᵀU = 1
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let k = 0; k < n; k++)
          for (let l = 0; l < n; l++)
            sum += hessian[order[i]! * n + order[k]!]! * upper[l * n + k]! * upper[l * n + j]!;
        expect(sum).toBeCloseTo(i === j ? 1 : 0, 9);
      }
  });

  it('keeps columns of the same weight in their order', () => {
    const inputs = new Float64Array(16);
    for (let i = 0; i < 4; i++) inputs[i * 5] = i === 2 ? 2 : 1;
    expect(curvatureOf(block(inputs), 0.01, algebra)!.order).toEqual(Uint32Array.of(2, 0, 1, 3));
  });

  it('is not there where no input varies', () => {
    expect(curvatureOf(block(new Float64Array(4)), 0.01, algebra)).toBeUndefined();
    expect(curvatureOf(block(Float64Array.of(-1, 0, 0, -1)), 0.01, algebra)).toBeUndefined();
    expect(curvatureOf(block(Float64Array.of(Number.NaN, 0, 0, 1)), 0.01, algebra)).toBeUndefined();
  });

  it('has blocks of columns for every group', () => {
    const sampling = { rows: 4, columns: 5, groups: 2, samples: 30, blockEnds: [2, 5] };
    const samples = randomSamples(new Random(1), sampleOf('gauss', 20, 1), sampling);
    const moments = momentsOf(samples, sampling);
    expect(blocksOf(moments).map(({ inputs, ...at }) => ({ ...at, size: inputs.length }))).toEqual([
      { group: 0, from: 0, width: 2, size: 4 },
      { group: 0, from: 2, width: 3, size: 9 },
      { group: 1, from: 0, width: 2, size: 4 },
      { group: 1, from: 2, width: 3, size: 9 },
    ]);
  });
});

describe('white inputs', () => {
  it.each<[string, number[], boolean]>([
    ['one variance, independent', [2, 0, 0, 2], true],
    ['but for rounding', [2, 4e-7, 4e-7, 2 - 4e-7], true],
    ['one column', [0.3], true],
    ['different variances', [2, 0, 0, 1], false],
    ['something in common', [2, 0.1, 0.1, 2], false],
    ['nothing at all', [0, 0, 0, 0], false],
    ['NaN in common', [2, Number.NaN, Number.NaN, 2], false],
    ['NaN', [Number.NaN, 0, 0, Number.NaN], false],
    ['Infinity', [Number.POSITIVE_INFINITY, 0, 0, Number.POSITIVE_INFINITY], false],
  ])('%s', (_, values, white) => {
    expect(isWhite(block(Float64Array.from(values)))).toBe(white);
  });
});
