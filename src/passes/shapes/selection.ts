import type { Dim } from '../../ir/graph.ts';
import { dataTypeOf } from '../../tensor/dtype.ts';
import { numberAttribute, numbersAttribute, textAttribute } from '../constant-values.ts';
import { axisIn, fact, type Infer } from './fact.ts';

/** Operators that select elements, and those of losses. What depends on the data is left open. */

const compress: Infer = ({ node, inputs: [x] }) => {
  if (!node.attributes.has('axis')) return [fact(x?.dtype, [null])];
  const axis = x?.shape && axisIn(numberAttribute(node, 'axis', 0), x.shape.length);
  return [fact(x?.dtype, axis === undefined ? undefined : x?.shape?.with(axis, null))];
};

const unique: Infer = (call) => {
  const positions = fact('INT64', [null]);
  return [compress(call)[0]!, positions, positions, positions];
};

const centerCropPad: Infer = ({ node, inputs: [x, size] }) => {
  if (x?.shape === undefined) return [fact(x?.dtype, undefined)];
  const axes = numbersAttribute(node, 'axes') ?? x.shape.map((_, i) => i);
  const shape: Dim[] = [...x.shape];
  axes.forEach((given, i) => {
    const axis = axisIn(given, shape.length);
    if (axis !== undefined) shape[axis] = size?.content?.[i] ?? null;
  });
  return [fact(x.dtype, shape)];
};

const loss: Infer = ({ node, inputs: [x, labels] }) => [
  fact(x?.dtype, textAttribute(node, 'reduction', 'mean') === 'none' ? labels?.shape : []),
  fact(x?.dtype, x?.shape),
];

export const SELECTION: Readonly<Record<string, Infer>> = {
  Compress: compress,
  Unique: unique,
  NonMaxSuppression: () => [fact('INT64', [null, 3])],
  CenterCropPad: centerCropPad,
  NegativeLogLikelihoodLoss: loss,
  SoftmaxCrossEntropyLoss: loss,
  BitCast: ({ node, inputs: [x] }) => [fact(dataTypeOf(numberAttribute(node, 'to', 0)), x?.shape)],
  Bernoulli: ({ node, inputs: [x] }) => [
    fact(dataTypeOf(numberAttribute(node, 'dtype', 0)) ?? x?.dtype, x?.shape),
  ],
};
