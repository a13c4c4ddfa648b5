/**
 * Micro-benchmark of the float64 linear algebra of calibration: one table with milliseconds and GMAC/s, from the built
 * package. The figures are the best of the rounds; every operation is counted by the products that it needs, sums by code by the
 * additions.
 *
 *     npm run build && node bench/linear-algebra.mjs [--rounds 5]
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { createLinearAlgebra } from '../dist/src/kernels/linear-algebra/select.js';

const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
const algebra = createLinearAlgebra('simd');

let seed = 1;
function random() {
  seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
  return (seed >>> 8) / 2 ** 24 - 0.5;
}

/** Neighbours are alike, as in the patches of an image. */
function hessian(n) {
  return Float64Array.from({ length: n * n }, (_, at) => {
    const distance = Math.abs(Math.floor(at / n) - (at % n));
    return 1 / (1 + distance / 8) + (distance === 0 ? 0.1 : 0);
  });
}

function measure(name, products, run) {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < Number(options.rounds); round++) {
    const start = performance.now();
    run();
    best = Math.min(best, performance.now() - start);
  }
  console.log(
    `${name.padEnd(44)} ${best.toFixed(2).padStart(9)} ${(products / best / 1e6).toFixed(2).padStart(8)}`,
  );
}

console.log(
  `${cpus()[0]?.model.trim()}, Node ${process.version}, one thread, best of ${options.rounds} rounds\n`,
);
console.log(`${'operation'.padEnd(44)} ${'ms'.padStart(9)} ${'GMAC/s'.padStart(8)}`);

for (const [rows, length] of [
  [27, 256],
  [144, 256],
  [576, 256],
  [1152, 256],
  [2304, 256],
]) {
  const a = Float32Array.from({ length: rows * length }, random);
  const gram = algebra.gram(rows);
  measure(`gram of ${rows} rows of ${length}`, (rows * (rows + 1) * length) / 2, () => gram.add(a, length));
  gram.dispose();
}

for (const n of [64, 576, 1280]) {
  const matrix = hessian(n);
  const factor = matrix.slice();
  const upper = new Float64Array(n * n);
  measure(`cholesky of ${n}`, n ** 3 / 6, () => {
    factor.set(matrix);
    algebra.cholesky(factor, n);
  });
  measure(`factor of the inverse of ${n}`, n ** 3 / 3, () =>
    algebra.upperCholeskyOfInverse(matrix, n, upper),
  );
  const solutions = Float64Array.from({ length: 256 * n }, random);
  measure(`256 solutions of ${n}`, 256 * n * n, () => algebra.solveCholesky(factor, n, solutions, 256));
  const weights = Float64Array.from({ length: 256 * n }, random);
  const levels = Float64Array.from({ length: 8 }, (_, i) => (i - 3.5) / 8);
  const problem = { rows: 256, columns: n, weights, lists: { levels, size: 8, stride: 0 } };
  const places = new Uint8Array(256 * n);
  measure(`256 rows of ${n} rounded`, (256 * n * n) / 2, () => algebra.roundRows(problem, upper, places));
  measure(`256 rows of ${n}, a sweep of descent`, 256 * n * n, () =>
    algebra.descendRows(problem, matrix, places.slice(), { sweeps: 1 }),
  );
  const result = new Float64Array(256 * n);
  measure(`256 rows of ${n} times the matrix`, 256 * n * n, () =>
    algebra.subtractProduct(result, weights, matrix, 256, n, n),
  );
  for (const size of [8, 32]) {
    const codes = Uint8Array.from({ length: 256 * n }, () => Math.floor((random() + 0.5) * size));
    const sums = new Float64Array(256 * size * size);
    measure(`256 rows of ${n} summed by ${size} codes`, (256 * n * n) / 2, () =>
      algebra.addLevelSums({ rows: 256, columns: n, codes, size }, matrix, n, 0, sums),
    );
  }
}
