import type { LayerCall, LayerConverter } from '../layer-call.ts';
import { printArgument } from '../layer-call.ts';
import type { KerasTensor } from '../tensor.ts';
import { flagParameter, integerParameter, integersParameter, parameter } from './operation-arguments.ts';
import { type Known, shaped, without } from './operation-shape.ts';

function reduction(opType: string): LayerConverter {
  return (call) => {
    const x = call.float(shaped(call)) as Known;
    return reduced(call, x, opType);
  };
}

/** A reduction over the axes that the call names. */
function reduced(call: LayerCall, x: Known, opType: string, keepdims = keptAxes(call)): KerasTensor {
  return along(call, x, opType, integersParameter(call, 1, 'axis'), keepdims);
}

/** A reduction over axes of Keras, all of them where none are given. */
function along(
  call: LayerCall,
  x: Known,
  opType: string,
  given: readonly number[] | undefined,
  keepdims: boolean,
): KerasTensor {
  const rank = x.shape.length;
  const axes = (given ?? x.shape.map((_, axis) => axis)).map((axis) => call.axisIn(axis, rank));
  const physical = call.integers(
    'axes',
    axes.map((axis) => x.physicalAxis(axis)),
  );
  const value = call.node(opType, [x.value, physical], { keepdims: keepdims ? 1 : 0 });
  if (!keepdims) return without(x, value, axes);
  return x.with({ value, shape: x.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim)) });
}

/** Whether any element along the axes is true. */
const any: LayerConverter = (call) => {
  const x = shaped(call);
  const numbers = x.with({
    value: call.node('Cast', [x.value], { to: 1 }, 'numbers'),
    dtype: 'FLOAT',
  }) as Known;
  const found = reduced(
    call,
    x.dtype === 'FLOAT' ? x : numbers,
    x.dtype === 'BOOL' ? 'ReduceMax' : 'ReduceL1',
  );
  return found.with({ value: call.node('Cast', [found.value], { to: 9 }, 'cast'), dtype: 'BOOL' });
};

function extreme(opType: string): LayerConverter {
  return (call) => {
    const x = call.float(shaped(call)) as Known;
    if (keptAxes(call)) throw call.unsupported('keepdims');
    const axis = call.axisIn(integerParameter(call, 1, ['axis']), x.shape.length);
    const index = call.node(opType, [x.value], { axis: x.physicalAxis(axis), keepdims: 0 });
    const made = without(x, index, [axis]);
    if (call.major < 3) return made.with({ dtype: 'INT64' });
    return made.with({ value: call.node('Cast', [index], { to: 6 }), dtype: 'INT32' });
  };
}

function keptAxes(call: LayerCall): boolean {
  return flagParameter(call, 2, 'keepdims');
}

/** The mean square distance from the mean; its root where `isRoot`. */
function variance(isRoot: boolean): LayerConverter {
  return (call) => {
    const x = call.float(shaped(call)) as Known;
    const mean = reduced(call, x, 'ReduceMean', true);
    const distance = call.node('Sub', [x.value, mean.value], {}, 'distance');
    const squares = x.with({ value: call.node('Mul', [distance, distance], {}, 'squares') }) as Known;
    const found = reduced(call, squares, 'ReduceMean');
    return isRoot ? found.with({ value: call.node('Sqrt', [found.value]) }) : found;
  };
}

/** The length of vectors by their squares or by their sizes; of matrices, the root of all squares. */
const norm: LayerConverter = (call) => {
  const x = call.float(shaped(call)) as Known;
  const order = parameter(call, 1, 'ord');
  const axes = integersParameter(call, 2, 'axis');
  const isOfVectors = axes?.length === 1;
  const isRootOfSquares =
    order === null || order === 'fro' || order === 'euclidean' || (order === 2 && isOfVectors);
  if (!isRootOfSquares && !(order === 1 && isOfVectors))
    throw call.unsupported(`a norm of order ${printArgument(order)}`);
  return along(call, x, isRootOfSquares ? 'ReduceL2' : 'ReduceL1', axes, flagParameter(call, 3, 'keepdims'));
};

/** x by its norm, which counts as no less than that. */
function divided(call: LayerCall, x: Known, opType: string, least: number): KerasTensor {
  const length = along(call, x, opType, integersParameter(call, 1, 'axis', 'dim'), true);
  const divisor = call.node('Max', [length.value, call.graph.scalar(least)], {}, 'divisor');
  return x.with({ value: call.node('Div', [x.value, divisor]) });
}

/** keras.ops.normalize: x / max(norm, ε). */
const normalize: LayerConverter = (call) => {
  const x = call.float(shaped(call)) as Known;
  const order = parameter(call, 2, 'order') ?? 2;
  if (order !== 1 && order !== 2) throw call.unsupported(`a norm of order ${printArgument(order)}`);
  const epsilon = parameter(call, 3, 'epsilon') ?? 1e-7;
  if (typeof epsilon !== 'number') throw call.unsupported(`the epsilon ${printArgument(epsilon)}`);
  return divided(call, x, order === 2 ? 'ReduceL2' : 'ReduceL1', epsilon);
};

/** tf.math.l2_normalize: x / √max(sum of squares, ε). */
const tensorflowNormalize: LayerConverter = (call) => {
  const x = call.float(shaped(call)) as Known;
  const epsilon = parameter(call, 2, 'epsilon') ?? 1e-12;
  if (typeof epsilon !== 'number') throw call.unsupported(`the epsilon ${printArgument(epsilon)}`);
  return divided(call, x, 'ReduceL2', Math.sqrt(epsilon));
};

/** Functions that make one number of many. */
export const REDUCTIONS: Readonly<Record<string, LayerConverter>> = {
  mean: reduction('ReduceMean'),
  sum: reduction('ReduceSum'),
  max: reduction('ReduceMax'),
  amax: reduction('ReduceMax'),
  min: reduction('ReduceMin'),
  amin: reduction('ReduceMin'),
  prod: reduction('ReduceProd'),
  logsumexp: reduction('ReduceLogSumExp'),
  var: variance(false),
  std: variance(true),
  norm,
  normalize,
  tensorflow_normalize: tensorflowNormalize,
  any,
  argmax: extreme('ArgMax'),
  argmin: extreme('ArgMin'),
};
