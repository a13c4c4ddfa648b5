import type { Dim } from '../../ir/graph.ts';
import { numberAttribute, numbersAttribute } from '../constant-values.ts';
import { axisIn, fact, type Infer, type InferCall, numbersIn, product } from './fact.ts';

/** Axes of a reduction: an attribute in old operator sets, the second input in new ones; undefined where unknown. */
function axesOf({ node, inputs }: InferCall, rank: number): number[] | undefined {
  const input = node.inputs[1];
  const given = numbersAttribute(node, 'axes') ?? (input ? numbersIn(inputs[1]) : []);
  if (given === undefined) return undefined;
  if (given.length === 0)
    return numberAttribute(node, 'noop_with_empty_axes', 0) === 1
      ? []
      : Array.from({ length: rank }, (_, i) => i);
  const axes = given.map((axis) => axisIn(axis, rank));
  return axes.includes(undefined) ? undefined : (axes as number[]);
}

function without(shape: readonly Dim[], axes: readonly number[], keep: boolean): Dim[] {
  return keep
    ? shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim))
    : shape.filter((_, axis) => !axes.includes(axis));
}

const reduce: Infer = (call) => {
  const [x] = call.inputs;
  const axes = x?.shape && axesOf(call, x.shape.length);
  if (x?.shape === undefined || axes === undefined) return [fact(x?.dtype, undefined)];
  const shape = without(x.shape, axes, numberAttribute(call.node, 'keepdims', 1) === 1);
  const whole = call.node.opType === 'ReduceProd' && x.shape.length === 1 && axes.length === 1;
  return [fact(x.dtype, shape, whole && x.content ? [product(x.content)] : undefined)];
};

const argument: Infer = ({ node, inputs: [x] }) => {
  const axis = x?.shape && axisIn(numberAttribute(node, 'axis', 0), x.shape.length);
  if (x?.shape === undefined || axis === undefined) return [fact('INT64', undefined)];
  return [fact('INT64', without(x.shape, [axis], numberAttribute(node, 'keepdims', 1) === 1))];
};

const topK: Infer = ({ node, inputs: [x, k] }) => {
  const axis = x?.shape && axisIn(numberAttribute(node, 'axis', -1), x.shape.length);
  const count = numbersIn(k)?.[0] ?? numberAttribute(node, 'k', -1);
  const shape = x?.shape?.map((dim, i) => (i === axis ? (count < 0 ? null : count) : dim));
  return [fact(x?.dtype, shape), fact('INT64', shape)];
};

const NAMES = 'Sum Mean Max Min Prod L1 L2 LogSum LogSumExp SumSquare';

export const REDUCTION: Readonly<Record<string, Infer>> = {
  ...Object.fromEntries(NAMES.split(' ').map((name) => [`Reduce${name}`, reduce])),
  ArgMax: argument,
  ArgMin: argument,
  TopK: topK,
};
