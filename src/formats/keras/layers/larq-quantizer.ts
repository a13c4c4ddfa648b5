import type { Initializer } from '../../../ir/graph.ts';
import { floatData } from '../../../tensor/tensor.ts';
import { Config, isObject, short } from '../config.ts';
import type { LayerCall } from '../layer-call.ts';
import type { KerasTensor } from '../tensor.ts';
import { asFloat, lazyFloats } from '../weight-views.ts';

/** A quantizer of Larq 0.14 (larq/quantizers.py): what it does to a tensor of the graph, and to a stored kernel. */
export interface LarqQuantizer {
  apply(call: LayerCall, x: KerasTensor): KerasTensor;
  /** The values of a kernel whose last axis has that many elements. */
  kernel(values: Float32Array, last: number): Float32Array;
}

type Make = (config: Config, call: LayerCall) => LarqQuantizer;

/** Their names as functions, which configurations may hold as well. */
const ALIASES: Readonly<Record<string, string>> = {
  ste_sign: 'SteSign',
  approx_sign: 'ApproxSign',
  swish_sign: 'SwishSign',
  magnitude_aware_sign: 'MagnitudeAwareSign',
  ste_tern: 'SteTern',
  ste_heaviside: 'SteHeaviside',
  dorefa_quantizer: 'DoReFa',
  DoReFaQuantizer: 'DoReFa',
  no_op: 'NoOp',
};

const LARQ_MODULE = /^larq(\.|$)/;

/**
 * The quantizer under a key of the layer's configuration; undefined for null.
 * @throws unsupported for one that is not Larq's own
 */
export function larqQuantizer(call: LayerCall, key: string): LarqQuantizer | undefined {
  const json = call.config.get(key) ?? null;
  if (json === null) return undefined;
  const { class_name: className, config, module = null } = isObject(json) ? json : { class_name: json };
  const isLarq = typeof module !== 'string' || LARQ_MODULE.test(module);
  const given = className === 'function' && typeof config === 'string' ? config : className;
  const name = typeof given === 'string' && isLarq ? given : '';
  const make = quantizerOf(name);
  if (make === undefined) throw call.unsupported(`its ${key} ${short(json)} is none of Larq's`);
  return make(new Config(isObject(config) ? config : {}, `${key} of ${call.where}`), call);
}

function quantizerOf(name: string): Make | undefined {
  const own = Object.hasOwn(ALIASES, name) ? ALIASES[name]! : name;
  return Object.hasOwn(LARQ_QUANTIZERS, own) ? LARQ_QUANTIZERS[own] : undefined;
}

/** +1 where x ≥ 0, −0 included, else −1: Larq's sign is never 0. */
const sign: LarqQuantizer = {
  apply: (call, x) => {
    const isPositive = call.node('GreaterOrEqual', [x.value, call.floats('zero', 0)], {}, 'quantize/compare');
    const signs = [call.floats('plus', 1), call.floats('minus', -1)];
    return x.with({ value: call.node('Where', [isPositive, ...signs], {}, 'quantize/sign') });
  },
  kernel: (values) => values.map((value) => (value >= 0 ? 1 : -1)),
};

/** The sign times the mean size over all axes but the last. */
const magnitudeAware: LarqQuantizer = {
  apply: (call, given) => {
    const x = call.kerasOrder(given);
    const rank = call.assumeShape(x, x.shape ?? [null, null]).shape.length;
    const sizes = call.node('Abs', [x.value], {}, 'quantize/abs');
    const axes = call.integers(
      'outer',
      Array.from({ length: rank - 1 }, (_, axis) => axis),
    );
    const scale = call.node('ReduceMean', [sizes, axes], { keepdims: 0 }, 'quantize/mean');
    const signs = sign.apply(call, x);
    return x.with({ value: call.node('Mul', [signs.value, scale], {}, 'quantize/scale') });
  },
  kernel: (values, last) => {
    const means = new Float64Array(last);
    values.forEach((value, i) => {
      means[i % last]! += Math.abs(value);
    });
    const scales = Float32Array.from(means, (sum) => sum / (values.length / last));
    return values.map((value, i) => (value >= 0 ? scales[i % last]! : -scales[i % last]!));
  },
};

