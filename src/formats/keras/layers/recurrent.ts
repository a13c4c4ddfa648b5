import type { Dim } from '../../../ir/graph.ts';
import { isArray } from '../config.ts';
import { type LayerCall, type LayerConverter, type LayerTable, tensorsIn } from '../layer-call.ts';
import { layerJsonOf } from '../model/layer-json.ts';
import { KerasTensor } from '../tensor.ts';
import { asFlags } from './attention-mask.ts';
import { type Cell, type CellKind, cellKind, readCell } from './recurrent-cell.ts';
import { alignSteps, type Steps } from './recurrent-mask.ts';

/** What a recurrent layer makes of a sequence; each adds its nodes when it is first asked for. */
export interface Unrolled {
  /** Output of every step, [batch, time, units], step t being that of the input's step t. */
  readonly sequence: () => KerasTensor;
  /** The states after the last step that was taken: h, and c of an LSTM; those of each cell of a stack. */
  readonly states: () => readonly KerasTensor[];
  /** Output of the last step. */
  readonly last: () => KerasTensor;
}

/** Sequences lie as [time, batch, features] in memory, which is what the ONNX operators take. */
const TIME_FIRST: readonly number[] = [1, 0, 2];

/** The cells of a recurrent layer, in order; a stack has several. */
function cellsOf(call: LayerCall): readonly Cell[] {
  const kind = cellKind(call.layer.className);
  if (kind !== undefined) return [readCell(call.inner('cell', call.layer, []), kind)];
  const json = call.config.get('cell');
  const where = `the cell of ${call.where}`;
  const layer = layerJsonOf(json, where);
  const cell = call.inner('cell', layer, []);
  if (layer.className !== 'StackedRNNCells') return [cellOf(call, cell)];
  const list = isArray(layer.config.cells) ? layer.config.cells : [];
  if (list.length === 0) throw call.malformed('its stack has no cells');
  const counts = new Map<string, number>();
  return list.map((item) => {
    const json = layerJsonOf(item, where);
    // In a list Keras calls things after their class: lstm_cell, lstm_cell_1, …
    const base = CELL_NAMES[json.className] ?? json.className;
    const count = counts.get(base) ?? 0;
    counts.set(base, count + 1);
    const name = count === 0 ? base : `${base}_${count}`;
    return cellOf(call, cell.inner('cells', json, []).inner(name, json, []));
  });
}

const CELL_NAMES: Readonly<Record<string, string>> = {
  LSTMCell: 'lstm_cell',
  GRUCell: 'gru_cell',
  SimpleRNNCell: 'simple_rnn_cell',
};

function cellOf(call: LayerCall, cell: LayerCall): Cell {
  const kind: CellKind | undefined = cellKind(cell.layer.className);
  if (kind === undefined) throw call.unsupported(`its cell is a ${cell.layer.className}`);
  return readCell(cell, kind);
}

/** The initial states of a call: behind the input in a list, the second argument, or a keyword. */
function initialStates(call: LayerCall): readonly KerasTensor[] {
  const [first, second = null] = call.args;
  const given = [...tensorsIn(first ?? null).slice(1), ...tensorsIn(second)];
  return given.length > 0 ? given : tensorsIn(call.kwargs.initial_state ?? null);
}

/**
 * The mask of the input: the keyword, or what the layers before it say. Keras 3 hands a mask on to a layer that is called
 * on one tensor alone (keras/src/layers/layer.py, "Populate mask argument(s)"): with initial states there is none.
 */
function maskOf(call: LayerCall, x: KerasTensor): string | undefined {
  const given = tensorsIn(call.kwargs.mask ?? null)[0];
  if (given !== undefined) return asFlags(call, given);
  return call.major >= 3 && initialStates(call).length > 0 ? undefined : x.mask;
}

/** The sequences that a call is made on. */
function sequenceInput(call: LayerCall): KerasTensor & { readonly shape: readonly Dim[] } {
  const first = call.inputs[0];
  if (first === undefined) throw call.malformed('has no input');
  const x = call.float(first.shape === undefined ? call.assumeShape(first, [null, null, null]) : first);
  if (x.shape?.length !== 3) throw call.malformed(`its input has ${x.shape?.length} axes, needs 3`);
  return x as KerasTensor & { shape: readonly Dim[] };
}

export interface UnrollOptions {
  /** From the last step to the first. */
  readonly isReverse: boolean;
  /** Steps that do not count have zeros, not the output before them. */
  readonly isZeroWhereMasked: boolean;
}

