import type { Operator } from '../../call.ts';
import { type Activation, activationsOf } from './activations.ts';
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
    if (!isLinearFirst) return resetFirst(layer, direction, f, g);
    const end = (direction.index + 1) * 6 * layer.hidden;
    const b = call.optional(3)?.data as Floats | undefined;
    return linearFirst(layer, direction, f, g, b?.slice(end - layer.hidden, end));
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
function resetFirst(layer: Layer, direction: Direction, f: Activation, g: Activation): Cell {
  const { batch, hidden, clip } = layer;
  const h = direction.states[0]!;
  const gateProduct = direction.recurrent(0, 2 * hidden);
  const hiddenProduct = direction.recurrent(2 * hidden, 3 * hidden);
  const sums = direction.scratch(batch * 2 * hidden);
  const z = direction.scratch(batch * hidden);
  const reset = direction.scratch(batch * hidden);
  const candidate = direction.scratch(batch * hidden);
  return (projected, rows) => {
    gateProduct(h, sums, batch);
    for (let n = 0; n < batch; n++) {
      if (rows[n]! < 0) continue;
      const from = rows[n]! * 3 * hidden;
      const sum = n * 2 * hidden;
      for (let i = 0, at = n * hidden; i < hidden; i++, at++) {
        z[at] = f(clipped(projected[from + i]! + sums[sum + i]!, clip));
        const r = f(clipped(projected[from + hidden + i]! + sums[sum + hidden + i]!, clip));
        reset[at] = r * h[at]!;
      }
    }
    hiddenProduct(reset, candidate, batch);
    for (let n = 0; n < batch; n++) {
      if (rows[n]! < 0) continue;
      const from = rows[n]! * 3 * hidden + 2 * hidden;
      for (let i = 0, at = n * hidden; i < hidden; i++, at++) {
        const value = g(clipped(projected[from + i]! + candidate[at]!, clip));
        h[at] = (1 - z[at]!) * value + z[at]! * h[at]!;
      }
    }
  };
}

/** The state is multiplied by Rh, its bias added, and the reset gate applied to that: GRU of cuDNN, Keras and PyTorch. */
function linearFirst(
  layer: Layer,
  direction: Direction,
  f: Activation,
  g: Activation,
  hiddenBias: Floats | undefined,
): Cell {
  const { batch, hidden, clip } = layer;
  const h = direction.states[0]!;
  const gateProduct = direction.recurrent(0, 2 * hidden);
  const hiddenProduct = direction.recurrent(2 * hidden, 3 * hidden, hiddenBias);
  const sums = direction.scratch(batch * 2 * hidden);
  const linear = direction.scratch(batch * hidden);
  return (projected, rows) => {
    gateProduct(h, sums, batch);
    hiddenProduct(h, linear, batch);
    for (let n = 0; n < batch; n++) {
      if (rows[n]! < 0) continue;
      const from = rows[n]! * 3 * hidden;
      const sum = n * 2 * hidden;
      for (let i = 0, at = n * hidden; i < hidden; i++, at++) {
        const z = f(clipped(projected[from + i]! + sums[sum + i]!, clip));
        const r = f(clipped(projected[from + hidden + i]! + sums[sum + hidden + i]!, clip));
        const value = g(clipped(projected[from + 2 * hidden + i]! + r * linear[at]!, clip));
        h[at] = (1 - z) * value + z * h[at]!;
      }
    }
  };
}
