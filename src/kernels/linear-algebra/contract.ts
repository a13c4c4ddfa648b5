/**
 * Float64 linear algebra for calibrated quantization. As with `Kernels` there are two sets, `reference` (readable loops
 * that define every result) and `simd` (WebAssembly SIMD128), equal to the bit for finite input. Matrices are dense and
 * row-major. Arrays may lie anywhere: they are copied into the heap of the set and back.
 */
export interface LinearAlgebra {
  readonly name: 'reference' | 'simd';

  /** A matrix of zeros [rowsA, rowsB] that sums products of rows; without `rowsB` the rows are multiplied by themselves. */
  gram(rowsA: number, rowsB?: number): Gram;

  /**
   * Factors a symmetric matrix [n, n], A = L·Lᵀ, in place; only the lower triangle is read, that above the diagonal becomes 0.
   *
   * @returns −1, or the index of the first pivot that is not positive and finite; then the content is undefined
   */
  cholesky(matrix: Float64Array, n: number): number;

  /** Replaces each row r of `rows` [m, n] by the x with x·H = r, where `factor` is the L of H = L·Lᵀ. */
  solveCholesky(factor: Float64Array, n: number, rows: Float64Array, m: number): void;

  /**
   * Writes the upper triangular U with H⁻¹ = Uᵀ·U to `upper` [n, n]: what GPTQ calls the Cholesky factor of the inverse
   * Hessian. `matrix` is left as it is; only its upper triangle is read.
   *
   * @returns −1, or the index of a pivot that is not positive and finite; then `upper` is left as it was
   */
  upperCholeskyOfInverse(matrix: Float64Array, n: number, upper: Float64Array): number;

  /** Frees what the set holds, its `Gram`s included. */
  dispose(): void;
}

/**
 * Sums of products of rows of float32: G[i, j] = Σ_n a[i, n] · b[j, n] over all calls of `add`.
 *
 * Definition: within a call n runs in chunks of 128; the products of a chunk are rounded to float32 and summed in float32
 * from +0 in ascending n; the sum is added to G in float64. So the bits depend on how the columns are cut into calls.
 */
export interface Gram {
  readonly rowsA: number;
  readonly rowsB: number;
  /** Whether b is a. Then only one triangle is computed and kept. */
  readonly isSymmetric: boolean;
  /** Adds the products of a [rowsA, length] and b [rowsB, length]; b is left out where the matrix is symmetric. */
  add(a: Float32Array, length: number, b?: Float32Array): void;
  /** A copy [rowsA, rowsB], both triangles. */
  result(): Float64Array;
  dispose(): void;
}
