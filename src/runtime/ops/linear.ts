import { BnnqError } from '../../errors.ts';
import type { PreparedWeights } from '../../kernels/contract.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { ConstantTensor } from '../constants.ts';
import { shapeText } from '../shapes.ts';
import { rowsOfColumns, rowsOfFirstAxis, transposeMatrix, withWeights } from '../weight-rows.ts';
import { binaryInto } from './elementwise.ts';
import { addAndClamp, epilogueOf, isWholeTail, type Tail, tailOf } from './epilogue.ts';
import { matmulAnyType } from './matmul-any-type.ts';
import { matrixPairs } from './matrix-pairs.ts';
import type { OperatorTable } from './operator-table.ts';
import { POINTWISE } from './window.ts';

/**
 * x [..., K] times a matrix as a layer: `w` [N,K] if `isRows`, else [K,N]; then the tail, whose channel is the last axis.
 */
export function linearLayer(call: Call, x: Tensor, w: Tensor, isRows: boolean, tail: Tail): Tensor {
  const [rows, columns] = isRows ? [w.shape[0]!, w.shape[1]!] : [w.shape[1]!, w.shape[0]!];
  if (x.shape.at(-1) !== columns)
    throw new BnnqError('mismatch', `cannot multiply ${shapeText(x.shape)} by ${shapeText(w.shape)}`);
  const shape = x.shape.with(-1, rows);
  const isWhole = isWholeTail(tail, shape);
  const y = call.allocate('FLOAT', shape);
  const batch = sizeOf(shape) / Math.max(rows, 1);
  const make = (): PreparedWeights =>
    call.kernels.prepareLinear(isRows ? rowsOfFirstAxis(w) : rowsOfColumns(w), rows, columns);
  withWeights(w, isRows ? 'linear/rows' : 'linear/columns', make, (weights) => {
    const epilogue = epilogueOf(tail, rows, isWhole);
    call.kernels.linear(x.data as Float32Array, weights, y.data as Float32Array, batch, epilogue);
  });
  return isWhole ? y : addAndClamp(call, y, tail);
}

/** bnnq.Linear: X [..., K], W a constant matrix, [N,K] with transB 1, else [K,N]. */
const fusedLinear: Operator = (call) =>
  linearLayer(call, call.input(0), call.input(1), call.int('transB', 0) !== 0, tailOf(call));

/** alpha·A′·B′ + beta·C, C broadcast. */
const gemm: Operator = (call) => {
  const a = call.input(0);
  const b = call.input(1);
  const c = call.optional(2);
  const alpha = call.float('alpha', 1);
  const beta = call.float('beta', 1);
  const isRows = call.int('transB', 0) !== 0;
  const isPlain = a.dtype === 'FLOAT' && call.int('transA', 0) === 0 && alpha === 1;
  if (isPlain && (c === undefined || (beta === 1 && isBias(c, b.shape[isRows ? 0 : 1]!))))
    return linearLayer(call, a, b, isRows, { bias: c });
  return generalGemm(call, alpha, beta);
};

/** Whether C is one value a column: [N] or [1,N]. */
function isBias(c: Tensor, columns: number): boolean {
  return sizeOf(c.shape) === columns && c.shape.at(-1) === columns;
}

function generalGemm(call: Call, alpha: number, beta: number): Tensor {
  const a = transposedIf(call.input(0), call.int('transA', 0) !== 0);
  const b = transposedIf(call.input(1), call.int('transB', 0) !== 0);
  const [m = 0, k = 0] = a.shape;
  const [k2, n = 0] = b.shape;
  if (k !== k2)
    throw new BnnqError('mismatch', `cannot multiply ${shapeText(a.shape)} by ${shapeText(b.shape)}`);
  const y = call.allocate(a.dtype, [m, n]);
  const c = call.optional(2);
  if (a.dtype === 'FLOAT')
    call.kernels.matmul(a.data as Float32Array, b.data as Float32Array, y.data as Float32Array, m, k, n);
  else matmulAnyType(a, b, y, [0], [0], m, k, n);
  const data = y.data as Float32Array;
  if (Array.isArray(data) || data instanceof BigInt64Array) {
    if (alpha !== 1 || beta !== 1) throw new BnnqError('unsupported', `alpha and beta for type ${a.dtype}`);
  } else if (alpha !== 1) for (let i = 0; i < data.length; i++) data[i]! *= alpha;
  if (c !== undefined) addScaled(call, y, c, beta);
  return y;
}

