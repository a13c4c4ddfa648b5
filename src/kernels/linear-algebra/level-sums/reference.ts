import type { CodedRows } from '../contract.ts';
import { checkLevelSums } from './check.ts';

/** The definition of `addLevelSums`. */
export function addLevelSumsReference(
  coded: CodedRows,
  hessian: Float64Array,
  n: number,
  from: number,
  sums: Float64Array,
): void {
  const step = checkLevelSums(coded, hessian, n, from, sums);
  const { rows, columns, codes, size } = coded;
  for (let row = 0; row < rows; row++) {
    const own = codes.subarray(row * columns, (row + 1) * columns);
    const total = sums.subarray(row * step, row * step + size * size);
    for (let k = 0; k < columns; k++) {
      const below = new Float64Array(size);
      for (let j = k + 1; j < columns; j++) below[own[j]] += hessian[(from + j) * n + from + k];
      const code = own[k];
      total[code * size + code] += hessian[(from + k) * (n + 1)];
      for (let c = 0; c < size; c++) {
        total[c * size + code] += below[c];
        total[code * size + c] += below[c];
      }
    }
  }
}
