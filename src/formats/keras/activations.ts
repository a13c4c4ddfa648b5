import { Config, entryOf, isObject, short } from './config.ts';
import type { Json } from './contract.ts';
import type { LayerCall } from './layer-call.ts';
import type { KerasTensor } from './tensor.ts';

/** An activation that works element by element: the value that it makes of a value. */
type Elementwise = (call: LayerCall, x: string, config: Config) => string;

/** An activation that looks along an axis. */
type AlongAxis = (call: LayerCall, x: KerasTensor, config: Config) => KerasTensor;

/** Applies the activation that the layer's configuration names under `key`; none for null. @throws unsupported */
export function applyActivation(call: LayerCall, x: KerasTensor, key = 'activation'): KerasTensor {
  const named = call.config.get(key) ?? null;
  if (named === null) return x;
  const { name, config } = activationOf(call, named);
  return activate(call, x, name, config);
}

/**
 * Applies an activation by its Keras name.
 * @param config its parameters, by the names that Keras has for them
 */
export function activate(
  call: LayerCall,
  x: KerasTensor,
  name: string,
  config: Config = new Config({}, call.where),
): KerasTensor {
  const legacy = call.major < 3 ? entryOf(BEFORE_KERAS_3, name) : undefined;
  const elementwise = legacy ?? entryOf(ELEMENTWISE, name);
  const floating = call.float(x);
  if (elementwise !== undefined) return floating.with({ value: elementwise(call, floating.value, config) });
  const along = entryOf(ALONG_AXIS, name);
  if (along === undefined) throw call.unsupported(`its activation "${name}" is not known here`);
  return along(call, floating, config);
}

export function isActivation(name: string): boolean {
  return Object.hasOwn(ELEMENTWISE, name) || Object.hasOwn(ALONG_AXIS, name);
}

/** A name; or an object that holds a name (`{class_name: 'function', config: 'relu'}`), or is a layer. */
function activationOf(call: LayerCall, json: Json): { name: string; config: Config } {
  if (typeof json === 'string') return { name: json, config: new Config({}, call.where) };
  if (isObject(json)) {
    const { class_name: className, config, module } = json;
    const isOwn = typeof module === 'string' && !/^(keras|tf_keras|tensorflow|builtins)(\.|$)/.test(module);
    if (typeof config === 'string' && !isOwn) return { name: config, config: new Config({}, call.where) };
    const name = typeof className === 'string' ? entryOf(AS_LAYERS, className) : undefined;
    if (name !== undefined && isObject(config)) return { name, config: new Config(config, call.where) };
  }
  throw call.unsupported(`its activation ${short(json)} is not known here`);
}

/** Activations that are given as layers. */
const AS_LAYERS: Readonly<Record<string, string>> = {
  ReLU: 'relu',
  LeakyReLU: 'leaky_relu',
  ELU: 'elu',
  Softmax: 'softmax',
  Mish: 'mish',
};

/** A node of one operator without parameters. */
function plain(opType: string): Elementwise {
  return (call, x) => call.node(opType, [x]);
}

function clip(low: number, high: number): Elementwise {
  return (call, x) => call.node('Clip', [x, call.graph.scalar(low), call.graph.scalar(high)]);
}

/** keras/src/activations/activations.py `relu`: what the three parameters do together. */
const relu: Elementwise = (call, x, config) => {
  const slope = config.number('negative_slope', config.number('alpha', 0));
  const threshold = config.number('threshold', 0);
  const max = config.has('max_value') ? config.number('max_value') : undefined;
  const { graph } = call;
  if (slope === 0 && threshold === 0)
    return max === undefined
      ? call.node('Relu', [x])
      : call.node('Clip', [x, graph.scalar(0), graph.scalar(max)]);
  if (threshold === 0) {
    const leaky = call.node('LeakyRelu', [x], { alpha: { float: slope } });
    return max === undefined ? leaky : call.node('Min', [leaky, graph.scalar(max)]);
  }
  const isOver = call.node('Greater', [x, graph.scalar(threshold)]);
  let y = call.node('Where', [isOver, x, graph.scalar(0)]);
  if (max !== undefined) y = call.node('Clip', [y, graph.scalar(0), graph.scalar(max)]);
  if (slope === 0) return y;
  const below = call.node('Relu', [call.node('Sub', [graph.scalar(threshold), x])]);
  return call.node('Sub', [y, call.node('Mul', [below, graph.scalar(slope)])]);
};

const leakyRelu: Elementwise = (call, x, config) => {
  const slope = config.number('negative_slope', config.number('alpha', 0.2));
  return call.node('LeakyRelu', [x], { alpha: { float: slope } });
};

const silu: Elementwise = (call, x) => call.node('Mul', [x, call.node('Sigmoid', [x])]);

/** Where x > t: x, where x < −t: −, else 0; less t where `isSoft`. */
function shrink(isSoft: boolean): Elementwise {
  return (call, x, config) => {
    const threshold = config.number('threshold', 0.5);
    const bias = { float: isSoft ? threshold : 0 };
    return call.node('Shrink', [x], { lambd: { float: threshold }, bias });
  };
}

