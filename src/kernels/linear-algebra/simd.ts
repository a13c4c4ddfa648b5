import { Workspace } from '../wasm/workspace.ts';
import { choleskyOperations } from './cholesky/operations.ts';
import { choleskySimd, substituteSimd } from './cholesky/simd.ts';
import type { LinearAlgebra } from './contract.ts';
import { SimdGram } from './gram/simd.ts';
import { addLevelSumsSimd } from './level-sums/simd.ts';
import { subtractProductSimd } from './product/simd.ts';
import { descendRowsSimd, roundRowsSimd } from './rounding/simd.ts';

/** The fast set. Needs WebAssembly with 128-bit SIMD. */
export function createSimdLinearAlgebra(): LinearAlgebra {
  const workspace = new Workspace();
  return {
    name: 'simd',
    gram: (rowsA, rowsB) => new SimdGram(workspace, rowsA, rowsB),
    ...choleskyOperations({
      cholesky: (matrix, n) => choleskySimd(workspace, matrix, n),
      substitute: (factor, n, rows, m, isUpper) => substituteSimd(workspace, factor, n, rows, m, isUpper),
    }),
    roundRows: (problem, upper, places, order) => roundRowsSimd(workspace, problem, upper, places, order),
    descendRows: (problem, hessian, places, options) =>
      descendRowsSimd(workspace, problem, hessian, places, options),
    subtractProduct: (c, a, b, m, n, p) => subtractProductSimd(workspace, c, a, b, m, n, p),
    addLevelSums: (rows, hessian, n, from, sums) => addLevelSumsSimd(workspace, rows, hessian, n, from, sums),
    dispose: () => workspace.dispose(),
  };
}
