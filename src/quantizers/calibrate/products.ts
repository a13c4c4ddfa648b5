/** Rows that are multiplied at a time, so that a line of the matrix is read from memory once for all of them. */
const ROWS = 8;

/** rows · matrix: [count, n] times a matrix [n, n], the products of each element summed in ascending order. */
export function rowsTimesMatrix(rows: Float64Array, matrix: Float64Array, n: number): Float64Array {
  const result = new Float64Array(rows.length);
  const count = rows.length / n;
  for (let first = 0; first < count; first += ROWS) {
    const last = Math.min(count, first + ROWS);
    for (let j = 0; j < n; j++) {
      const line = matrix.subarray(j * n, (j + 1) * n);
      for (let r = first; r < last; r++) {
        const factor = rows[r * n + j]!;
        if (factor !== 0) addMultiple(result.subarray(r * n, (r + 1) * n), factor, line);
      }
    }
  }
  return result;
}

/** sum += factor · line, as far as the line reaches. */
export function addMultiple(sum: Float64Array, factor: number, line: Float64Array): void {
  for (let k = 0; k < line.length; k++) sum[k]! += factor * line[k]!;
}
