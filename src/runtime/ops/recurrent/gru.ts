import type { Call, Operator } from '../../call.ts';
import { type Activation, activate, activationsOf } from './activations.ts';
import { type Floats, type Layer, layerOf } from './layer.ts';
import { type Cell, clipped, type Direction, type InputBias, runSequence } from './sequence.ts';

/**
 * z = f(X·Wzᵀ + H·Rzᵀ + Wbz + Rbz), r = f(X·Wrᵀ + H·Rrᵀ + Wbr + Rbr), then
 * h = g(X·Whᵀ + (r ⊙ H)·Rhᵀ + Rbh + Wbh), or with linear_before_reset h = g(X·Whᵀ + r ⊙ (H·Rhᵀ + Rbh) + Wbh), and
 * H = (1 − z) ⊙ h + z ⊙ H. Gates lie in the order z, r, h. Source: onnx.ai/onnx/operators, GRU.
 */
export const gru: Operator = (call) => {
  const layer = layerOf(call, 3);
  const functions = activationsOf(call, ['Sigmoid', 'Tanh'], layer.directions);
  const isLinearFirst = call.int('linear_before_reset', 0) !== 0;
  const biasOf = inputBias(layer, isLinearFirst);
  return runSequence(call, layer, 3, [call.optional(5)], biasOf, (direction) => {
    const [f, g] = functions[direction.index] as [Activation, Activation];
    if (!isLinearFirst) return resetFirst(call, layer, direction, f, g);
    const end = (direction.index + 1) * 6 * layer.hidden;
    const b = call.optional(3)?.data as Floats | undefined;
    return linearFirst(call, layer, direction, f, g, b?.slice(end - layer.hidden, end));
  });
};

/** Wb of all gates, plus Rb of those whose Rb is not multiplied by the reset gate. */
function inputBias({ hidden }: Layer, isLinearFirst: boolean): InputBias {
  const width = 3 * hidden;
  const folded = isLinearFirst ? 2 * hidden : width;
  return (b, start) =>
    b.slice(start, start + width).map((value, i) => (i < folded ? value + b[start + width + i]! : value));
}

/** The reset gate is applied to the state, which is then multiplied by Rh. */
function resetFirst(call: Call, layer: Layer, direction: Direction, f: Activation, g: Activation): Cell {
  const { batch, hidden } = layer;
  const h = direction.states[0]!;
  const product = direction.recurrent(2 * hidden, 3 * hidden);
  const gatesOf = updateAndReset(call, layer, direction, f);
  const candidate = direction.scratch(batch * hidden);
  return (projected, rows) => {
    const [z, r] = gatesOf(projected, rows);
    for (let at = 0; at < r.length; at++) r[at]! *= h[at]!;
    product(r, candidate, batch);
    finish(layer, projected, rows, candidate, 2, 1);
    activate(call, g, candidate);
    mix(hidden, rows, z, candidate, h);
  };
}

/** The state is multiplied by Rh, its bias added, and the reset gate applied to that: GRU of cuDNN, Keras and PyTorch. */
function linearFirst(
  call: Call,
  layer: Layer,
  direction: Direction,
  f: Activation,
  g: Activation,
  hiddenBias: Floats | undefined,
): Cell {
  const { batch, hidden } = layer;
  const h = direction.states[0]!;
  const product = direction.recurrent(2 * hidden, 3 * hidden, hiddenBias);
  const gatesOf = updateAndReset(call, layer, direction, f);
  const candidate = direction.scratch(batch * hidden);
  return (projected, rows) => {
    const [z, r] = gatesOf(projected, rows);
    product(h, candidate, batch);
    finish(layer, projected, rows, candidate, 2, r);
    activate(call, g, candidate);
    mix(hidden, rows, z, candidate, h);
  };
}

/** The gates z and r of a step, [batch, hidden] each. */
function updateAndReset(
  call: Call,
  layer: Layer,
  { states, recurrent, scratch }: Direction,
  f: Activation,
): (projected: Floats, rows: Int32Array) => readonly [z: Floats, r: Floats] {
  const { batch, hidden } = layer;
  const products = [recurrent(0, hidden), recurrent(hidden, 2 * hidden)];
  const gates = [scratch(batch * hidden), scratch(batch * hidden)] as const;
  return (projected, rows) => {
    gates.forEach((gate, index) => {
      products[index]!(states[0]!, gate, batch);
      finish(layer, projected, rows, gate, index, 1);
      activate(call, f, gate);
    });
    return gates;
  };
}

/** gate ← W·x + factor·gate, within the clip: what the activation of gate number `index` is applied to. */
function finish(
  { batch, hidden, clip }: Layer,
  projected: Floats,
  rows: Int32Array,
  gate: Floats,
  index: number,
  factor: Floats | 1,
): void {
  for (let n = 0; n < batch; n++) {
    if (rows[n]! < 0) continue;
    const from = (rows[n]! * 3 + index) * hidden;
    for (let i = 0, at = n * hidden; i < hidden; i++, at++)
      gate[at] = clipped(projected[from + i]! + (factor === 1 ? gate[at]! : factor[at]! * gate[at]!), clip);
  }
}

/** H ← (1 − z) ⊙ h + z ⊙ H for the sequences that have not ended. */
function mix(hidden: number, rows: Int32Array, z: Floats, candidate: Floats, h: Floats): void {
  for (let n = 0; n < rows.length; n++)
    if (rows[n]! >= 0)
      for (let at = n * hidden; at < (n + 1) * hidden; at++)
        h[at] = (1 - z[at]!) * candidate[at]! + z[at]! * h[at]!;
}
