import { activate, isActivation } from '../activations.ts';
import { Config, entryOf } from '../config.ts';
import type { LayerCall, LayerConverter, LayerTable } from '../layer-call.ts';
import { alignOperands, broadcastShape } from '../operands.ts';
import { KerasTensor } from '../tensor.ts';
import { jsonParameters, operandOf, parameter, tensorParameter } from './operation-arguments.ts';
import { IMAGE_OPERATIONS } from './operation-image.ts';
import { ORDER_OPERATIONS } from './operation-order.ts';
import { PRODUCTS } from './operation-product.ts';
import { REDUCTIONS } from './operation-reduce.ts';
import { SHAPE_OPERATIONS } from './operation-shape.ts';
import { TENSORFLOW_NAMES } from './tensorflow-names.ts';

/** Functions of keras.ops by their names there; a graph that calls them has nodes for them beside those of its layers. */
export type OperationTable = Readonly<Record<string, LayerConverter>>;

function unary(opType: string): LayerConverter {
  return (call) => {
    const x = call.float(tensorParameter(call, 0, 'x'));
    return x.with({ value: call.node(opType, [x.value]) });
  };
}

/** Operands that broadcast as NumPy's do: numbers and lists are constants. */
function binary(opType: string, result: 'FLOAT' | 'BOOL' = 'FLOAT', isNegated = false): LayerConverter {
  return (call) => {
    const given = [operandOf(call, 0, 'x', 'x1', 'a', 'value'), operandOf(call, 1, 'y', 'x2', 'b', 'bias')];
    const isLogic = given.some(({ dtype }) => dtype === 'BOOL');
    const operands = alignOperands(call, isLogic ? given : given.map((x) => call.float(x)), 0);
    const value = call.node(
      opType,
      operands.map((x) => x.value),
    );
    return operands[0]!.with({
      value: isNegated ? call.node('Not', [value]) : value,
      dtype: result,
      shape: broadcastShape(operands.map((x) => x.shape)),
    });
  };
}

const where: LayerConverter = (call) => {
  const operands = [
    operandOf(call, 0, 'condition'),
    operandOf(call, 1, 'x1', 'x'),
    operandOf(call, 2, 'x2', 'y'),
  ];
  const [condition, x, y] = alignOperands(
    call,
    [operands[0]!, call.float(operands[1]!), call.float(operands[2]!)],
    0,
  );
  if (condition!.dtype !== 'BOOL') throw call.unsupported('a condition that is not true or false');
  const shape = broadcastShape([condition!.shape, x!.shape, y!.shape]);
  return x!.with({ value: call.node('Where', [condition!.value, x!.value, y!.value]), shape });
};

const clip: LayerConverter = (call) => {
  const x = call.float(tensorParameter(call, 0, 'x', 't'));
  const bounds = [
    parameter(call, 1, 'x_min', 'clip_value_min'),
    parameter(call, 2, 'x_max', 'clip_value_max'),
  ];
  const [low, high] = bounds.map((bound) => {
    if (typeof bound === 'number') return call.graph.scalar(bound);
    throw call.unsupported('bounds that are no numbers');
  });
  return x.with({ value: call.node('Clip', [x.value, low, high]) });
};

/** A chain of operators that each take what the one before made. */
function chain(...opTypes: readonly string[]): LayerConverter {
  return (call) => {
    const x = call.float(tensorParameter(call, 0, 'x'));
    return x.with({ value: opTypes.reduce((value, opType) => call.node(opType, [value]), x.value) });
  };
}

const square: LayerConverter = (call) => {
  const x = call.float(tensorParameter(call, 0, 'x'));
  return x.with({ value: call.node('Mul', [x.value, x.value]) });
};

/** (x − y)². */
const squaredDifference: LayerConverter = (call) => {
  const difference = binary('Sub')(call) as KerasTensor;
  return difference.with({ value: call.node('Mul', [difference.value, difference.value]) });
};

/** log(1 + x), also of small x: log(u) · x / (u − 1) with u = 1 + x rounded, as W. Kahan gives it. */
const log1p: LayerConverter = (call) => {
  const x = call.float(tensorParameter(call, 0, 'x'));
  const one = call.graph.scalar(1);
  const u = call.node('Add', [x.value, one], {}, 'sum');
  const more = call.node('Sub', [u, one], {}, 'more');
  const quotient = call.node('Div', [x.value, more], {}, 'quotient');
  const product = call.node('Mul', [call.node('Log', [u], {}, 'log'), quotient], {}, 'product');
  const isTiny = call.node('Equal', [more, call.graph.scalar(0)], {}, 'is_tiny');
  return x.with({ value: call.node('Where', [isTiny, x.value, product]) });
};

/** A logarithm to another base. */
function logarithm(base: number): LayerConverter {
  return (call) => {
    const x = call.float(tensorParameter(call, 0, 'x'));
    const log = call.node('Log', [x.value], {}, 'log');
    return x.with({ value: call.node('Div', [log, call.graph.scalar(Math.log(base))]) });
  };
}

/** tf.nn.bias_add: along the channels, which are last. */
const biasAdd: LayerConverter = (call) => {
  const format = parameter(call, 2, 'data_format');
  if (format !== null && format !== 'NHWC') throw call.unsupported('a bias of channels that are not last');
  return binary('Add')(call);
};

