/**
 * The definition of the factorization A = L·Lᵀ, in place: L_ij = (A_ij − Σ_{k<j} L_ik·L_jk) ÷ L_jj, the products subtracted
 * one after the other in ascending k, and the square root on the diagonal. Only the lower triangle of A is read; that above
 * the diagonal becomes 0.
 *
 * @returns −1, or the index of the first pivot that is not positive and finite; then the matrix is undefined
 */
export function choleskyReference(matrix: Float64Array, n: number): number {
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let v = matrix[i * n + j];
      for (let k = 0; k < j; k++) v -= matrix[i * n + k] * matrix[j * n + k];
      if (i > j) {
        matrix[i * n + j] = v / matrix[j * n + j];
        matrix[j * n + i] = 0;
      } else if (v > 0 && v < Number.POSITIVE_INFINITY) {
        matrix[j * n + j] = Math.sqrt(v);
      } else {
        return j;
      }
    }
  }
  return -1;
}

/**
 * The definition of forward substitution for m rows, in place: y · Lᵀ = r, that is y_j = (r_j − Σ_{k<j} y_k·L_jk) ÷ L_jj, the
 * products subtracted one after the other in ascending k.
 */
export function substituteReference(factor: Float64Array, n: number, rows: Float64Array, m: number): void {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let v = rows[i * n + j];
      for (let k = 0; k < j; k++) v -= rows[i * n + k] * factor[j * n + k];
      rows[i * n + j] = v / factor[j * n + j];
    }
  }
}
