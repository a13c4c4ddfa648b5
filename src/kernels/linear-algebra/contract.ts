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

  /**
   * GPTQ: rounds the columns of each row one after the other, and after each moves the columns that are still to come so that
   * they make up for its error. In the order `order`, with w the row in that order and U = `upper`:
   *
   *     q_p = the level nearest to w_p,   e_p = (w_p − q_p) ÷ U_pp,   w_s −= e_p · U_ps for all s > p
   *
   * @param upper U with H⁻¹ = UᵀU, where H has its rows and columns in the order of rounding (`upperCholeskyOfInverse`)
   * @param order columns in the order of rounding; ascending where it is left out
   * @param places [rows, columns], set to the places of the levels taken
   * @returns the loss of each row, (q − w)·H·(q − w)ᵀ = Σ e_p² (p ascending)
   */
  roundRows(problem: RowProblem, upper: Float64Array, places: Uint8Array, order?: Uint32Array): Float64Array;

  /**
   * Coordinate descent on the loss (v − w)·H·(v − w)ᵀ of each row, where v are the levels at `places` and w the weights. A
   * sweep visits the columns j in the order `order`: the level nearest to v_j − g_j ÷ H_jj, with g = H·(v − w), is taken in
   * place of v_j if the loss changes by less than −tolerance·δ²·H_jj, δ being the step. That is never a rise, and a tie changes
   * nothing. Columns with H_jj ≤ 0 are left alone. A row is done after a sweep without changes.
   *
   * @param hessian H [columns, columns], symmetric, in the order of the columns
   * @param places [rows, columns], changed in place
   */
  descendRows(
    problem: RowProblem,
    hessian: Float64Array,
    places: Uint8Array,
    options: DescentOptions,
  ): Descent;

  /**
   * C −= A·B in place, for C [m, p], A [m, n] and B [n, p]: each element takes the products one after the other in ascending
   * order, each rounded.
   */
  subtractProduct(c: Float64Array, a: Float64Array, b: Float64Array, m: number, n: number, p: number): void;

  /**
   * Sums H over pairs of columns by their codes. For every row,
   *
   *     T_cd += Σ H_ij over all i, j with code_i = c, code_j = d
   *
   * The order: for each column k let S_ck be the sum of H_jk over the j > k of code c, from +0 in ascending j. Then in ascending
   * k, with d the code of k, T_dd takes H_kk, and for each c first T_cd takes S_ck, then T_dc.
   *
   * @param hessian H [n, n], symmetric, only its lower triangle is read; column 0 of the rows is its column `from`
   * @param sums T, [rows, size, size], or [size, size] to which all rows are added in turn
   */
  addLevelSums(rows: CodedRows, hessian: Float64Array, n: number, from: number, sums: Float64Array): void;

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

/** Rows of weights, and the levels that they may take. */
export interface RowProblem {
  readonly rows: number;
  readonly columns: number;
  /** [rows, columns] */
  readonly weights: Float64Array;
  readonly lists: LevelLists;
}

/**
 * Lists of `size` levels each, ascending float32 values; a shorter list is filled up with Infinity. A *place* is an index
 * in a list. List t of row r starts at (stride·r + t) · size, so stride 0 shares the lists among all rows.
 *
 * Half-way between two levels a value takes the one of larger size, and of two of the same size the positive one.
 */
export interface LevelLists {
  readonly levels: Float64Array;
  /** 1 to 256. */
  readonly size: number;
  readonly stride: number;
  /** The list of each column; list 0 where it is left out. */
  readonly listOf?: Uint32Array | undefined;
}

/** Rows of codes, one for each column. */
export interface CodedRows {
  readonly rows: number;
  readonly columns: number;
  /** [rows, columns], each below `size`. */
  readonly codes: Uint8Array;
  /** 1 to 256. */
  readonly size: number;
}

export interface DescentOptions {
  /** Most sweeps over a row. */
  readonly sweeps: number;
  /** Default 1e-9: what float64 may lose on the way, and far below any gain. */
  readonly tolerance?: number | undefined;
  readonly order?: Uint32Array | undefined;
}

export interface Descent {
  /** How many times a weight took another level. */
  readonly changes: number;
  /** The loss of each row at the end: Σ (v_j − w_j)·g_j, j ascending. */
  readonly losses: Float64Array;
  /** By how much the loss of each row fell, the sum of the changes in their order. */
  readonly decreases: Float64Array;
}