/** −1, 0 or +1 by a threshold; of ternary weight networks: 0.7 times the mean size. */
function ternary(config: Config): LarqQuantizer {
  const given = Math.fround(config.number('threshold_value', 0.05));
  const isMean = config.flag('ternary_weight_networks', false);
  return {
    apply: (call, x) => {
      const threshold = isMean ? meanThreshold(call, x) : call.floats('threshold', given);
      const sides = ['Add', 'Sub'].map((operator) =>
        call.node(
          'Sign',
          [call.node(operator, [x.value, threshold], {}, 'quantize/shift')],
          {},
          'quantize/side',
        ),
      );
      const sum = call.node('Add', sides, {}, 'quantize/sides');
      return x.with({ value: call.node('Sign', [sum], {}, 'quantize/ternary') });
    },
    kernel: (values) => {
      const mean = values.reduce((sum, value) => sum + Math.abs(value), 0) / Math.max(values.length, 1);
      const t = isMean ? Math.fround(0.7 * mean) : given;
      return values.map((value) => Math.sign(Math.sign(value + t) + Math.sign(value - t)));
    },
  };
}

function meanThreshold(call: LayerCall, x: KerasTensor): string {
  const sizes = call.node('Abs', [x.value], {}, 'quantize/abs');
  const mean = call.node('ReduceMean', [sizes], { keepdims: 0 }, 'quantize/mean');
  return call.node('Mul', [mean, call.floats('share', 0.7)], {}, 'quantize/threshold');
}

/** 1 where x > 0, else 0. */
const heaviside: LarqQuantizer = {
  apply: (call, x) => {
    const isPositive = call.node('Greater', [x.value, call.floats('zero', 0)], {}, 'quantize/compare');
    return x.with({ value: call.cast(isPositive, 'FLOAT', 'quantize/step') });
  },
  kernel: (values) => values.map((value) => (value > 0 ? 1 : 0)),
};

/** k bits: i / n with n = 2^k − 1, of [0, 1] clipped; for weights −1 … 1 of their tanh over its largest size. */
function doReFa(config: Config): LarqQuantizer {
  const bits = config.integer('k_bit', 2, 1);
  const isWeights = config.choice('mode', ['activations', 'weights'], 'activations') === 'weights';
  const n = 2 ** Math.min(bits, 24) - 1;
  const step = (share: number): number => Math.fround(roundEven(Math.fround(share * n)) / n);
  return {
    apply: (call, x) => {
      if (isWeights)
        throw call.unsupported('its input_quantizer is that of weights (DoReFa in mode "weights")');
      const clipped = call.node(
        'Clip',
        [x.value, call.floats('low', 0), call.floats('high', 1)],
        {},
        'quantize/clip',
      );
      const count = call.floats('count', n);
      const scaled = call.node('Mul', [clipped, count], {}, 'quantize/scale');
      const rounded = call.node('Round', [scaled], {}, 'quantize/round');
      return x.with({ value: call.node('Div', [rounded, count], {}, 'quantize/levels') });
    },
    kernel: (values) => {
      if (!isWeights) return values.map((value) => step(Math.min(1, Math.max(0, value))));
      const limited = values.map(tanh);
      const largest = limited.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const share = (value: number) =>
        Math.fround((largest === 0 ? 0 : Math.fround(value / (2 * largest))) + 0.5);
      return limited.map((value) => 2 * step(share(value)) - 1);
    },
  };
}

/** Half to even, as TensorFlow rounds. */
function roundEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
}

/**
 * tanh by Lambert's continued fraction x / (1 + x² / (3 + x² / (5 + …))): the same bits on every machine, which
 * Math.tanh does not promise. 60 terms are exact to 1e-15 up to 20, where tanh is 1 in float32.
 */
function tanh(x: number): number {
  if (Math.abs(x) > 20) return Math.sign(x);
  let below = 121;
  for (let k = 119; k > 0; k -= 2) below = k + (x * x) / below;
  return x / below;
}

const noOp: LarqQuantizer = { apply: (_, x) => x, kernel: (values) => values };

/** By class name. */
export const LARQ_QUANTIZERS: Readonly<Record<string, Make>> = {
  SteSign: () => sign,
  ApproxSign: () => sign,
  SwishSign: () => sign,
  MagnitudeAwareSign: () => magnitudeAware,
  SteTern: ternary,
  SteHeaviside: () => heaviside,
  DoReFa: doReFa,
  NoOp: () => noOp,
};

/** A stored kernel as the network uses it, quantized when it is read. */
export function quantizedKernel(stored: Initializer, quantizer: LarqQuantizer): Initializer {
  const weight = asFloat(stored);
  return lazyFloats(weight.shape, () => quantizer.kernel(floatData(weight.read()), weight.shape.at(-1) ?? 1));
}
