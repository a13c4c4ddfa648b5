import { BnnqError } from '../../../errors.ts';
import { exp } from '../../../kernels/math/exp.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import type { Operator } from '../../call.ts';
import { sameShape, shapeText } from '../../shapes.ts';
import { type Heads, headsOf, startOf } from './heads.ts';

/** What the update rules have: the state decays, and what it already holds for a key is taken off first. */
const RULES: Readonly<Record<string, { readonly decays: boolean; readonly corrects: boolean }>> = {
  linear: { decays: false, corrects: false },
  gated: { decays: true, corrects: false },
  delta: { decays: false, corrects: true },
  gated_delta: { decays: true, corrects: true },
};

/**
 * A state S [key size, value size] for every head, place after place: S ← e^g·S if the rule decays, v ← β·(v − Sᵀk) if it
 * corrects, S ← S + k⊗v, output scale·Sᵀq. FLOAT throughout, sums ascending from +0; chunk_size is only a hint.
 * Source: onnx.ai/onnx/operators, LinearAttention.
 */
export const linearAttention: Operator = (call) => {
  const name = call.text('update_rule', 'gated_delta');
  const rule = Object.hasOwn(RULES, name) ? RULES[name] : undefined;
  if (rule === undefined)
    throw new BnnqError(
      'malformed',
      `attribute "update_rule" is "${name}", expected ${Object.keys(RULES).join(', ')}`,
    );
  const q = headsOf(call.input(0), 'query', call.int('q_num_heads', 0), 'q_num_heads');
  const k = headsOf(call.input(1), 'key', call.int('kv_num_heads', 0), 'kv_num_heads');
  const v = headsOf(call.input(2), 'value', call.int('kv_num_heads', 0), 'kv_num_heads');
  const [past, decay, beta] = [call.optional(3), call.optional(4), call.optional(5)];
  expectFits(q, k, v, past);
  expectGiven('decay', decay, rule.decays, name, k, [k.heads, k.heads * k.size]);
  expectGiven('beta', beta, rule.corrects, name, k, [k.heads, 1]);
  const output = call.allocate('FLOAT', [q.batch, q.length, q.heads * v.size]);
  const present = call.allocate('FLOAT', [q.batch, k.heads, k.size, v.size]);
  const states = present.data as Float32Array;
  if (past === undefined) states.fill(0);
  else states.set(past.data as Float32Array);
  const given = call.float('scale', 0);
  const scale = Math.fround(given === 0 ? 1 / Math.sqrt(q.size) : given);
  for (let b = 0; b < q.batch; b++)
    for (let h = 0; h < k.heads; h++) {
      const at = (b * k.heads + h) * k.size * v.size;
      const state = states.subarray(at, at + k.size * v.size);
      for (let t = 0; t < q.length; t++) {
        if (decay !== undefined) decayState(state, decay, k, b, h, t, v.size);
        write(state, k, v, beta, b, h, t);
        read(state, q, k.heads, b, h, t, scale, v.size, output);
      }
    }
  if (call.wants(1)) return [output, present];
  call.release(present);
  return output;
};

/** The state times e^g, g a number for the head or for every element of its key. */
function decayState(
  state: Float32Array,
  decay: Tensor,
  k: Heads,
  b: number,
  h: number,
  t: number,
  width: number,
): void {
  const g = decay.data as Float32Array;
  const perHead = decay.shape[2] === k.heads;
  const start = perHead ? (b * k.length + t) * k.heads + h : startOf(k, b, h, t);
  for (let d = 0, at = 0; d < k.size; d++) {
    const factor = Math.fround(exp(g[perHead ? start : start + d]!));
    for (let m = 0; m < width; m++) state[at++]! *= factor;
  }
}

