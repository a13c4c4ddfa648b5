import { isInRowOrder, type QuantizedTensor, type RowLayout } from '../ir/quantized-tensor.ts';
import type { PreparedWeights, WeightRows } from '../kernels/contract.ts';
import { sizeOf, type Tensor } from '../tensor/tensor.ts';
import { codedRowRange, codedRows } from './coded-rows.ts';
import { ConstantTensor } from './constants.ts';
import { widen } from './widen.ts';

/** Whether the codes of a weight lie in rows of its first axes, one in convolutions [M,C,h,w] and matrices [N,K]. */
function hasLeadingRows(q: QuantizedTensor, axes: number): boolean {
  return (
    q.rows * q.columns === sizeOf(q.shape) &&
    q.rows === sizeOf(q.shape.slice(0, axes)) &&
    isInRowOrder(q.layout)
  );
}

/** Whether the codes of a matrix [K,N] lie in N rows of K columns. */
function hasColumnRows(q: QuantizedTensor): boolean {
  return q.shape.length === 2 && q.rows === q.shape[1] && isTransposed(q.layout);
}

/** Rows are the last axes of the split, columns the first ones, each in their order. */
function isTransposed({ perm, rowAxes }: RowLayout): boolean {
  const columnAxes = perm.length - rowAxes;
  return perm.every((axis, i) => axis === (i < rowAxes ? columnAxes + i : i - rowAxes));
}

/**
 * The elements as floats, where they are needed as such only for a moment. Those of a computed tensor are a copy: to lay
 * weights out takes memory, which detaches views of the heap.
 */
export function transientFloats(tensor: Tensor): Float32Array {
  if (tensor instanceof ConstantTensor) return widen(tensor.initializer.read()).data as Float32Array;
  return (tensor.data as Float32Array).slice();
}

/** The rows of a weight whose first axis is the output: its codes if it is discretized, else its floats. */
export function rowsOfFirstAxis(weight: Tensor): WeightRows {
  const q = weight instanceof ConstantTensor ? weight.initializer.quantized : undefined;
  if (q !== undefined && hasLeadingRows(q, 1)) return codedRows(q);
  return { kind: 'float', values: transientFloats(weight) };
}

/** Rows `start` to `end` of a stack of matrices [D,N,K], counted through all of them: its codes if it is discretized, else its floats. */
export function rowsOfStack(weight: Tensor, start: number, end: number): WeightRows {
  const q = weight instanceof ConstantTensor ? weight.initializer.quantized : undefined;
  if (q !== undefined && hasLeadingRows(q, 2)) return codedRowRange(codedRows(q), q.rows, start, end);
  const columns = weight.shape.at(-1)!;
  return { kind: 'float', values: transientFloats(weight).subarray(start * columns, end * columns) };
}

/** The rows of a matrix [K,N] whose second axis is the output. */
export function rowsOfColumns(weight: Tensor): WeightRows {
  const q = weight instanceof ConstantTensor ? weight.initializer.quantized : undefined;
  if (q !== undefined && hasColumnRows(q)) return codedRows(q);
  const [k, n] = weight.shape as [number, number];
  return { kind: 'float', values: transposeMatrix(transientFloats(weight), k, n) };
}

/** [columns, rows] of [rows, columns]. */
export function transposeMatrix(values: Float32Array, rows: number, columns: number): Float32Array {
  const transposed = new Float32Array(values.length);
  for (let r = 0, at = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) transposed[c * rows + r] = values[at++]!;
  return transposed;
}

/** Weights of a constant are prepared once and kept; those of a computed operand for this one call. */
export function withWeights(
  weight: Tensor,
  key: string,
  make: () => PreparedWeights,
  use: (weights: PreparedWeights) => void,
): void {
  if (weight instanceof ConstantTensor) {
    use(weight.prepare(key, make));
    return;
  }
  const weights = make();
  try {
    use(weights);
  } finally {
    weights.release();
  }
}
