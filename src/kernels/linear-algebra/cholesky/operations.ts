import { checkMatrix } from '../check.ts';
import type { LinearAlgebra } from '../contract.ts';
import { type Primitives, solveCholesky, upperCholeskyOfInverse } from './solve.ts';

/** The operations of the contract on either set's primitives, with the lengths of their arrays checked. */
export function choleskyOperations(
  primitives: Primitives,
): Pick<LinearAlgebra, 'cholesky' | 'solveCholesky' | 'upperCholeskyOfInverse'> {
  return {
    cholesky(matrix, n) {
      checkMatrix('matrix', matrix, n, n);
      return primitives.cholesky(matrix, n);
    },
    solveCholesky(factor, n, rows, m) {
      checkMatrix('factor', factor, n, n);
      checkMatrix('rows', rows, m, n);
      solveCholesky(primitives, factor, n, rows, m);
    },
    upperCholeskyOfInverse(matrix, n, upper) {
      checkMatrix('matrix', matrix, n, n);
      checkMatrix('upper', upper, n, n);
      return upperCholeskyOfInverse(primitives, matrix, n, upper);
    },
  };
}