function write(
  state: Float32Array,
  k: Heads,
  v: Heads,
  beta: Tensor | undefined,
  b: number,
  h: number,
  t: number,
): void {
  const key = k.tensor.data as Float32Array;
  const from = startOf(k, b, h, t);
  const start = startOf(v, b, h, t);
  const value = (v.tensor.data as Float32Array).slice(start, start + v.size);
  if (beta !== undefined) {
    const rates = beta.data as Float32Array;
    const perHead = beta.shape[2] === k.heads;
    const rate = rates[perHead ? (b * k.length + t) * k.heads + h : b * k.length + t]!;
    const held = transposedProduct(state, key, from, k.size, v.size);
    for (let m = 0; m < v.size; m++) value[m] = rate * Math.fround(value[m]! - held[m]!);
  }
  for (let d = 0, at = 0; d < k.size; d++)
    for (let m = 0; m < v.size; m++, at++) state[at] = state[at]! + Math.fround(key[from + d]! * value[m]!);
}

/** The outputs of the query heads that share the state. */
function read(
  state: Float32Array,
  q: Heads,
  stateHeads: number,
  b: number,
  h: number,
  t: number,
  scale: number,
  width: number,
  output: Tensor,
): void {
  const to = output.data as Float32Array;
  const group = q.heads / stateHeads;
  for (let head = h * group; head < (h + 1) * group; head++) {
    const sums = transposedProduct(
      state,
      q.tensor.data as Float32Array,
      startOf(q, b, head, t),
      q.size,
      width,
    );
    const at = ((b * q.length + t) * q.heads + head) * width;
    for (let m = 0; m < width; m++) to[at + m] = scale * sums[m]!;
  }
}

/** Sᵀx of a state [size, width]. */
function transposedProduct(
  state: Float32Array,
  x: Float32Array,
  start: number,
  size: number,
  width: number,
): Float32Array {
  const sums = new Float32Array(width);
  for (let d = 0, at = 0; d < size; d++) {
    const factor = x[start + d]!;
    for (let m = 0; m < width; m++) sums[m] = sums[m]! + Math.fround(state[at++]! * factor);
  }
  return sums;
}

function expectFits(q: Heads, k: Heads, v: Heads, past: Tensor | undefined): void {
  const problems: string[] = [];
  if (!q.isPacked || !k.isPacked || !v.isPacked) problems.push('query, key and value have three axes');
  if ([k, v].some(({ batch, length }) => batch !== q.batch || length !== q.length))
    problems.push('query, key and value have the same batch and length');
  if (q.size !== k.size) problems.push(`heads of query have ${q.size} elements, heads of key ${k.size}`);
  if (q.heads % k.heads !== 0)
    problems.push(`${q.heads} heads of query cannot share ${k.heads} heads of key`);
  const state = [q.batch, k.heads, k.size, v.size];
  if (past !== undefined && !sameShape(past.shape, state))
    problems.push(`past_state has shape ${shapeText(past.shape)}, expected ${shapeText(state)}`);
  for (const { tensor } of [q, k, v])
    if (tensor.dtype !== 'FLOAT')
      throw new BnnqError('unsupported', `LinearAttention of type ${tensor.dtype}`);
  if (problems.length > 0)
    throw new BnnqError(
      'mismatch',
      `${problems.join('; ')}: got ${[q, k, v].map(({ tensor }) => shapeText(tensor.shape)).join(', ')}`,
    );
}

/** An operand that a rule needs or forbids, [batch, length, one of `widths`]. */
function expectGiven(
  name: string,
  tensor: Tensor | undefined,
  isNeeded: boolean,
  rule: string,
  k: Heads,
  widths: readonly number[],
): void {
  if ((tensor !== undefined) !== isNeeded)
    throw new BnnqError(
      'mismatch',
      `update_rule "${rule}" ${isNeeded ? 'needs' : 'forbids'} the input ${name}`,
    );
  if (tensor === undefined) return;
  if (tensor.dtype !== 'FLOAT') throw new BnnqError('unsupported', `${name} of type ${tensor.dtype}`);
  const fits =
    tensor.shape.length === 3 &&
    tensor.shape[0] === k.batch &&
    tensor.shape[1] === k.length &&
    widths.includes(tensor.shape[2]!);
  if (!fits)
    throw new BnnqError(
      'mismatch',
      `${name} has shape ${shapeText(tensor.shape)}, expected ${shapeText([k.batch, k.length])} and ${widths.join(' or ')}`,
    );
}