function addScaled(call: Call, y: Tensor, c: Tensor, beta: number): void {
  const sum = {
    kernel: 'add' as const,
    f: (a: number, b: number) => a + b,
    big: (a: bigint, b: bigint) => a + b,
  };
  if (beta === 1) {
    binaryInto(call, sum, y, c, y);
    return;
  }
  const scaled = Float32Array.from(c.data as Float32Array, (value) => value * beta);
  binaryInto(
    call,
    { ...sum, ...(y.dtype === 'FLOAT' ? {} : { kernel: undefined }) },
    y,
    { ...c, shape: c.shape, dtype: y.dtype, data: scaled },
    y,
  );
}

function transposedIf(matrix: Tensor, isTransposed: boolean): Tensor {
  if (matrix.shape.length !== 2)
    throw new BnnqError('mismatch', `expected a matrix, got ${shapeText(matrix.shape)}`);
  if (!isTransposed) return matrix;
  const [rows = 0, columns = 0] = matrix.shape;
  const shape = [columns, rows];
  if (matrix.data instanceof Float32Array)
    return { dtype: matrix.dtype, shape, data: transposeMatrix(matrix.data, rows, columns) };
  const from = matrix.data as Float64Array;
  const data = from.slice();
  for (let r = 0, at = 0; r < rows; r++) for (let c = 0; c < columns; c++) data[c * rows + r] = from[at++]!;
  return { dtype: matrix.dtype, shape, data };
}

const matmul: Operator = (call) => matmulOf(call, call.input(0), call.input(1));

/** NumPy's matmul: vectors gain an axis, the axes before the last two broadcast. A constant matrix is a layer. */
export function matmulOf(call: Call, a: Tensor, b: Tensor): Tensor {
  if (a.dtype === 'FLOAT' && b instanceof ConstantTensor && b.shape.length === 2 && a.shape.length >= 1)
    return linearLayer(call, a, b, false, {});
  if (b.dtype === 'FLOAT' && a instanceof ConstantTensor && a.shape.length === 2 && b.shape.length >= 2)
    return constantTimes(call, a, b);
  const { m, k, n, shape, left, right } = matrixPairs(a.shape, b.shape);
  const y = call.allocate(a.dtype, shape);
  if (a.dtype !== 'FLOAT') {
    const [p, q] = [left.map((matrix) => matrix * m * k), right.map((matrix) => matrix * k * n)];
    matmulAnyType(a, b, y, p, q, m, k, n);
    return y;
  }
  left.forEach((matrix, i) => {
    // A kernel may grow the heap that the operands are in: their views are made anew.
    const p = (a.data as Float32Array).subarray(matrix * m * k, (matrix + 1) * m * k);
    const q = (b.data as Float32Array).subarray(right[i]! * k * n, (right[i]! + 1) * k * n);
    call.kernels.matmul(p, q, (y.data as Float32Array).subarray(i * m * n, (i + 1) * m * n), m, k, n);
  });
  return y;
}

/** A constant [M,K] times x [..., K, N]: a 1×1 convolution of K channels over a line of N. */
function constantTimes(call: Call, w: ConstantTensor, x: Tensor): Tensor {
  const [rows = 0, columns = 0] = w.shape;
  const width = x.shape.at(-1)!;
  if (x.shape.at(-2) !== columns)
    throw new BnnqError('mismatch', `cannot multiply ${shapeText(w.shape)} by ${shapeText(x.shape)}`);
  const y = call.allocate('FLOAT', x.shape.with(-2, rows));
  const batch = sizeOf(x.shape.slice(0, -2));
  const shape = {
    ...POINTWISE,
    batch,
    inChannels: columns,
    outChannels: rows,
    inWidth: width,
    outWidth: width,
    groups: 1,
  };
  const make = (): PreparedWeights => call.kernels.prepareConv2d(rowsOfFirstAxis(w), shape);
  withWeights(w, 'conv2d/1', make, (weights) => {
    call.kernels.conv2d(x.data as Float32Array, weights, y.data as Float32Array, shape, {});
  });
  return y;
}

export const LINEAR: OperatorTable = { Gemm: { 7: gemm }, MatMul: { 1: matmul } };

export const FUSED_LINEAR: OperatorTable = { Linear: { 1: fusedLinear } };
