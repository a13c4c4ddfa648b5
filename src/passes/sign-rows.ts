/** Weights of ±a, by row. */
export interface SignRows {
  /** [rows, columns]: 1 where a weight is below 0, else 0. */
  readonly negative: Uint8Array;
  /** a of each row. */
  readonly sizes: Float32Array;
}

/**
 * Weights as signs and one size a row; undefined where a row has two sizes, a 0, or nothing.
 * @param isRows whether the first axis of the shape is the output; else the weight is a matrix [columns, rows]
 */
export function signsOfRows(
  values: Float32Array,
  shape: readonly number[],
  isRows: boolean,
): SignRows | undefined {
  const rows = shape[isRows ? 0 : 1] ?? 0;
  const columns = rows === 0 ? 0 : values.length / rows;
  if (rows === 0 || columns === 0) return undefined;
  const negative = new Uint8Array(values.length);
  const sizes = new Float32Array(rows);
  for (let r = 0, i = 0; r < rows; r++) {
    const size = Math.abs(values[isRows ? i : r]!);
    if (!(size > 0 && size < Number.POSITIVE_INFINITY)) return undefined;
    sizes[r] = size;
    for (let c = 0; c < columns; c++, i++) {
      const value = values[isRows ? i : c * rows + r]!;
      if (Math.abs(value) !== size) return undefined;
      if (value < 0) negative[i] = 1;
    }
  }
  return { negative, sizes };
}
