import type { LinearAlgebra } from './contract.ts';
import { ReferenceGram } from './gram/reference.ts';

/** The readable set: loops that define every result. Slow, and kept for ever. */
export function createReferenceLinearAlgebra(): LinearAlgebra {
  return {
    name: 'reference',
    gram: (rowsA, rowsB) => new ReferenceGram(rowsA, rowsB),
    dispose() {},
  };
}
