import { BnnqError } from '../../errors.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import { broadcast, broadcastShape, eachRun } from '../broadcast.ts';
import { expectAtMost, shapeText } from '../shapes.ts';

/** The matrices of a product as NumPy's matmul pairs them: a [M,K], b [K,N], by their numbers. */
export interface MatrixPairs {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  /** Shape of the product. */
  readonly shape: readonly number[];
  /** Which matrix of a, and of b, each matrix of the result is made from. */
  readonly left: readonly number[];
  readonly right: readonly number[];
  /** How many matrices a and b have. */
  readonly lefts: number;
  readonly rights: number;
}

/** Most pairs of a product. Two small operands may broadcast to any number, and the list of pairs is made before the result is. */
const MAX_PAIRS = 2 ** 24;

/**
 * Vectors gain an axis, the axes before the last two broadcast.
 * @throws mismatch for shapes that cannot be multiplied, limit for too many pairs
 */
export function matrixPairs(a: readonly number[], b: readonly number[]): MatrixPairs {
  const misfit = new BnnqError('mismatch', `cannot multiply ${shapeText(a)} by ${shapeText(b)}`);
  if (a.length === 0 || b.length === 0) throw misfit;
  const rows = a.length === 1 ? [1, ...a] : a;
  const columns = b.length === 1 ? [...b, 1] : b;
  const [m, k, n] = [rows.at(-2)!, rows.at(-1)!, columns.at(-1)!];
  if (columns.at(-2) !== k) throw misfit;
  const [outerA, outerB] = [rows.slice(0, -2), columns.slice(0, -2)];
  const outer = broadcastShape(outerA, outerB);
  const shape = [...outer, ...(a.length > 1 ? [m] : []), ...(b.length > 1 ? [n] : [])];
  expectAtMost(MAX_PAIRS, sizeOf(outer), 'products of matrices');
  const plan = broadcast(outer, [outerA, outerB]);
  const [left, right]: [number[], number[]] = [[], []];
  const length = plan.dims.at(-1)!;
  eachRun(plan, (_, [p, q]) => {
    for (let i = 0; i < length; i++) {
      left.push(p! + i * plan.strides[0]!.at(-1)!);
      right.push(q! + i * plan.strides[1]!.at(-1)!);
    }
  });
  return { m, k, n, shape, left, right, lefts: sizeOf(outerA), rights: sizeOf(outerB) };
}
