import type { JsonObject } from '../contract.ts';
import {
  type Argument,
  type LayerCall,
  type LayerConverter,
  type LayerJson,
  type LayerTable,
  tensorsIn,
} from '../layer-call.ts';
import { layerJsonOf } from '../model/layer-json.ts';
import type { KerasTensor } from '../tensor.ts';
import { reverseTime, type Unrolled, unroll } from './recurrent.ts';
import { cellKind } from './recurrent-cell.ts';

const MERGES: Readonly<Record<string, string>> = { sum: 'Add', ave: 'Add', mul: 'Mul' };

/** Bidirectional: a recurrent layer from front to back and another from back to front, merged step by step. */
const bidirectional: LayerConverter = (call) => {
  const { config } = call;
  const where = `the layer of ${call.where}`;
  const forward = layerJsonOf(config.object('layer'), where);
  const backward = config.has('backward_layer')
    ? layerJsonOf(config.object('backward_layer'), where)
    : turned(forward);
  const states = tensorsIn(call.kwargs.initial_state ?? null);
  const given = states.length > 0 ? states : [...call.inputs.slice(1), ...tensorsIn(call.args[1] ?? null)];
  const half = given.length / 2;
  const ahead = direction(call, 'forward_layer', forward, given.slice(0, half));
  const back = direction(call, 'backward_layer', backward, given.slice(half));
  const returned = ahead.call.config.flag('return_state', false)
    ? [...ahead.made.states(), ...back.made.states()]
    : [];
  const isSequence = ahead.call.config.flag('return_sequences', false);
  const sides = [ahead, back].map((side) => {
    if (!isSequence) return side.made.last();
    // Keras turns what the backward layer gives, so that step t of both is about step t of the input.
    const isRead = side.isReverse === (side === back);
    return isRead ? side.made.sequence() : reverseTime(side.call, side.made.sequence());
  }) as [KerasTensor, KerasTensor];
  const mode = config.has('merge_mode')
    ? config.choice('merge_mode', ['concat', 'sum', 'mul', 'ave'], 'concat')
    : null;
  return [...merge(call, mode, sides), ...returned];
};

/** The configuration of the backward layer where the file has only that of the forward one. */
function turned(forward: LayerJson): LayerJson {
  const config: JsonObject = { ...forward.config, go_backwards: forward.config.go_backwards !== true };
  return { ...forward, config };
}

interface Side {
  readonly call: LayerCall;
  readonly isReverse: boolean;
  readonly made: Unrolled;
}

function direction(
  outer: LayerCall,
  attribute: string,
  json: LayerJson,
  states: readonly KerasTensor[],
): Side {
  if (cellKind(json.className) === undefined && json.className !== 'RNN')
    throw outer.unsupported(`its layer is a ${json.className}`);
  const kwargs: Record<string, Argument> = { initial_state: states };
  if (outer.kwargs.mask !== undefined) kwargs.mask = outer.kwargs.mask;
  const call = outer.inner(attribute, json, outer.inputs.slice(0, 1), kwargs);
  const isReverse = call.config.flag('go_backwards', false);
  // Bidirectional sets zero_output_for_mask to return_sequences, whatever the layer says.
  const isZeroWhereMasked = call.config.flag('return_sequences', false);
  return { call, isReverse, made: unroll(call, { isReverse, isZeroWhereMasked }) };
}

function merge(
  call: LayerCall,
  mode: 'concat' | 'sum' | 'mul' | 'ave' | null,
  [ahead, back]: readonly [KerasTensor, KerasTensor],
): KerasTensor[] {
  if (mode === null) return [ahead, back];
  const other = call.graph.arrange(back, call.name, ahead.order ?? ahead.shape!.map((_, axis) => axis));
  const values = [ahead.value, other.value];
  const axis = ahead.shape!.length - 1;
  if (mode === 'concat') {
    const sizes = [ahead.shape![axis], back.shape![axis]] as number[];
    const value = call.node('Concat', values, { axis: ahead.physicalAxis(axis) });
    return [ahead.with({ value, shape: [...ahead.shape!.slice(0, -1), sizes[0]! + sizes[1]!] })];
  }
  const value = call.node(MERGES[mode]!, values);
  return [
    ahead.with({ value: mode === 'ave' ? call.node('Mul', [value, call.floats('half', 0.5)]) : value }),
  ];
}

export const BIDIRECTIONAL_LAYERS: LayerTable = { Bidirectional: bidirectional };
