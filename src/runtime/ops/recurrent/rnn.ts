import type { Operator } from '../../call.ts';
import { activate, activationsOf } from './activations.ts';
import { layerOf } from './layer.ts';
import { clipped, runSequence, sumOfBiases } from './sequence.ts';

/**
 * H = f(X·Wᵀ + H·Rᵀ + Wb + Rb). The two products are float32 sums in ascending order; what follows them is float64,
 * rounded where it is stored. Source: onnx.ai/onnx/operators, RNN.
 */
export const rnn: Operator = (call) => {
  const layer = layerOf(call, 1);
  const { batch, hidden, clip } = layer;
  const functions = activationsOf(call, ['Tanh'], layer.directions);
  return runSequence(call, layer, 1, [call.optional(5)], sumOfBiases(layer, 1), (direction) => {
    const f = functions[direction.index]![0]!;
    const h = direction.states[0]!;
    const product = direction.recurrent(0, hidden);
    const sums = direction.scratch(batch * hidden);
    return (projected, rows) => {
      product(h, sums, batch);
      for (let n = 0; n < batch; n++) {
        if (rows[n]! < 0) continue;
        const from = rows[n]! * hidden;
        for (let i = 0, at = n * hidden; i < hidden; i++, at++)
          sums[at] = clipped(projected[from + i]! + sums[at]!, clip);
      }
      activate(call, f, sums);
      for (let n = 0; n < batch; n++)
        if (rows[n]! >= 0) h.set(sums.subarray(n * hidden, (n + 1) * hidden), n * hidden);
    };
  });
};
