import { type Argument, type LayerCall, tensorsIn } from '../layer-call.ts';
import type { KerasTensor } from '../tensor.ts';
import { stepNumbers } from './recurrent-mask.ts';

/**
 * BOOL masks [batch, time] of the inputs: those that the call is given as `mask`, a list with nulls in it, or else those
 * that the layers before have set.
 */
export function maskArguments(
  call: LayerCall,
  inputs: readonly KerasTensor[],
): readonly (string | undefined)[] {
  const given: Argument = call.kwargs.mask ?? null;
  if (given === null) return inputs.map((x) => x.mask);
  const list = Array.isArray(given) ? (given as readonly Argument[]) : [given];
  return inputs.map((_, i) => {
    const [mask] = tensorsIn(list[i] ?? null);
    return mask && asFlags(call, mask);
  });
}

/** A tensor as BOOL in Keras order. */
export function asFlags(call: LayerCall, given: KerasTensor): string {
  const { value, dtype } = call.kerasOrder(given);
  return dtype === 'BOOL' ? value : call.cast(value, 'BOOL', 'flags');
}

/** BOOL [Tq, Tv]: query t may look at the values up to t. */
export function causalMask(call: LayerCall, query: KerasTensor, value: KerasTensor): string {
  const rows = call.node(
    'Unsqueeze',
    [stepNumbers(call, query), call.integers('as_column', [1])],
    {},
    'queries_at',
  );
  return call.node('GreaterOrEqual', [rows, stepNumbers(call, value)], {}, 'causal_mask');
}
