import { BnnqError } from '../../errors.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { sameShape, shapeText, sizeBetween } from '../shapes.ts';
import type { OperatorTable } from './operator-table.ts';
import { softmaxInto } from './softmax.ts';

/**
 * The loss −log p of the target class, times the weight of the class, reduced as attribute `reduction` says; sums are
 * taken in float64 in ascending order and rounded once.
 * @param logs log-probabilities [N, C, d1, …]
 * @param target classes [N, d1, …]; those equal to `ignore_index` cost nothing and have no weight
 */
function negativeLogLikelihood(call: Call, logs: Tensor, target: Tensor, weight: Tensor | undefined): Tensor {
  const [batch = 0, classes = 0, ...inner] = logs.shape;
  if (logs.shape.length < 2 || !sameShape(target.shape, [batch, ...inner]))
    throw new BnnqError(
      'mismatch',
      `targets of shape ${shapeText(target.shape)} for predictions of shape ${shapeText(logs.shape)}`,
    );
  if (weight !== undefined && sizeOf(weight.shape) !== classes)
    throw new BnnqError('mismatch', `weights of shape ${shapeText(weight.shape)} for ${classes} classes`);
  const reduction = call.text('reduction', 'mean');
  if (reduction !== 'none' && reduction !== 'sum' && reduction !== 'mean')
    throw new BnnqError('malformed', `reduction "${reduction}", expected none, sum or mean`);
  const loss = call.allocate(logs.dtype, reduction === 'none' ? target.shape : []);
  const ignored = call.hasAttribute('ignore_index') ? call.int('ignore_index', -1) : undefined;
  const size = sizeOf(inner);
  const from = logs.data as Float32Array;
  const weights = weight?.data as Float32Array | undefined;
  const to = loss.data as Float32Array;
  let sum = 0;
  let total = 0;
  for (let i = 0; i < target.data.length; i++) {
    const chosen = Number(target.data[i]);
    if (chosen === ignored) {
      if (reduction === 'none') to[i] = 0;
      continue;
    }
    if (!(chosen >= 0 && chosen < classes))
      throw new BnnqError('mismatch', `target ${i} is class ${chosen}, there are ${classes}`);
    const factor = weights === undefined ? 1 : weights[chosen]!;
    const at = (Math.floor(i / size) * classes + chosen) * size + (i % size);
    const value = -from[at]! * factor;
    if (reduction === 'none') to[i] = value;
    sum += value;
    total += factor;
  }
  if (reduction === 'sum') to[0] = sum;
  if (reduction === 'mean') to[0] = sum / total;
  return loss;
}

const negativeLogLikelihoodLoss: Operator = (call) =>
  negativeLogLikelihood(call, call.input(0), call.input(1), call.optional(2));

/** The same of the logarithm of the softmax over axis 1, which is the second output. */
const softmaxCrossEntropyLoss: Operator = (call) => {
  const scores = call.input(0);
  const logs = call.allocate(scores.dtype, scores.shape);
  const sections = {
    outer: scores.shape[0] ?? 1,
    length: scores.shape[1] ?? 1,
    inner: sizeBetween(scores.shape, 2, scores.shape.length),
  };
  softmaxInto(call, scores, logs, sections, true);
  const loss = negativeLogLikelihood(call, logs, call.input(1), call.optional(2));
  if (call.wants(1)) return [loss, logs];
  call.release(logs);
  return [loss];
};

export const LOSSES: OperatorTable = {
  NegativeLogLikelihoodLoss: { 12: negativeLogLikelihoodLoss },
  SoftmaxCrossEntropyLoss: { 12: softmaxCrossEntropyLoss },
};
