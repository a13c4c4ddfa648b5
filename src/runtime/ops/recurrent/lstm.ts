import type { Operator } from '../../call.ts';
import { type Activation, activate, activationsOf } from './activations.ts';
import { expectShapes, type Floats, layerOf, stateShape } from './layer.ts';
import { clipped, runSequence, sumOfBiases } from './sequence.ts';

/**
 * i, f = f(X·Wᵀ + H·Rᵀ + P ⊙ C + Wb + Rb), c = g(X·Wcᵀ + H·Rcᵀ + Wbc + Rbc), C = f ⊙ C + i ⊙ c,
 * o = f(X·Woᵀ + H·Roᵀ + Po ⊙ C + Wbo + Rbo) of the new C, H = o ⊙ h(C). Gates lie in the order i, o, f, c, peepholes in
 * the order i, o, f. With input_forget f = 1 − i. Source: onnx.ai/onnx/operators, LSTM.
 */
export const lstm: Operator = (call) => {
  const layer = layerOf(call, 4);
  const { batch, hidden, directions, clip } = layer;
  const functions = activationsOf(call, ['Sigmoid', 'Tanh', 'Tanh'], directions);
  const isCoupled = call.int('input_forget', 0) !== 0;
  const initial = [call.optional(5), call.optional(6)];
  expectShapes(layer, {
    initial_c: [initial[1], stateShape(layer)],
    P: [call.optional(7), [directions, 3 * hidden]],
  });
  const peepholes = (call.optional(7)?.data as Floats | undefined)?.slice();
  return runSequence(call, layer, 4, initial, sumOfBiases(layer, 4), (direction) => {
    const [f, g, h] = functions[direction.index] as [Activation, Activation, Activation];
    const [hiddens, cells] = direction.states as [Floats, Floats];
    const product = direction.recurrent(0, 4 * hidden);
    const sums = direction.scratch(batch * 4 * hidden);
    const p =
      peepholes?.subarray(direction.index * 3 * hidden, (direction.index + 1) * 3 * hidden) ??
      direction.scratch(3 * hidden);
    const size = batch * hidden;
    const [input, output, forget, candidate] = [0, 1, 2, 3].map(() => direction.scratch(size)) as [
      Floats,
      Floats,
      Floats,
      Floats,
    ];
    const shown = direction.scratch(size);
    return (projected, rows) => {
      product(hiddens, sums, batch);
      for (let n = 0; n < batch; n++) {
        if (rows[n]! < 0) continue;
        const [x, s] = [rows[n]! * 4 * hidden, n * 4 * hidden];
        for (let i = 0, at = n * hidden; i < hidden; i++, at++) {
          const [k, c] = [2 * hidden + i, 3 * hidden + i];
          const before = cells[at]!;
          input[at] = clipped(projected[x + i]! + sums[s + i]! + p[i]! * before, clip);
          forget[at] = clipped(projected[x + k]! + sums[s + k]! + p[k]! * before, clip);
          candidate[at] = clipped(projected[x + c]! + sums[s + c]!, clip);
        }
      }
      activate(call, f, input);
      if (!isCoupled) activate(call, f, forget);
      activate(call, g, candidate);
      for (let n = 0; n < batch; n++) {
        if (rows[n]! < 0) continue;
        const [x, s] = [rows[n]! * 4 * hidden, n * 4 * hidden];
        for (let i = 0, at = n * hidden; i < hidden; i++, at++) {
          const o = hidden + i;
          const kept = isCoupled ? 1 - input[at]! : forget[at]!;
          cells[at] = kept * cells[at]! + input[at]! * candidate[at]!;
          output[at] = clipped(projected[x + o]! + sums[s + o]! + p[o]! * cells[at]!, clip);
        }
      }
      activate(call, f, output);
      shown.set(cells);
      activate(call, h, shown);
      for (let n = 0; n < batch; n++)
        if (rows[n]! >= 0)
          for (let at = n * hidden; at < (n + 1) * hidden; at++) hiddens[at] = output[at]! * shown[at]!;
    };
  });
};
