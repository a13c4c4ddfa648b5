import { BnnqError } from '../../../errors.ts';
import type { PreparedWeights } from '../../../kernels/contract.ts';
import { sizeOf, type Tensor } from '../../../tensor/tensor.ts';
import type { Call, Operator } from '../../call.ts';
import { ConstantTensor } from '../../constants.ts';
import { declaredType } from '../../declared-type.ts';
import { withWeights } from '../../weight-rows.ts';
import { halfRounding } from '../../widen.ts';
import { type MatrixPairs, matrixPairs } from '../matrix-pairs.ts';
import type { OperatorTable } from '../operator-table.ts';
import { requantize } from './requantize.ts';
import { EXACT_SUM, LARGEST_BYTE, single, zerosOf } from './zero-point.ts';

/** A number for every row or column of every matrix: one for all, one a row (or column), or one each. */
class PerVector {
  readonly #values: ArrayLike<number>;
  readonly #vectors: number;

  constructor(values: ArrayLike<number>, vectors: number, matrices: number, what: string) {
    if (![1, vectors, vectors * matrices].includes(values.length))
      throw new BnnqError('mismatch', `${values.length} ${what} for ${matrices} matrices of ${vectors}`);
    this.#values = values;
    this.#vectors = vectors;
  }

  of(matrix: number, vector: number): number {
    const count = this.#values.length;
    if (count === 1) return this.#values[0]!;
    return this.#values[count === this.#vectors ? vector : matrix * this.#vectors + vector]!;
  }
}

/** Products that can be summed exactly in float32, whatever the elements. */
const CHUNK = Math.floor(EXACT_SUM / LARGEST_BYTE ** 2);

export interface Operands {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly pairs: MatrixPairs;
  readonly aZeros: PerVector;
  readonly bZeros: PerVector;
  /** Whether b is one matrix that is given as its transpose, [N,K]. */
  readonly isTransposed: boolean;
  /** Set where b is one constant matrix whose layout may be kept: what stands for its zero points. */
  readonly key: string | undefined;
}

/** The operands of a product of 8-bit matrices with their zero points. */
export function operandsOf(
  a: Tensor,
  aZero: Tensor | undefined,
  b: Tensor,
  bZero: Tensor | undefined,
  isTransposed = false,
): Operands {
  const pairs = matrixPairs(a.shape, isTransposed ? b.shape.toReversed() : b.shape);
  const aZeros = zerosOf(a, aZero);
  const bZeros = zerosOf(b, bZero);
  const isKept = b instanceof ConstantTensor && (bZero === undefined || bZero instanceof ConstantTensor);
  return {
    a,
    b,
    pairs,
    aZeros: new PerVector(aZeros, pairs.m, pairs.lefts, 'zero points of rows'),
    bZeros: new PerVector(bZeros, pairs.n, pairs.rights, 'zero points of columns'),
    isTransposed,
    key: isKept && pairs.rights === 1 ? `${isTransposed}/${bZeros.join()}` : undefined,
  };
}

/** INT32 [.., M, N]: Σ (a − a₀)(b − b₀), wrapped around. */
export function sumsOf(call: Call, operands: Operands): Tensor {
  const { pairs } = operands;
  const total = call.allocate('INT32', pairs.shape);
  const { m, k, n } = pairs;
  (total.data as Int32Array).fill(0);
  if (sizeOf(pairs.shape) === 0) return total;
  // One constant matrix multiplies all rows of a at once.
  const isLayer = operands.key !== undefined;
  const batches = isLayer ? 1 : pairs.left.length;
  const rows = isLayer ? pairs.left.length * m : m;
  const part = call.allocate('FLOAT', [rows, n]);
  for (let from = 0; from < k; from += CHUNK) {
    const count = Math.min(CHUNK, k - from);
    const left = call.allocate('FLOAT', [rows, count]);
    const right = isLayer ? undefined : call.allocate('FLOAT', [count, n]);
    for (let i = 0; i < batches; i++) {
      shiftRows(operands, i, left, from, count);
      if (right === undefined) multiplyLayer(call, operands, left, part, from, count);
      else {
        shiftColumns(operands, pairs.right[i]!, right.data as Float32Array, n, 1, from, count);
        const [p, q] = [left.data as Float32Array, right.data as Float32Array];
        call.kernels.matmul(p, q, part.data as Float32Array, m, count, n);
      }
      const sums = (total.data as Int32Array).subarray(i * rows * n, (i + 1) * rows * n);
      const exact = part.data as Float32Array;
      for (let j = 0; j < sums.length; j++) sums[j] = sums[j]! + exact[j]!;
    }
    call.release(left);
    if (right !== undefined) call.release(right);
  }
  call.release(part);
  return total;
}

