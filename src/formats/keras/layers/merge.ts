import type { Dim } from '../../../ir/graph.ts';
import type { LayerCall, LayerConverter, LayerTable } from '../layer-call.ts';
import { alignOperands, broadcastShape, mergedMask } from '../operands.ts';
import type { KerasTensor } from '../tensor.ts';

/** The inputs of a merging layer, brought to one rank: Keras adds axes of 1 right behind the batch. */
function operands(call: LayerCall, least = 1): readonly KerasTensor[] {
  const inputs = call.inputs.map((x) => call.float(x));
  if (inputs.length < least) throw call.malformed(`has ${inputs.length} inputs, needs at least ${least}`);
  return alignOperands(call, inputs, 1);
}

/** Layers that apply an operator of two operands from left to right. */
function fold(opType: string, count?: number): LayerConverter {
  return (call) => {
    const inputs = operands(call);
    if (opType === 'Mul') expectSameSteps(call, inputs);
    if (count !== undefined && inputs.length !== count)
      throw call.malformed(`has ${inputs.length} inputs, takes ${count}`);
    return folded(call, inputs, opType);
  };
}

/** In Keras 3, products and extremes are over the inputs whose mask keeps a step. @throws unsupported where that matters */
function expectSameSteps(call: LayerCall, inputs: readonly KerasTensor[]): void {
  if (call.major >= 3 && inputs.some(({ mask }) => mask !== undefined))
    throw call.unsupported('inputs with masks');
}

function folded(call: LayerCall, inputs: readonly KerasTensor[], opType: string): KerasTensor {
  const values = inputs.map(({ value }) => value);
  const value = values.reduce((sum, next) => call.node(opType, [sum, next]));
  return merged(call, inputs, value);
}

function merged(call: LayerCall, inputs: readonly KerasTensor[], value: string): KerasTensor {
  const shape = broadcastShape(inputs.map((x) => x.shape));
  return inputs[0]!.with({ value, shape, mask: mergedMask(call, inputs) });
}

const average: LayerConverter = (call) => {
  const inputs = operands(call);
  const sum = folded(call, inputs, 'Add');
  return sum.with({ value: call.node('Div', [sum.value, call.graph.scalar(inputs.length)]) });
};

/** Maximum and Minimum. */
function extreme(opType: string): LayerConverter {
  return (call) => {
    const inputs = operands(call);
    expectSameSteps(call, inputs);
    return merged(
      call,
      inputs,
      call.node(
        opType,
        inputs.map(({ value }) => value),
      ),
    );
  };
}

const concatenate: LayerConverter = (call) => {
  const inputs = call.inputs.length === 1 ? call.inputs : operands(call);
  return concatenated(call, inputs, call.config.integer('axis', -1));
};

/** Joins aligned tensors along an axis of Keras. */
export function concatenated(call: LayerCall, given: readonly KerasTensor[], axis: number): KerasTensor {
  const inputs = given.map((x) => (x.scramble === undefined ? x : call.kerasOrder(x)));
  const [first] = inputs;
  if (first === undefined) throw call.malformed('has no inputs');
  const values = inputs.map(({ value }) => value);
  if (first.shape === undefined)
    return first.with({ value: call.node('Concat', values, { axis }), mask: undefined });
  const at = call.axisIn(axis, first.shape.length);
  const mask = concatenatedMask(call, inputs, at);
  const shape = first.shape.map((dim, i) => (i === at ? sum(inputs.map((x) => x.shape![i]!)) : dim));
  return first.with({ value: call.node('Concat', values, { axis: first.physicalAxis(at) }), shape, mask });
}

/** The mask of a concatenation: along time, or of the features of the same steps. */
function concatenatedMask(call: LayerCall, inputs: readonly KerasTensor[], axis: number): string | undefined {
  const masks = inputs.map(({ mask }) => mask);
  if (masks.every((mask) => mask === undefined)) return undefined;
  if (axis === inputs[0]!.shape!.length - 1) return mergedMask(call, inputs);
  if (axis !== 1 || masks.includes(undefined)) throw call.unsupported('inputs some of which are masked');
  return call.node('Concat', masks, { axis: 1 }, 'mask');
}

function sum(dims: readonly Dim[]): Dim {
  return dims.every((dim) => typeof dim === 'number') ? (dims as number[]).reduce((a, b) => a + b, 0) : null;
}

/** Products of samples along one axis of each: x · y for each sample of a batch. */
const dot: LayerConverter = (call) => {
  const { config, graph } = call;
  const [left, right, ...more] = call.inputs.map((x) => call.float(x));
  if (left === undefined || right === undefined || more.length > 0) throw call.malformed('takes 2 inputs');
  const ranks = [left.rank, right.rank];
  if (!ranks.every((rank) => rank === 2 || rank === 3))
    throw call.unsupported(`inputs of ${ranks.map((rank) => rank ?? '?').join(' and ')} axes`);
  const axes = config.list('axes');
  const [a, b] = [axes[0] ?? 0, axes[1] ?? axes[0] ?? 0];
  const [leftAxis, rightAxis] = [call.axisIn(a, left.rank!), call.axisIn(b, right.rank!)];
  if (leftAxis === 0 || rightAxis === 0) throw call.malformed('its axes cannot be the batch');
  const x = prepared(call, left, leftAxis, left.rank === 2 ? [0, 1] : [0, 3 - leftAxis, leftAxis]);
  const y = prepared(call, right, rightAxis, right.rank === 2 ? [0, 1] : [0, rightAxis, 3 - rightAxis]);
  const rows =
    left.rank === 2 ? graph.node(call.stepName('row'), 'Unsqueeze', [x, call.integers('one', [1])]) : x;
  const columns =
    right.rank === 2 ? graph.node(call.stepName('column'), 'Unsqueeze', [y, call.integers('two', [2])]) : y;
  const product = call.node('MatMul', [rows, columns]);
  const kept = [
    left.rank === 2 ? undefined : left.shape![3 - leftAxis]!,
    right.rank === 2 ? undefined : right.shape![3 - rightAxis]!,
  ];
  const [n, m] = kept;
  const batch = left.shape![0]!;
  // Two vectors make one number, which keeps an axis of its own.
  const squeezed = n === undefined ? 1 : m === undefined ? 2 : undefined;
  const value =
    squeezed === undefined
      ? product
      : call.node('Squeeze', [product, call.integers(squeezed === 1 ? 'one' : 'two', [squeezed])]);
  const shape = n === undefined ? [batch, m ?? 1] : m === undefined ? [batch, n] : [batch, n, m];
  return left.with({ value, shape, order: undefined, scramble: undefined, mask: undefined });
};

/** The operand with its axes in that order, and of length 1 along the axis where the layer normalizes. */
function prepared(call: LayerCall, x: KerasTensor, axis: number, order: readonly number[]): string {
  const arranged = call.graph.arrange(x, call.name, order);
  if (!call.config.flag('normalize', false)) return arranged.value;
  const at = call.integers(`axis${order.indexOf(axis)}`, [order.indexOf(axis)]);
  const squares = call.node('ReduceSumSquare', [arranged.value, at], { keepdims: 1 });
  const length = call.node('Sqrt', [call.node('Max', [squares, call.graph.scalar(1e-12)])]);
  return call.node('Div', [arranged.value, length]);
}

export const MERGE_LAYERS: LayerTable = {
  Add: fold('Add'),
  Subtract: fold('Sub', 2),
  Multiply: fold('Mul'),
  Average: average,
  Maximum: extreme('Max'),
  Minimum: extreme('Min'),
  Concatenate: concatenate,
  Dot: dot,
};
