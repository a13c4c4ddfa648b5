/**
 * What follows from the two primitives, factorization and forward substitution, by turning matrices round. Both sets share
 * this. Let P reverse the order; P·M·P is M with rows and columns reversed.
 */
export interface Primitives {
  /** A = L·Lᵀ in place, see `choleskyReference`. */
  cholesky(matrix: Float64Array, n: number): number;
  /** y · Lᵀ = r in place, see `substituteReference`; `isUpper` says that row i is zero before column i. */
  substitute(factor: Float64Array, n: number, rows: Float64Array, m: number, isUpper: boolean): void;
}

/**
 * The upper triangular U with H⁻¹ = Uᵀ·U, without forming the inverse. Factor P·H·P = L·Lᵀ. Then
 *
 *     H = (P·L·P)·(P·Lᵀ·P) = R·Rᵀ   with R = P·L·P, which is upper triangular,
 *     H⁻¹ = R⁻ᵀ·R⁻¹ = Uᵀ·U          with U = R⁻¹ = P·L⁻¹·P.
 *
 * Substituting the rows of the identity, Y·Lᵀ = I, gives Y = L⁻ᵀ, so U = P·Yᵀ·P. That is n³/6 products for the factor and
 * n³/6 for Y, half of what it takes to factor, to invert, and to factor the inverse.
 *
 * @returns −1, or the index of a pivot that is not positive and finite (they are tried from the last to the first)
 */
export function upperCholeskyOfInverse(
  { cholesky, substitute }: Primitives,
  matrix: Float64Array,
  n: number,
  upper: Float64Array,
): number {
  const factor = matrix.slice().reverse();
  const failed = cholesky(factor, n);
  if (failed >= 0) return n - 1 - failed;
  const identity = new Float64Array(n * n);
  for (let i = 0; i < n; i++) identity[i * n + i] = 1;
  substitute(factor, n, identity, n, true);
  reverseTransposed(identity, n, upper);
  return -1;
}

/**
 * X·H = R for m rows, in place, with H = L·Lᵀ. Row by row: y·Lᵀ = r by forward substitution, then x·L = y. Reversed,
 * (x·P)·(P·L·P) = y·P, and P·L·P is the transposed of the lower triangular P·Lᵀ·P: a forward substitution again.
 */
export function solveCholesky(
  { substitute }: Primitives,
  factor: Float64Array,
  n: number,
  rows: Float64Array,
  m: number,
): void {
  substitute(factor, n, rows, m, false);
  reverseRows(rows, n, m);
  const reversed = new Float64Array(n * n);
  reverseTransposed(factor, n, reversed);
  substitute(reversed, n, rows, m, false);
  reverseRows(rows, n, m);
}

/** P·Mᵀ·P, the matrix mirrored at its other diagonal. */
function reverseTransposed(matrix: Float64Array, n: number, out: Float64Array): void {
  const last = n - 1;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) out[(last - j) * n + (last - i)] = matrix[i * n + j];
  }
}

function reverseRows(rows: Float64Array, n: number, m: number): void {
  for (let i = 0; i < m; i++) rows.subarray(i * n, (i + 1) * n).reverse();
}
