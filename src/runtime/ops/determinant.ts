import { BnnqError } from '../../errors.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import type { Operator } from '../call.ts';
import { shapeText } from '../shapes.ts';
import type { OperatorTable } from './operator-table.ts';

/** The determinant of the matrix [n, n], which is overwritten: elimination with the largest pivot of each column. */
function determinantOf(a: Float64Array, n: number): number {
  let product = 1;
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let row = column + 1; row < n; row++)
      if (Math.abs(a[row * n + column]!) > Math.abs(a[pivot * n + column]!)) pivot = row;
    const head = a[pivot * n + column]!;
    if (head === 0) return 0;
    product *= pivot === column ? head : -head;
    for (let k = column; pivot !== column && k < n; k++) {
      const held = a[pivot * n + k]!;
      a[pivot * n + k] = a[column * n + k]!;
      a[column * n + k] = held;
    }
    for (let row = column + 1; row < n; row++) {
      const factor = a[row * n + column]! / head;
      for (let k = column + 1; k < n; k++) a[row * n + k]! -= factor * a[column * n + k]!;
    }
  }
  return product;
}

/** [*, M, M] to [*], computed in float64. */
const det: Operator = (call) => {
  const x = call.input(0);
  const n = x.shape.at(-1);
  if (n === undefined || x.shape.at(-2) !== n)
    throw new BnnqError('mismatch', `expected square matrices, got ${shapeText(x.shape)}`);
  const outer = x.shape.slice(0, -2);
  const y = call.allocate(x.dtype, outer);
  const from = x.data as Float32Array;
  const to = y.data as Float32Array;
  for (let i = 0; i < sizeOf(outer); i++)
    to[i] = determinantOf(Float64Array.from(from.subarray(i * n * n, (i + 1) * n * n)), n);
  return y;
};

export const DETERMINANTS: OperatorTable = { Det: { 11: det } };