const CASTS: Readonly<Record<string, readonly [KerasTensor['dtype'], number]>> = {
  float16: ['FLOAT', 1],
  bfloat16: ['FLOAT', 1],
  float32: ['FLOAT', 1],
  float64: ['FLOAT', 1],
  int32: ['INT32', 6],
  int64: ['INT64', 7],
  uint8: ['UINT8', 2],
  bool: ['BOOL', 9],
};

const cast: LayerConverter = (call) => {
  const x = tensorParameter(call, 0, 'x');
  const name = parameter(call, 1, 'dtype');
  const to = typeof name === 'string' ? entryOf(CASTS, name) : undefined;
  if (to === undefined) throw call.unsupported('a cast to this type');
  if (to[0] === x.dtype) return x;
  return x.with({ value: call.node('Cast', [x.value], { to: to[1] }), dtype: to[0] });
};

/** Keras 3 notes this one where a layer takes the mask of another. */
const convertToTensor: LayerConverter = (call) =>
  call.config.has('dtype') ? cast(call) : tensorParameter(call, 0, 'x');

const logicalNot: LayerConverter = (call) => {
  const x = tensorParameter(call, 0, 'x');
  if (x.dtype !== 'BOOL') throw call.unsupported('the negation of numbers');
  return x.with({ value: call.node('Not', [x.value]) });
};

const ELEMENTWISE: OperationTable = {
  add: binary('Add'),
  subtract: binary('Sub'),
  multiply: binary('Mul'),
  divide: binary('Div'),
  true_divide: binary('Div'),
  maximum: binary('Max'),
  minimum: binary('Min'),
  power: binary('Pow'),
  greater: binary('Greater', 'BOOL'),
  greater_equal: binary('GreaterOrEqual', 'BOOL'),
  less: binary('Less', 'BOOL'),
  less_equal: binary('LessOrEqual', 'BOOL'),
  equal: binary('Equal', 'BOOL'),
  not_equal: binary('Equal', 'BOOL', true),
  logical_and: binary('And', 'BOOL'),
  logical_or: binary('Or', 'BOOL'),
  logical_not: logicalNot,
  convert_to_tensor: convertToTensor,
  absolute: unary('Abs'),
  abs: unary('Abs'),
  negative: unary('Neg'),
  exp: unary('Exp'),
  log: unary('Log'),
  sqrt: unary('Sqrt'),
  rsqrt: chain('Sqrt', 'Reciprocal'),
  reciprocal: unary('Reciprocal'),
  square,
  squared_difference: squaredDifference,
  bias_add: biasAdd,
  log1p,
  log2: logarithm(2),
  log10: logarithm(10),
  sin: unary('Sin'),
  cos: unary('Cos'),
  tan: unary('Tan'),
  sinh: unary('Sinh'),
  cosh: unary('Cosh'),
  arcsin: unary('Asin'),
  arccos: unary('Acos'),
  arctan: unary('Atan'),
  arccosh: unary('Acosh'),
  arctanh: unary('Atanh'),
  arcsinh: unary('Asinh'),
  floor: unary('Floor'),
  ceil: unary('Ceil'),
  round: unary('Round'),
  sign: unary('Sign'),
  erf: unary('Erf'),
  where,
  clip,
  cast,
  stop_gradient: (call) => tensorParameter(call, 0, 'variable', 'x'),
  identity: (call) => tensorParameter(call, 0, 'x'),
};

const TABLES = [ELEMENTWISE, SHAPE_OPERATIONS, ORDER_OPERATIONS, REDUCTIONS, PRODUCTS, IMAGE_OPERATIONS];

/** An operation by its name in keras.ops. Masks end at operations. */
function operation(call: LayerCall, name: string): readonly KerasTensor[] {
  const made = applied(call, name);
  const list = made instanceof KerasTensor ? [made] : made;
  return list.map((x) => x.with({ mask: undefined }));
}

function applied(call: LayerCall, name: string): ReturnType<LayerConverter> {
  for (const table of TABLES) if (Object.hasOwn(table, name)) return table[name]!(call);
  if (isActivation(name))
    return activate(call, tensorParameter(call, 0, 'x'), name, new Config(jsonParameters(call), call.where));
  throw call.unsupported(`the operation "${name}" is not known here`);
}

/** `TrueDivide` to `true_divide`. */
function snakeCase(name: string): string {
  return name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, '_').toLowerCase();
}

/** An operation of a Keras 3 graph. */
export const kerasOperation: LayerConverter = (call) => {
  return operation(call, snakeCase(call.layer.className));
};

/** A TensorFlow function in a graph of Keras 2: `TFOpLambda` names it. */
const tensorflowOperation: LayerConverter = (call) => {
  const name = call.config.text('function').replace(/^tf\./, '');
  const known = entryOf(TENSORFLOW_NAMES, name);
  if (known === undefined) throw call.unsupported(`the function tf.${name} is not known here`);
  return operation(call, known);
};

export const OPERATION_LAYERS: LayerTable = {
  TFOpLambda: tensorflowOperation,
  SlicingOpLambda: tensorflowOperation,
};