const ELEMENTWISE: Readonly<Record<string, Elementwise>> = {
  linear: (_, x) => x,
  relu,
  relu6: clip(0, 6),
  leaky_relu: leakyRelu,
  sigmoid: plain('Sigmoid'),
  tanh: plain('Tanh'),
  softplus: plain('Softplus'),
  softsign: plain('Softsign'),
  elu: (call, x, config) => call.node('Elu', [x], { alpha: { float: config.number('alpha', 1) } }),
  selu: plain('Selu'),
  celu: (call, x, config) => call.node('Celu', [x], { alpha: { float: config.number('alpha', 1) } }),
  exponential: plain('Exp'),
  swish: silu,
  silu,
  gelu: (call, x, config) =>
    call.node('Gelu', [x], { approximate: config.flag('approximate', false) ? 'tanh' : 'none' }),
  mish: plain('Mish'),
  // relu6(x + 3) / 6.
  hard_sigmoid: (call, x) => call.node('HardSigmoid', [x], { alpha: { float: 1 / 6 }, beta: { float: 0.5 } }),
  hard_silu: plain('HardSwish'),
  hard_swish: plain('HardSwish'),
  hard_tanh: clip(-1, 1),
  hard_shrink: shrink(false),
  soft_shrink: shrink(true),
  tanh_shrink: (call, x) => call.node('Sub', [x, call.node('Tanh', [x])]),
  log_sigmoid: (call, x) => call.node('Neg', [call.node('Softplus', [call.node('Neg', [x])])]),
  sparse_sigmoid: (call, x) => call.node('HardSigmoid', [x], { alpha: { float: 0.5 }, beta: { float: 0.5 } }),
  // 0 up to −1, (x + 1)² / 4 up to 1, then x.
  sparse_plus: (call, x) => {
    const { graph } = call;
    const inner = call.node('Clip', [x, graph.scalar(-1), graph.scalar(1)]);
    const shifted = call.node('Add', [inner, graph.scalar(1)]);
    const curve = call.node('Mul', [call.node('Mul', [shifted, shifted]), graph.scalar(0.25)]);
    return call.node('Where', [call.node('Less', [x, graph.scalar(1)]), curve, x]);
  },
  squareplus: (call, x, config) => {
    const { graph } = call;
    const square = call.node('Add', [call.node('Mul', [x, x]), graph.scalar(config.number('b', 4))]);
    return call.node('Mul', [call.node('Add', [x, call.node('Sqrt', [square])]), graph.scalar(0.5)]);
  },
  threshold: (call, x, config) => {
    const isOver = call.node('Greater', [x, call.graph.scalar(config.number('threshold'))]);
    return call.node('Where', [isOver, x, call.graph.scalar(config.number('default_value'))]);
  },
};

/** Where Keras 2 means another function by the same name: its hard sigmoid is clip(x / 5 + 0.5, 0, 1). */
const BEFORE_KERAS_3: Readonly<Record<string, Elementwise>> = {
  hard_sigmoid: (call, x) => call.node('HardSigmoid', [x], { alpha: { float: 0.2 }, beta: { float: 0.5 } }),
};

function softmax(opType: string): AlongAxis {
  return (call, x, config) => {
    const axes = config.list('axis', [-1]);
    const lone = axes[0];
    if (lone === undefined || axes.length > 1)
      throw call.unsupported(`softmax over the ${axes.length} axes [${axes}]`);
    if (x.shape === undefined) {
      if (lone !== -1) throw call.unsupported('the shape of its input is not known');
      return x.with({ value: call.node(opType, [x.value], { axis: -1 }) });
    }
    // The elements of a flattened feature map may be in any order among themselves.
    const axis = x.physicalAxis(call.axisIn(lone, x.shape.length));
    return x.with({ value: call.node(opType, [x.value], { axis }) });
  };
}

const glu: AlongAxis = (call, given, config) => {
  const x = given.scramble === undefined ? given : call.kerasOrder(given);
  if (x.shape === undefined) throw call.unsupported('the shape of its input is not known');
  const axis = call.axisIn(config.integer('axis', -1), x.shape.length);
  const size = x.shape[axis];
  if (typeof size !== 'number' || size % 2 !== 0)
    throw call.malformed(`its gate halves an axis of ${size ?? 'unknown'} elements`);
  const halves = call.nodes('Split', [x.value], { axis: x.physicalAxis(axis), num_outputs: 2 }, 2) as [
    string,
    string,
  ];
  const value = call.node('Mul', [halves[0], call.node('Sigmoid', [halves[1]])]);
  return x.with({ value, shape: x.shape.map((dim, i) => (i === axis ? size / 2 : dim)) });
};

const ALONG_AXIS: Readonly<Record<string, AlongAxis>> = {
  softmax: softmax('Softmax'),
  log_softmax: softmax('LogSoftmax'),
  glu,
};
