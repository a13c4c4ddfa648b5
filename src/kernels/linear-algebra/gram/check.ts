import { checkMatrix } from '../check.ts';
import type { Gram } from '../contract.ts';

/** Throws RangeError unless the arrays of `add` are those that the matrix needs. */
export function checkAdded(gram: Gram, a: Float32Array, length: number, b: Float32Array | undefined): void {
  if (gram.isSymmetric !== (b === undefined)) {
    throw new RangeError(`linear algebra: expected ${gram.isSymmetric ? 'one array' : 'two arrays'} of rows`);
  }
  checkMatrix('a', a, gram.rowsA, length);
  if (b !== undefined) checkMatrix('b', b, gram.rowsB, length);
}
