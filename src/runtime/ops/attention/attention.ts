import { BnnqError } from '../../../errors.ts';
import { tanh } from '../../../kernels/math/exp.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import type { Call, Operator } from '../../call.ts';
import { type Bias, biasOf } from './bias.ts';
import {
  expectHeadsFit,
  type Floats,
  gatherQueries,
  type Heads,
  headsOf,
  joined,
  rootOfScale,
  scatterRows,
  transposeScaled,
} from './heads.ts';
import { multiply, precisionOf, type SoftmaxPrecision, softmaxRows } from './scores.ts';

/** What the fourth output holds. */
const QK = { raw: 0, capped: 1, biased: 2, softmax: 3 } as const;

/**
 * Y = softmax(softcap(√s·Q · (√s·K)ᵀ) + bias) · V over heads; a group of query heads shares a head of K and V. Outputs Y,
 * present_key, present_value and the scores at the stage that qk_matmul_output_mode names. A query that may attend to
 * no key has zeros. The products are float32 sums in ascending order. Source: onnx.ai/onnx/operators, Attention; where
 * the reference implementation departs from it (mode 0 with a softcap) the text and the function body hold.
 */
export const attention: Operator = (call) => {
  const q = headsOf(call.input(0), 'Q', call.int('q_num_heads', 0), 'q_num_heads');
  const k = headsOf(call.input(1), 'K', call.int('kv_num_heads', 0), 'kv_num_heads');
  const v = headsOf(call.input(2), 'V', call.int('kv_num_heads', 0), 'kv_num_heads');
  const [pastKey, pastValue] = [call.optional(4), call.optional(5)];
  if ((pastKey === undefined) !== (pastValue === undefined))
    throw new BnnqError('mismatch', 'one of past_key and past_value is given without the other');
  expectTogether(q, k, v, [pastKey, pastValue]);
  const presentKey = joined(call, pastKey, k, 'past_key');
  const presentValue = joined(call, pastValue, v, 'past_value');
  const past = pastKey?.shape[2] ?? 0;
  const keys = past + k.length;
  if (presentValue.shape[2] !== keys)
    throw new BnnqError('mismatch', `past_key has ${past} places, past_value ${pastValue?.shape[2]}`);
  const shape = q.isPacked ? [q.batch, q.length, q.heads * v.size] : [q.batch, q.heads, q.length, v.size];
  const y = call.allocate(q.tensor.dtype, shape);
  const scores = call.wants(3)
    ? call.allocate(q.tensor.dtype, [q.batch, q.heads, q.length, keys])
    : undefined;
  const bias = biasOf(call, { batch: q.batch, heads: q.heads, queries: q.length, keys, past });
  attend(call, { q, keys: presentKey, values: presentValue, y, scores, bias, settings: settingsOf(call, q) });
  const presents = [presentKey, presentValue].map((tensor, i) => {
    if (call.wants(i + 1)) return tensor;
    call.release(tensor);
    return undefined;
  });
  return [y, ...presents, scores];
};

interface Settings {
  /** √scale, in the type of Q. */
  readonly root: number;
  readonly softcap: number;
  readonly mode: number;
  readonly precision: SoftmaxPrecision;
}

function settingsOf(call: Call, q: Heads): Settings {
  const softcap = call.float('softcap', 0);
  const mode = call.int('qk_matmul_output_mode', QK.raw);
  const precision = precisionOf(call, q.tensor.dtype === 'DOUBLE' ? 'DOUBLE' : 'FLOAT');
  if (precision === undefined)
    throw new BnnqError('unsupported', `softmax_precision ${call.int('softmax_precision', 0)}`);
  if (softcap < 0) throw new BnnqError('unsupported', `a negative softcap ${softcap}`);
  if (mode < QK.raw || mode > QK.softmax)
    throw new BnnqError('malformed', `attribute "qk_matmul_output_mode" is ${mode}, expected 0 to 3`);
  return { root: rootOfScale(call, q), softcap, mode, precision };
}

