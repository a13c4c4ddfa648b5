import type { Case, Operation } from '../support/operation.ts';
import { SIZES } from '../support/operation.ts';
import type { Random } from '../support/random.ts';
import { anyRows, describeRows } from '../support/weights.ts';
import { anyEpilogue } from './conv2d.ts';

function layer(random: Random, batch: number, columns: number, rowCount: number): Case {
  const rows = anyRows(random, rowCount, columns);
  const x = random.floats(batch * columns);
  const epilogue = anyEpilogue(random, rowCount, batch * rowCount);
  return {
    what: `batch ${batch}, ${columns} columns, ${rowCount} rows, ${describeRows(rows)}`,
    run(kernels) {
      const weights = kernels.prepareLinear(rows, rowCount, columns);
      const y = new Float32Array(batch * rowCount).fill(Number.NaN);
      kernels.linear(x, weights, y, batch, epilogue);
      weights.release();
      return y;
    },
  };
}

export const linear: Operation = {
  name: 'linear',
  *cases(random) {
    for (const size of SIZES) {
      for (const batch of [1, 2, 5]) {
        yield layer(random, batch, size, random.whole(1, 20));
        yield layer(random, batch, random.whole(1, 20), size);
      }
    }
    for (const batch of [0, 1, 9]) yield layer(random, batch, 1100, 70);
  },
};

export const matmul: Operation = {
  name: 'matmul',
  *cases(random) {
    for (const size of SIZES) {
      const [p, q] = [random.whole(1, 20), random.whole(1, 20)];
      for (const [m, k, n] of [
        [size, p, q],
        [p, size, q],
        [p, q, size],
      ] as const) {
        const a = random.floats(m * k);
        const b = random.floats(k * n);
        yield {
          what: `${m} × ${k} · ${k} × ${n}`,
          run(kernels) {
            const y = new Float32Array(m * n).fill(Number.NaN);
            kernels.matmul(a, b, y, m, k, n);
            return y;
          },
        };
      }
    }
  },
};
