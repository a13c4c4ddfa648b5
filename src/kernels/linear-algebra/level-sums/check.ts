import { checkMatrix } from '../check.ts';
import type { CodedRows } from '../contract.ts';

/**
 * Throws RangeError unless the arrays fit together and the codes lie below `size`.
 *
 * @returns how far the sums of a row are from those of the next, 0 where all rows share them
 */
export function checkLevelSums(
  { rows, columns, codes, size }: CodedRows,
  hessian: Float64Array,
  n: number,
  from: number,
  sums: Float64Array,
): number {
  checkMatrix('codes', codes, rows, columns);
  checkMatrix('hessian', hessian, n, n);
  if (!(Number.isInteger(from) && from >= 0 && from + columns <= n)) {
    throw new RangeError(
      `linear algebra: expected columns among the ${n} of the hessian, got ${columns} from ${from} on`,
    );
  }
  if (!(Number.isInteger(size) && size >= 1 && size <= 256)) {
    throw new RangeError(`linear algebra: expected 1 to 256 codes, got ${size}`);
  }
  for (let i = 0; i < codes.length; i++) {
    if (codes[i] >= size) {
      throw new RangeError(`linear algebra: expected codes below ${size}, got ${codes[i]} at ${i}`);
    }
  }
  const square = size * size;
  if (sums.length === square) return 0;
  checkMatrix('sums', sums, rows, square);
  return square;
}