function expectTogether(q: Heads, k: Heads, v: Heads, others: readonly (Tensor | undefined)[]): void {
  const { dtype } = q.tensor;
  if (dtype !== 'FLOAT' && dtype !== 'DOUBLE')
    throw new BnnqError('unsupported', `Attention of type ${dtype}`);
  const other = [k.tensor, v.tensor, ...others].find(
    (tensor) => tensor !== undefined && tensor.dtype !== dtype,
  );
  if (other !== undefined)
    throw new BnnqError('unsupported', `operands of types ${dtype} and ${other.dtype}`);
  expectHeadsFit(q, k, v);
}

interface Work {
  readonly q: Heads;
  /** [batch, heads, keys, size]. */
  readonly keys: Tensor;
  readonly values: Tensor;
  readonly y: Tensor;
  readonly scores: Tensor | undefined;
  readonly bias: Bias | undefined;
  readonly settings: Settings;
}

/** Head of K by head of K: the rows of the products are the queries of all the heads that share it. */
function attend(call: Call, work: Work): void {
  const { q, keys, values, y, scores, bias, settings } = work;
  const { mode, precision, softcap } = settings;
  const { dtype } = q.tensor;
  const [batch, heads, count, size] = keys.shape as [number, number, number, number];
  const width = values.shape[3]!;
  const group = heads === 0 ? 0 : q.heads / heads;
  const rows = group * q.length;
  const queries = call.allocate(dtype, [rows, size]);
  const transposed = call.allocate(dtype, [size, count]);
  const logits = call.allocate(dtype, [rows, count]);
  const weights = call.allocate(dtype, [rows, count]);
  const out = call.allocate(dtype, [rows, width]);
  const added = dtype === 'FLOAT' ? new Float32Array(q.length * count) : new Float64Array(q.length * count);
  const noKeys = new Array<boolean>(q.length).fill(count === 0);
  for (let b = 0; b < batch; b++)
    for (let h = 0; h < heads; h++) {
      const at = (b * heads + h) * rows * count;
      const keep = (stage: number, from: Tensor): void => {
        if (stage === mode && scores !== undefined)
          (scores.data as Floats).set((from.data as Floats).subarray(0, rows * count), at);
      };
      const first = h * group;
      gatherQueries(q, b, first, group, settings.root, queries.data as Floats);
      transposeScaled(keys, (b * heads + h) * count * size, settings.root, transposed.data as Floats);
      multiply(call, queries, transposed, 0, logits, rows, size, count);
      keep(QK.raw, logits);
      if (softcap !== 0) cap(logits.data as Floats, softcap);
      keep(QK.capped, logits);
      const masked: (readonly boolean[])[] = [];
      for (let g = 0; g < group; g++) {
        masked.push(bias?.(b, first + g, added) ?? noKeys);
        if (bias !== undefined) add(logits.data as Floats, g * q.length * count, added);
      }
      keep(QK.biased, logits);
      softmaxRows(call, logits, weights, rows, count, precision);
      clearRows(weights.data as Floats, masked.flat(), count);
      keep(QK.softmax, weights);
      multiply(call, weights, values, (b * heads + h) * count * width, out, rows, count, width);
      scatterRows(out.data as Floats, y.data as Floats, q, b, first, group, width);
    }
  for (const scratch of [queries, transposed, logits, weights, out]) call.release(scratch);
}

function cap(logits: Floats, softcap: number): void {
  for (let i = 0; i < logits.length; i++) logits[i] = softcap * tanh(logits[i]! / softcap);
}

function add(logits: Floats, start: number, added: Floats): void {
  for (let i = 0; i < added.length; i++) logits[start + i]! += added[i]!;
}

function clearRows(weights: Floats, isMasked: readonly boolean[], count: number): void {
  isMasked.forEach((masked, row) => {
    if (masked) weights.fill(0, row * count, (row + 1) * count);
  });
}
