import type { Epilogue } from '../contract.ts';
import { applyEpilogue } from '../epilogue.ts';
import type { HeapRows } from '../rows.ts';

/** The definition of a fully connected layer: y [batch, rows] = x [batch, columns] · weightsᵀ, k ascending. */
export function linearReference(
  x: Float32Array,
  weights: HeapRows,
  y: Float32Array,
  batch: number,
  epilogue: Epilogue,
): void {
  const { rows, columns } = weights;
  const scratch = new Float32Array(columns);
  for (let r = 0; r < rows; r++) {
    const row = weights.row(r, scratch);
    for (let n = 0; n < batch; n++) {
      let sum = 0;
      for (let k = 0; k < columns; k++) sum = Math.fround(sum + Math.fround(row[k] * x[n * columns + k]));
      y[n * rows + r] = applyEpilogue(sum, epilogue, r, n * rows + r);
    }
  }
}
