import { BnnqError } from '../../../errors.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import type { Call, Operator } from '../../call.ts';
import { sameShape, shapeText } from '../../shapes.ts';
import { tensorOf } from '../control-flow.ts';
import {
  expectHeadsFit,
  type Floats,
  gatherQueries,
  type Heads,
  headsOf,
  rootOfScale,
  scatterRows,
  transposeScaled,
} from './heads.ts';
import { multiply, precisionOf, softmaxRows } from './scores.ts';

/**
 * Y = prob_mod(softmax(score_mod((√s·Q)·(√s·K)ᵀ)))·V, the modifiers subgraphs of all the scores, [batch, query heads,
 * queries, keys]. Everything behind the first product is computed in softmax_precision. Source: onnx.ai/onnx/operators,
 * domain ai.onnx.preview, FlexAttention.
 */
export const flexAttention: Operator = (call) => {
  const [q, k, v] = ['Q', 'K', 'V'].map((name, i) => fourAxes(call.input(i), name)) as [Heads, Heads, Heads];
  expectOneType(q, k, v);
  expectHeadsFit(q, k, v);
  const given = q.tensor.dtype as 'FLOAT' | 'DOUBLE';
  const precision = precisionOf(call, given);
  if (precision !== 'FLOAT' && precision !== 'DOUBLE')
    throw new BnnqError('unsupported', `softmax_precision ${call.int('softmax_precision', 0)}`);
  const y = call.allocate(given, [q.batch, q.heads, q.length, v.size]);
  const scores = modified(call, 'score_mod', converted(call, scoresOf(call, q, k), precision));
  const weights = call.allocate(precision, scores.shape);
  softmaxRows(call, scores, weights, q.batch * q.heads * q.length, k.length, precision);
  call.release(scores);
  const probabilities = modified(call, 'prob_mod', weights);
  const values = converted(call, call.retain(v.tensor), precision);
  weigh(call, q, k, v.size, probabilities, values, y);
  call.release(probabilities);
  call.release(values);
  return y;
};

function fourAxes(tensor: Tensor, name: string): Heads {
  if (tensor.shape.length !== 4)
    throw new BnnqError('mismatch', `expected ${name} of four axes, got ${shapeText(tensor.shape)}`);
  return headsOf(tensor, name, 0, '');
}

/** (√s·Q)·(√s·K)ᵀ of all heads. */
function scoresOf(call: Call, q: Heads, k: Heads): Tensor {
  const { dtype } = q.tensor;
  const root = rootOfScale(call, q);
  const scores = call.allocate(dtype, [q.batch, q.heads, q.length, k.length]);
  const group = q.heads / Math.max(k.heads, 1);
  const rows = group * q.length;
  const queries = call.allocate(dtype, [rows, q.size]);
  const transposed = call.allocate(dtype, [k.size, k.length]);
  const block = call.allocate(dtype, [rows, k.length]);
  for (let b = 0; b < k.batch; b++)
    for (let h = 0; h < k.heads; h++) {
      const head = b * k.heads + h;
      gatherQueries(q, b, h * group, group, root, queries.data as Floats);
      transposeScaled(k.tensor, head * k.length * k.size, root, transposed.data as Floats);
      multiply(call, queries, transposed, 0, block, rows, k.size, k.length);
      (scores.data as Floats).set(block.data as Floats, head * rows * k.length);
    }
  for (const scratch of [queries, transposed, block]) call.release(scratch);
  return scores;
}

/** Probabilities times V, head of V by head of V. */
function weigh(
  call: Call,
  q: Heads,
  k: Heads,
  width: number,
  probabilities: Tensor,
  values: Tensor,
  y: Tensor,
): void {
  const { dtype } = values;
  const group = q.heads / Math.max(k.heads, 1);
  const rows = group * q.length;
  const part = call.allocate(dtype, [rows, k.length]);
  const out = call.allocate(dtype, [rows, width]);
  for (let b = 0; b < k.batch; b++)
    for (let h = 0; h < k.heads; h++) {
      const head = b * k.heads + h;
      const at = head * rows * k.length;
      (part.data as Floats).set((probabilities.data as Floats).subarray(at, at + rows * k.length));
      multiply(call, part, values, head * k.length * width, out, rows, k.length, width);
      scatterRows(out.data as Floats, y.data as Floats, q, b, h * group, group, width);
    }
  call.release(part);
  call.release(out);
}

/** What a subgraph makes of a tensor, which it takes over; the tensor itself where there is no subgraph. */
function modified(call: Call, name: string, tensor: Tensor): Tensor {
  const body = call.bodies.get(name);
  if (body === undefined) return tensor;
  const { dtype, shape } = tensor;
  const made = body.run([tensor]);
  const result = made[0] === undefined ? undefined : tensorOf(made[0]);
  if (made.length !== 1 || result === undefined || result.dtype !== dtype || !sameShape(result.shape, shape))
    throw new BnnqError(
      'mismatch',
      `subgraph "${name}" gives ${result === undefined ? 'nothing' : `${result.dtype} ${shapeText(result.shape)}`}, expected ${dtype} ${shapeText(shape)}`,
    );
  return result;
}

/** The tensor in another float type; takes it over. */
function converted(call: Call, tensor: Tensor, dtype: 'FLOAT' | 'DOUBLE'): Tensor {
  if (tensor.dtype === dtype) return tensor;
  const other = call.allocate(dtype, tensor.shape);
  (other.data as Floats).set(tensor.data as Floats);
  call.release(tensor);
  return other;
}

function expectOneType(q: Heads, k: Heads, v: Heads): void {
  const types = [q, k, v].map(({ tensor }) => tensor.dtype);
  if (types.some((dtype) => dtype !== types[0] || (dtype !== 'FLOAT' && dtype !== 'DOUBLE')))
    throw new BnnqError('unsupported', `FlexAttention of types ${types.join(', ')}`);
}
