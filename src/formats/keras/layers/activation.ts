import { activate, applyActivation } from '../activations.ts';
import { Config } from '../config.ts';
import type { JsonObject } from '../contract.ts';
import type { LayerCall, LayerConverter, LayerTable } from '../layer-call.ts';
import { transposed } from '../weight-views.ts';

/** A layer that is one activation, with the parameters in its configuration. */
function activation(name: string, defaults: JsonObject = {}): LayerConverter {
  return (call) =>
    activate(call, onlyInput(call), name, new Config({ ...defaults, ...call.config.json }, call.where));
}

/** The input; a second one is a mask, which would have to be looked at. */
function onlyInput(call: LayerCall): LayerCall['input'] {
  if (call.args.length > 1 && call.args[1] !== null) throw call.unsupported('a mask as its second argument');
  return call.input;
}

/** max(0, x) + alpha · min(0, x) with an alpha for each element, or for all along the shared axes. */
const prelu: LayerConverter = (call) => {
  const x = call.float(call.inputOfKnownRank());
  const shape = x.shape!;
  const shared = call.config.has('shared_axes') ? call.config.list('shared_axes') : [];
  const sizes = shape
    .slice(1)
    .map((dim, i) => (shared.includes(i + 1) ? 1 : typeof dim === 'number' ? dim : -1));
  const plain = x.scramble === undefined ? x : call.kerasOrder(x);
  const perm = (plain.order ?? shape.map((_, axis) => axis)).slice(1).map((axis) => axis - 1);
  const alpha = call.initializer(
    'alpha',
    () => {
      const variable = call.variable('alpha', 0, sizes);
      return transposed(variable, variable.shape, perm);
    },
    `${perm}`,
  );
  return plain.with({ value: call.node('PRelu', [plain.value, alpha]) });
};

/** x where x > theta, else 0. */
const thresholdedRelu: LayerConverter = (call) => {
  const x = call.float(call.input);
  return x.with({
    value: call.node('ThresholdedRelu', [x.value], { alpha: { float: call.config.number('theta', 1) } }),
  });
};

export const ACTIVATION_LAYERS: LayerTable = {
  Activation: (call) => applyActivation(call, call.input),
  ReLU: activation('relu'),
  LeakyReLU: activation('leaky_relu', { alpha: 0.3 }),
  ELU: activation('elu'),
  Softmax: activation('softmax'),
  PReLU: prelu,
  ThresholdedReLU: thresholdedRelu,
};
