import { BnnqError } from '../../errors.ts';
import { gelu } from '../../kernels/math/erf.ts';
import { sigmoid, tanh } from '../../kernels/math/exp.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { sameShape, shapeText, stridesOf } from '../shapes.ts';
import { copyStrided, elementsOf } from './elements.ts';
import { matmulOf } from './linear.ts';
import { normalizeLayer, normalizeRms } from './normalization.ts';
import type { OperatorTable } from './operator-table.ts';

/**
 * What onnxruntime's optimizer makes of parts of transformers, domain com.microsoft.
 * Source: onnxruntime, docs/ContribOperators.md.
 */

/** √(2/π), of the tanh approximation of Gelu. */
const GELU_TANH_SCALE = 0.7978845608028654;

function geluByTanh(x: number): number {
  return 0.5 * x * (1 + tanh(GELU_TANH_SCALE * (x + 0.044715 * x * x * x)));
}

/** f(X + bias), the bias one of the last axis. */
const biased =
  (f: (x: number) => number): Operator =>
  (call) => {
    const x = call.input(0);
    const bias = call.optional(1);
    if (bias !== undefined) expectTrailing(bias, x, 'a bias');
    const y = call.inPlace(0);
    const from = x.data as Float32Array;
    const to = y.data as Float32Array;
    const b = bias?.data as Float32Array | undefined;
    for (let i = 0; i < to.length; i++)
      to[i] = f(b === undefined ? from[i]! : Math.fround(from[i]! + b[i % b.length]!));
    return y;
  };

const quickGelu: Operator = (call) => {
  const alpha = call.float('alpha', 1.702);
  return biased((x) => x * sigmoid(alpha * x))(call);
};

/** input + skip + bias of the last axis, the sum normalized; output 3 is the sum. */
const skipLayerNormalization: Operator = (call) => {
  const sum = skipSum(call, call.optional(4));
  const [y, means, factors] = normalizeLayer(
    call,
    sum,
    call.input(2),
    call.optional(3),
    sum.shape.length - 1,
    call.float('epsilon', 1e-12),
  );
  return [y, means, factors, keptSum(call, sum)];
};

const skipRmsNormalization: Operator = (call) => {
  const sum = skipSum(call, call.optional(3));
  const axis = sum.shape.length - 1;
  const y = normalizeRms(call, sum, call.input(2), axis, call.float('epsilon', 1e-12));
  if (call.wants(1) || call.wants(2)) throw new BnnqError('unsupported', 'outputs mean and inv_std_var');
  return [y, undefined, undefined, keptSum(call, sum)];
};

function skipSum(call: Call, bias: Tensor | undefined): Tensor {
  const x = call.input(0);
  const skip = call.input(1);
  expectTrailing(skip, x, 'skip');
  if (bias !== undefined) expectTrailing(bias, x, 'a bias');
  const sum = call.allocate(x.dtype, x.shape);
  const [from, added, to] = [x.data, skip.data, sum.data] as [Float32Array, Float32Array, Float32Array];
  const b = bias?.data as Float32Array | undefined;
  for (let i = 0; i < to.length; i++) {
    const value = Math.fround(from[i]! + added[i % added.length]!);
    to[i] = b === undefined ? value : value + b[i % b.length]!;
  }
  return sum;
}

function keptSum(call: Call, sum: Tensor): Tensor | undefined {
  if (call.wants(3)) return sum;
  call.release(sum);
  return undefined;
}

/** Throws unless the operand, without leading axes of one, has the last axes of x. */
function expectTrailing(operand: Tensor, x: Tensor, name: string): void {
  const shape = operand.shape.slice(operand.shape.findIndex((dim) => dim !== 1));
  const fits = sameShape(shape, x.shape.slice(x.shape.length - shape.length));
  if (x.dtype !== 'FLOAT' || operand.dtype !== 'FLOAT')
    throw new BnnqError('unsupported', `operands of types ${x.dtype} and ${operand.dtype}`);
  if (!fits || sizeOf(operand.shape) === 0)
    throw new BnnqError(
      'unsupported',
      `${name} of shape ${shapeText(operand.shape)} for ${shapeText(x.shape)}`,
    );
}

/**
 * alpha · A′B′. transBatchA moves the first axis of A behind the others but the last, transA exchanges the last two axes
 * of what that gives; B likewise.
 */
const fusedMatMul: Operator = (call) => {
  const operands = ['A', 'B'].map((letter, i) => {
    const x = call.input(i);
    const rank = x.shape.length;
    const axes = [...x.shape.keys()];
    if (call.int(`transBatch${letter}`, 0) !== 0 && rank > 2) axes.splice(rank - 2, 0, axes.shift()!);
    if (call.int(`trans${letter}`, 0) !== 0 && rank > 1) axes.push(...axes.splice(rank - 2, 2).reverse());
    return axes.every((axis, at) => axis === at) ? x : transposed(x, axes);
  });
  const y = matmulOf(call, operands[0]!, operands[1]!);
  const alpha = call.float('alpha', 1);
  const data = y.data as Float32Array;
  if (alpha !== 1) for (let i = 0; i < data.length; i++) data[i]! *= alpha;
  return y;
};

/** The tensor with axis i what axis axes[i] was. */
function transposed(tensor: Tensor, axes: readonly number[]): Tensor {
  const { dtype, shape } = tensor;
  if (dtype !== 'FLOAT') throw new BnnqError('unsupported', `FusedMatMul of type ${dtype}`);
  const strides = stridesOf(shape);
  const to = axes.map((axis) => shape[axis]!);
  const data = new Float32Array(sizeOf(shape));
  copyStrided(
    elementsOf(tensor),
    0,
    axes.map((axis) => strides[axis]!),
    to,
    data,
  );
  return { dtype, shape: to, data };
}

export const TRANSFORMER_FUSIONS: OperatorTable = {
  Gelu: { 1: biased(gelu) },
  BiasGelu: { 1: biased(gelu) },
  FastGelu: { 1: biased(geluByTanh) },
  QuickGelu: { 1: quickGelu },
  SkipLayerNormalization: { 1: skipLayerNormalization },
  SkipSimplifiedLayerNormalization: { 1: skipRmsNormalization },
  FusedMatMul: { 1: fusedMatMul },
};
