import type { Gram } from '../contract.ts';

/** Throws RangeError unless the arrays of `add` are those that the matrix needs. */
export function checkAdded(gram: Gram, a: Float32Array, length: number, b: Float32Array | undefined): void {
  if (gram.isSymmetric !== (b === undefined)) {
    throw new RangeError(`gram: expected ${gram.isSymmetric ? 'one array' : 'two arrays'}`);
  }
  for (const [name, array, rows] of [
    ['a', a, gram.rowsA],
    ['b', b ?? a, gram.rowsB],
  ] as const) {
    if (array.length !== rows * length) {
      throw new RangeError(
        `gram: ${name} has ${array.length} elements, expected ${rows} × ${length} = ${rows * length}`,
      );
    }
  }
}