/** Runs a recurrent layer over its input. */
export function unroll(call: LayerCall, { isReverse, isZeroWhereMasked }: UnrollOptions): Unrolled {
  const states = initialStates(call);
  if (call.config.flag('time_major', false)) throw call.unsupported('its input is time-major');
  const cells = cellsOf(call);
  const count = cells.reduce((sum, { kind }) => sum + (kind === 'LSTM' ? 2 : 1), 0);
  if (states.length !== 0 && states.length !== count)
    throw call.malformed(`has ${states.length} initial states, needs ${count}`);
  const x = sequenceInput(call);
  const mask = maskOf(call, x);
  const steps = mask === undefined ? undefined : alignSteps(call, x, mask, isReverse);
  let sequence = once(() => call.graph.arrange(steps?.pack(x) ?? x, call.name, TIME_FIRST));
  const finals: (() => KerasTensor)[] = [];
  for (const cell of cells) {
    const own = states.slice(finals.length, finals.length + (cell.kind === 'LSTM' ? 2 : 1));
    const made = runCell(call, cell, sequence(), own, isReverse, steps);
    sequence = made.sequence;
    finals.push(...made.states);
  }
  return {
    sequence: once(() => (steps?.unpack(sequence(), isZeroWhereMasked) ?? sequence()).with({ mask })),
    states: () => finals.map((state) => state()),
    last: finals[finals.length - (cells.at(-1)?.kind === 'LSTM' ? 2 : 1)]!,
  };
}

function once<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** One ONNX node: LSTM, GRU or RNN. */
function runCell(
  call: LayerCall,
  cell: Cell,
  x: KerasTensor,
  initial: readonly KerasTensor[],
  isReverse: boolean,
  steps: Steps | undefined,
): { sequence: () => KerasTensor; states: readonly (() => KerasTensor)[] } {
  const features = x.shape![2];
  if (typeof features !== 'number')
    throw call.unsupported('the number of features of its input is not known');
  const [w, r, b] = cell.weights(features);
  const axis = call.integers('axis', [0]);
  const starts = initial.map((state) =>
    call.node('Unsqueeze', [call.float(call.kerasOrder(state)).value, axis], {}, 'initial'),
  );
  const attributes = { ...cell.attributes, ...(isReverse ? { direction: 'reverse' } : {}) };
  const inputs = [x.value, w, r, b, steps?.lengths, ...starts];
  const [y, ...finals] = call.nodes(cell.kind, inputs, attributes, cell.kind === 'LSTM' ? 3 : 2);
  const sequence = once(() =>
    x.with({
      value: call.node('Squeeze', [y, call.integers('direction', [1])], {}, 'sequence'),
      shape: [...x.shape!.slice(0, 2), cell.units],
      mask: undefined,
    }),
  );
  const states = finals.map((value, i) =>
    once(() => {
      const state = call.node('Squeeze', [value, axis], {}, i === 0 ? 'state' : 'carry');
      const start = initial[i];
      return new KerasTensor({
        value: steps === undefined || start === undefined ? state : steps.unlessEmpty(state, start),
        dtype: 'FLOAT',
        shape: [x.shape![0]!, cell.units],
      });
    }),
  );
  return { sequence, states };
}

/** A sequence from its last step to its first. */
export function reverseTime(call: LayerCall, x: KerasTensor): KerasTensor {
  const ends = [call.integers('last', [-1]), call.integers('before_first', [-(2 ** 31)])];
  const axis = call.integers('time', [x.physicalAxis(1)]);
  return x.with({ value: call.node('Slice', [x.value, ...ends, axis, ends[0]!], {}, 'reverse') });
}

/** LSTM, GRU, SimpleRNN, and RNN with one of their cells or a stack of them. */
const recurrent: LayerConverter = (call) => {
  const { config } = call;
  const isReverse = config.flag('go_backwards', false);
  const isZeroWhereMasked = config.flag('zero_output_for_mask', false);
  const { sequence, states, last } = unroll(call, { isReverse, isZeroWhereMasked });
  const returned = config.flag('return_state', false) ? states() : [];
  if (!config.flag('return_sequences', false)) return [last(), ...returned];
  // Keras gives the steps in the order in which they were taken, and leaves the mask as it was.
  return [isReverse ? reverseTime(call, sequence()) : sequence(), ...returned];
};

export const RECURRENT_LAYERS: LayerTable = {
  LSTM: recurrent,
  GRU: recurrent,
  SimpleRNN: recurrent,
  RNN: recurrent,
};