/** a − a₀ for columns `from … from + count`, of batch i or, for a layer, of all of them. */
function shiftRows({ a, pairs, aZeros, key }: Operands, i: number, to: Tensor, from: number, count: number) {
  const { m, k, left } = pairs;
  const source = a.data as Uint8Array;
  const target = to.data as Float32Array;
  const rows = to.shape[0]!;
  for (let row = 0; row < rows; row++) {
    const matrix = left[key === undefined ? i : Math.floor(row / m)]!;
    const zero = aZeros.of(matrix, row % m);
    const start = (matrix * m + (row % m)) * k + from;
    for (let j = 0; j < count; j++) target[row * count + j] = source[start + j]! - zero;
  }
}

/** b − b₀ for rows `from … from + count` of a matrix; element (r, c) goes to r·rowStep + c·columnStep. */
function shiftColumns(
  { b, pairs, bZeros, isTransposed }: Operands,
  matrix: number,
  to: Float32Array,
  rowStep: number,
  columnStep: number,
  from: number,
  count: number,
): void {
  const { k, n } = pairs;
  const source = b.data as Uint8Array;
  const zeros = Float32Array.from({ length: n }, (_, column) => bZeros.of(matrix, column));
  for (let r = 0; r < count; r++) {
    const start = isTransposed ? from + r : (matrix * k + from + r) * n;
    const step = isTransposed ? k : 1;
    for (let c = 0; c < n; c++) to[r * rowStep + c * columnStep] = source[start + c * step]! - zeros[c]!;
  }
}

function multiplyLayer(
  call: Call,
  operands: Operands,
  x: Tensor,
  y: Tensor,
  from: number,
  count: number,
): void {
  const { n } = operands.pairs;
  const make = (): PreparedWeights => {
    const values = new Float32Array(n * count);
    shiftColumns(operands, 0, values, 1, count, from, count);
    return call.kernels.prepareLinear({ kind: 'float', values }, n, count);
  };
  withWeights(operands.b, `integer/matmul/${from}-${count}/${operands.key}`, make, (weights) => {
    call.kernels.linear(x.data as Float32Array, weights, y.data as Float32Array, x.shape[0]!, {});
  });
}

/** INT32 sums of A and B less their zero points. */
const matMulInteger: Operator = (call) =>
  sumsOf(call, operandsOf(call.input(0), call.optional(2), call.input(1), call.optional(3)));

/** Inputs a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero. */
const qLinearMatMul: Operator = (call) => {
  const operands = operandsOf(call.input(0), call.optional(2), call.input(3), call.optional(5));
  const { m, n, left, right, lefts, rights } = operands.pairs;
  const aScales = new PerVector(
    Float32Array.from(call.input(1).data as Float32Array),
    m,
    lefts,
    'scales of rows',
  );
  const bScales = new PerVector(
    Float32Array.from(call.input(4).data as Float32Array),
    n,
    rights,
    'scales of columns',
  );
  const yScale = single(call.input(6), 'output scales');
  const yZero = call.optional(7);
  const zero = yZero === undefined ? 0 : single(yZero, 'output zero points');
  const dtype = yZero?.dtype ?? operands.a.dtype;
  if (dtype !== 'INT8' && dtype !== 'UINT8') throw new BnnqError('unsupported', `output of type ${dtype}`);
  const round = halfRounding(declaredType(call, 1)) ?? Math.fround;
  const isOne = sizeOf(call.input(4).shape) === 1;
  const sums = sumsOf(call, operands);
  const y = call.allocate(dtype, sums.shape);
  const from = sums.data as Int32Array;
  const to = y.data as Int8Array;
  for (let row = 0; row < left.length * m; row++) {
    const batch = Math.floor(row / m);
    const aScale = aScales.of(left[batch]!, row % m);
    for (let c = 0; c < n; c += isOne ? n : 1) {
      const factor = round(round(aScale * bScales.of(right[batch]!, c)) / yScale);
      requantize(from, 0, factor, zero, dtype, to, row * n + c, isOne ? n : 1);
    }
  }
  call.release(sums);
  return y;
};

export const INTEGER_PRODUCTS: OperatorTable = {
  MatMulInteger: { 10: matMulInteger },
  QLinearMatMul: { 10: qLinearMatMul },
};
