import { choleskyOperations } from './cholesky/operations.ts';
import { choleskyReference, substituteReference } from './cholesky/reference.ts';
import type { LinearAlgebra } from './contract.ts';
import { ReferenceGram } from './gram/reference.ts';
import { addLevelSumsReference } from './level-sums/reference.ts';
import { subtractProductReference } from './product/reference.ts';
import { descendRowsReference, roundRowsReference } from './rounding/reference.ts';

/** The readable set: loops that define every result. Slow, and kept for ever. */
export function createReferenceLinearAlgebra(): LinearAlgebra {
  return {
    name: 'reference',
    gram: (rowsA, rowsB) => new ReferenceGram(rowsA, rowsB),
    ...choleskyOperations({ cholesky: choleskyReference, substitute: substituteReference }),
    roundRows: roundRowsReference,
    descendRows: descendRowsReference,
    subtractProduct: subtractProductReference,
    addLevelSums: addLevelSumsReference,
    dispose() {},
  };
}
