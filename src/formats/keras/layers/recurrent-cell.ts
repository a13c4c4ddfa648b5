import type { BnnqError } from '../../../errors.ts';
import type { Initializer } from '../../../ir/graph.ts';
import { floatData } from '../../../tensor/tensor.ts';
import { isObject } from '../config.ts';
import type { ShortAttributes } from '../graph-builder.ts';
import type { LayerCall } from '../layer-call.ts';
import { lazyFloats } from '../weight-views.ts';

export type CellKind = 'LSTM' | 'GRU' | 'RNN';

/** One recurrent cell as ONNX wants it: an operator, its weights W, R and B, and its attributes without the direction. */
export interface Cell {
  readonly kind: CellKind;
  readonly units: number;
  /** Makes the initializers for inputs of that many features. */
  readonly weights: (features: number) => readonly [w: string, r: string, b: string | undefined];
  readonly attributes: ShortAttributes;
}

/** The gates of ONNX by their place in Keras: i, o, f, c out of i, f, c, o; z, r, h alike. */
const GATES: Readonly<Record<CellKind, readonly number[]>> = {
  LSTM: [0, 3, 1, 2],
  GRU: [0, 1, 2],
  RNN: [0],
};

const KINDS: Readonly<Record<string, CellKind>> = {
  LSTM: 'LSTM',
  LSTMCell: 'LSTM',
  GRU: 'GRU',
  GRUCell: 'GRU',
  SimpleRNN: 'RNN',
  SimpleRNNCell: 'RNN',
};

/** Whether the class is a recurrent layer or cell that ONNX has an operator for. */
export function cellKind(className: string): CellKind | undefined {
  return Object.hasOwn(KINDS, className) ? KINDS[className] : undefined;
}

/**
 * Reads a cell.
 * @param owner the call whose part owns the variables: that of the cell in the layer
 * @throws unsupported for an activation that the ONNX operator does not have
 */
export function readCell(owner: LayerCall, kind: CellKind): Cell {
  const { config } = owner;
  const units = config.integer('units', undefined, 1);
  const gates = GATES[kind];
  // Keras 2 had no reset_after before 2.1.3, and writes it ever since.
  const resetAfter = kind === 'GRU' && config.flag('reset_after', owner.major >= 3);
  const weights: Cell['weights'] = (features) => {
    const rows = (name: string, index: number, width: number, wanted: string) =>
      owner.initializer(wanted, () =>
        gateRows(owner.variable(name, index, [width, gates.length * units]), gates),
      );
    const w = rows('kernel', 0, features, 'W');
    const r = rows('recurrent_kernel', 1, units, 'R');
    const b = config.flag('use_bias', true) ? biasOf(owner, gates, units, resetAfter) : undefined;
    return [w, r, b];
  };
  const linear = resetAfter ? { linear_before_reset: 1 } : {};
  return { kind, units, weights, attributes: { hidden_size: units, ...linear, ...activations(owner, kind) } };
}

/** [features, gates·units] as [1, gates·units, features], the gates in another order. */
function gateRows(variable: Initializer, gates: readonly number[]): Initializer {
  const [features, width] = variable.shape as [number, number];
  const units = width / gates.length;
  return lazyFloats([1, width, features], () => {
    const from = floatData(variable.read());
    const to = new Float32Array(from.length);
    let at = 0;
    for (const gate of gates)
      for (let unit = 0; unit < units; unit++)
        for (let feature = 0; feature < features; feature++)
          to[at++] = from[feature * width + gate * units + unit]!;
    return to;
  });
}

/** B is the bias of W, then that of R: Keras has the second only in a GRU with reset_after, whose bias is [2, 3·units]. */
function biasOf(owner: LayerCall, gates: readonly number[], units: number, isTwice: boolean): string {
  const width = gates.length * units;
  const stored = () => owner.variable('bias', 2, isTwice ? [2, width] : [width]);
  return owner.initializer('B', () => {
    const variable = stored();
    return lazyFloats([1, 2 * width], () => {
      const from = floatData(variable.read());
      const to = new Float32Array(2 * width);
      for (let half = 0; half < (isTwice ? 2 : 1); half++)
        gates.forEach((gate, i) => {
          const start = half * width + gate * units;
          to.set(from.subarray(start, start + units), half * width + i * units);
        });
      return to;
    });
  });
}

interface OnnxActivation {
  readonly name: string;
  readonly alpha?: number;
  readonly beta?: number;
}

/** Keras's activations that ONNX's recurrent operators have as well. */
const ACTIVATIONS: Readonly<Record<string, OnnxActivation>> = {
  relu: { name: 'Relu' },
  tanh: { name: 'Tanh' },
  sigmoid: { name: 'Sigmoid' },
  linear: { name: 'Affine', alpha: 1, beta: 0 },
  elu: { name: 'Elu', alpha: 1 },
  softsign: { name: 'Softsign' },
  softplus: { name: 'Softplus' },
};

function activations(owner: LayerCall, kind: CellKind): ShortAttributes {
  const state = activationOf(owner, 'activation', 'tanh');
  const gate = kind === 'RNN' ? [] : [activationOf(owner, 'recurrent_activation', 'sigmoid')];
  const all = [...gate, state, ...(kind === 'LSTM' ? [state] : [])];
  const alphas = all.flatMap(({ alpha }) => alpha ?? []);
  const betas = all.flatMap(({ beta }) => beta ?? []);
  return {
    activations: { strings: all.map(({ name }) => name) },
    ...(alphas.length === 0 ? {} : { activation_alpha: { floats: alphas } }),
    ...(betas.length === 0 ? {} : { activation_beta: { floats: betas } }),
  };
}

function activationOf(owner: LayerCall, key: string, otherwise: string): OnnxActivation {
  const json = owner.config.get(key) ?? null;
  if (json === null && owner.config.json[key] === null) return ACTIVATIONS.linear!;
  const name = isObject(json) && typeof json.class_name === 'string' ? json.class_name : (json ?? otherwise);
  // clip(0.2 x + 0.5, 0, 1) became relu6(x + 3) / 6 in Keras 3.
  if (name === 'hard_sigmoid')
    return { name: 'HardSigmoid', alpha: owner.major >= 3 ? 1 / 6 : 0.2, beta: 0.5 };
  const known = typeof name === 'string' && Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
  if (known !== undefined) return known;
  throw refused(owner, key, name);
}

function refused(owner: LayerCall, key: string, name: unknown): BnnqError {
  const text = typeof name === 'string' ? `"${name}"` : 'of a kind of its own';
  return owner.unsupported(`its ${key} ${text} is none that ONNX has for recurrent layers`);
}
