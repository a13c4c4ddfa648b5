import type { LayerCall } from '../layer-call.ts';
import type { KerasTensor } from '../tensor.ts';

/** The steps of a sequence that count, moved together: ONNX knows lengths of sequences, Keras any mask. */
export interface Steps {
  /** INT32 [batch]: how many steps count. */
  readonly lengths: string;
  /** [batch, time, features] with the steps that count at the front, in their order. */
  pack(x: KerasTensor): KerasTensor;
  /**
   * Spreads outputs of packed steps over all steps: a step that does not count repeats the output before it, zeros at
   * first; or it has zeros always.
   */
  unpack(y: KerasTensor, isZeroWhereMasked: boolean): KerasTensor;
  /** The final state, or the initial one for a sequence without any step that counts. */
  unlessEmpty(state: string, initial: KerasTensor): string;
}

/**
 * A masked step of Keras leaves state and output as they were. So a recurrent operator over the steps that count alone
 * has the same last state, and its output at step t is that of the last counting step up to t. With c(t) the number of
 * counting steps up to t, counting step k (from 0) lies at the number of t with c(t) ≤ k, and the output for t is
 * that of k = c(t) − 1; in reverse it is that of the next counting step from t on, k = c(t) − mask(t), beyond whose
 * last one ONNX has zeros.
 */
export function alignSteps(call: LayerCall, x: KerasTensor, mask: string, isReverse: boolean): Steps {
  const time = call.integers('time', [1]);
  const zero = call.integers('zero', 0);
  const one = call.integers('one', 1);
  const counts = call.cast(mask, 'INT64', 'mask/counts');
  const upTo = call.node('CumSum', [counts, one], {}, 'mask/up_to');
  const total = call.node('ReduceSum', [counts, time], { keepdims: 0 }, 'mask/total');
  const lengths = call.cast(total, 'INT32', 'mask/lengths');
  const steps = stepNumbers(call, x);
  const lastStep = call.node(
    'Sub',
    [call.node('Size', [steps], {}, 'mask/steps'), one],
    {},
    'mask/last_step',
  );
  const pick = (y: KerasTensor, index: string, step: string): KerasTensor => {
    const { value } = call.kerasOrder(y);
    const clipped = call.node('Min', [index, lastStep], {}, `${step}/index`);
    const nested = call.node('Unsqueeze', [clipped, call.integers('last_axis', [2])], {}, `${step}/nested`);
    const picked = call.node('GatherND', [value, nested], { batch_dims: 1 }, step);
    return y.with({ value: picked, order: undefined, mask: undefined });
  };
  return {
    lengths,
    pack(given) {
      const column = call.node('Unsqueeze', [steps, time], {}, 'mask/column');
      const row = call.node('Unsqueeze', [upTo, time], {}, 'mask/row');
      const isBefore = call.node('LessOrEqual', [row, column], {}, 'mask/is_before');
      const ones = call.cast(isBefore, 'INT64', 'mask/before');
      const last = call.integers('last_axis', [2]);
      return pick(given, call.node('ReduceSum', [ones, last], { keepdims: 0 }, 'mask/place'), 'pack');
    },
    unpack(made, isZeroWhereMasked) {
      const offset = isReverse ? counts : one;
      const place = call.node('Sub', [upTo, offset], {}, 'mask/output');
      const floor = call.node('Max', [place, zero], {}, 'mask/output_from_0');
      const picked = pick(made, floor, 'unpack');
      if (isReverse && !isZeroWhereMasked) return picked;
      const shown = isZeroWhereMasked ? mask : call.node('Greater', [upTo, zero], {}, 'mask/has_begun');
      const flag = call.node('Unsqueeze', [shown, call.integers('last_axis', [2])], {}, 'mask/flag');
      const value = call.node('Where', [flag, picked.value, call.floats('nothing', 0)], {}, 'unpack/where');
      return picked.with({ value });
    },
    unlessEmpty(state, initial) {
      const isEmpty = call.node('Equal', [total, zero], {}, 'mask/is_empty');
      const flag = call.node('Unsqueeze', [isEmpty, time], {}, 'mask/is_empty_column');
      return call.node('Where', [flag, call.kerasOrder(initial).value, state], {}, 'mask/state');
    },
  };
}

/** INT64 [time]: 0, 1, 2, … */
export function stepNumbers(call: LayerCall, x: KerasTensor, axis = 1): string {
  const steps = x.shape?.[axis];
  if (typeof steps === 'number' && steps <= MAX_CONSTANT_STEPS)
    return call.integers(
      `steps_${steps}`,
      Array.from({ length: steps }, (_, i) => i),
    );
  const shape = call.node('Shape', [call.kerasOrder(x).value], {}, 'shape');
  const count = call.node('Gather', [shape, call.integers('axis_of_steps', axis)], {}, 'count');
  return call.node('Range', [call.integers('zero', 0), count, call.integers('one', 1)], {}, 'steps');
}

/** Longer rows of numbers are made when the model runs. */
const MAX_CONSTANT_STEPS = 4096;
