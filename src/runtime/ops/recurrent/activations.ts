import { BnnqError } from '../../../errors.ts';
import type { UnaryName } from '../../../kernels/contract.ts';
import { expm1, sigmoid, tanh } from '../../../kernels/math/exp.ts';
import { softplus } from '../../../kernels/math/log.ts';
import type { Call } from '../../call.ts';
import type { Floats } from './layer.ts';

/** An activation of a gate; float32 values go through the kernel, where there is one. */
export interface Activation {
  readonly f: (x: number) => number;
  readonly kernel?: UnaryName | undefined;
  readonly alpha: number;
  readonly beta: number;
}

/** Replaces the elements from `start` up to `end` by their activation, each rounded once. */
export function activate(
  call: Call,
  { f, kernel, alpha, beta }: Activation,
  values: Floats,
  start = 0,
  end: number = values.length,
): void {
  if (kernel !== undefined && values instanceof Float32Array) {
    const part = values.subarray(start, end);
    call.kernels.unary(kernel, part, part, alpha, beta);
  } else for (let i = start; i < end; i++) values[i] = f(values[i]!);
}

interface Kind {
  /** Default of alpha, and of beta, where the function has one; undefined: the function has it, the standard no default. */
  readonly parameters: readonly (number | undefined)[];
  readonly make: (alpha: number, beta: number) => (x: number) => number;
  readonly kernel?: UnaryName;
}

/**
 * The activations that the standard lists for RNN, GRU and LSTM. Defaults are those of the operator of the same name;
 * Affine and ScaledTanh are no operators any more, so that theirs must be given.
 */
const KINDS: Readonly<Record<string, Kind>> = {
  relu: { kernel: 'relu', parameters: [], make: () => (x) => Math.max(0, x) },
  tanh: { kernel: 'tanh', parameters: [], make: () => tanh },
  sigmoid: { kernel: 'sigmoid', parameters: [], make: () => sigmoid },
  affine: { parameters: [undefined, undefined], make: (alpha, beta) => (x) => alpha * x + beta },
  leakyrelu: {
    kernel: 'leakyRelu',
    parameters: [Math.fround(0.01)],
    make: (alpha) => (x) => (x < 0 ? alpha * x : x),
  },
  thresholdedrelu: { parameters: [1], make: (alpha) => (x) => (x >= alpha ? x : 0) },
  scaledtanh: { parameters: [undefined, undefined], make: (alpha, beta) => (x) => alpha * tanh(beta * x) },
  hardsigmoid: {
    kernel: 'hardSigmoid',
    parameters: [Math.fround(0.2), 0.5],
    make: (alpha, beta) => (x) => Math.max(0, Math.min(1, alpha * x + beta)),
  },
  elu: { kernel: 'elu', parameters: [1], make: (alpha) => (x) => (x < 0 ? alpha * expm1(x) : x) },
  softsign: { parameters: [], make: () => (x) => x / (1 + Math.abs(x)) },
  softplus: { kernel: 'softplus', parameters: [], make: () => softplus },
};

/**
 * The activations of a node, `defaults` for each direction where it names none. Values of activation_alpha and
 * activation_beta go, in order, to the functions that have such a parameter. A list with a value for every function
 * can be read in two ways; it is taken where both agree.
 * @throws malformed for names that the standard does not have, unsupported for values that are missing or ambiguous
 */
export function activationsOf(
  call: Call,
  defaults: readonly string[],
  directions: number,
): readonly Activation[][] {
  const attribute = call.node.attributes.get('activations');
  const given = attribute?.type === 'STRINGS' && attribute.value.length > 0 ? attribute.value : undefined;
  const wanted = defaults.length * directions;
  // The RNN schema's own default has two names, for a forward layer, too.
  if (
    given !== undefined &&
    given.length !== wanted &&
    !(given.length > wanted && isDefault(given, defaults))
  )
    throw new BnnqError(
      'malformed',
      `attribute "activations" has ${given.length} names, ${wanted} functions are needed`,
    );
  const names = Array.from({ length: wanted }, (_, i) => given?.[i] ?? defaults[i % defaults.length]!);
  const kinds = names.map(kindOf);
  const alphas = parametersOf(call, 'activation_alpha', names, kinds, 0);
  const betas = parametersOf(call, 'activation_beta', names, kinds, 1);
  const made = kinds.map(({ make, kernel }, i): Activation => {
    const [alpha, beta] = [alphas[i]!, betas[i]!];
    return { f: make(alpha, beta), kernel, alpha, beta };
  });
  return Array.from({ length: directions }, (_, d) =>
    made.slice(d * defaults.length, (d + 1) * defaults.length),
  );
}

function isDefault(given: readonly string[], defaults: readonly string[]): boolean {
  return given.every((name, i) => name === defaults[i % defaults.length]);
}

function kindOf(name: string): Kind {
  const key = name.toLowerCase();
  const kind = Object.hasOwn(KINDS, key) ? KINDS[key] : undefined;
  if (kind === undefined)
    throw new BnnqError('malformed', `attribute "activations": there is no activation "${name}"`);
  return kind;
}

function parametersOf(
  call: Call,
  attribute: string,
  names: readonly string[],
  kinds: readonly Kind[],
  which: number,
): number[] {
  const given = call.ints(attribute) ?? [];
  let next = 0;
  const values = kinds.map(({ parameters }, i) => {
    if (parameters.length <= which) return 0;
    const value = next < given.length ? given[next++] : parameters[which];
    if (value === undefined)
      throw new BnnqError('unsupported', `activation ${names[i]} without a value in ${attribute}`);
    return value;
  });
  const isPerFunction = given.length === kinds.length;
  const agrees = kinds.every(({ parameters }, i) => parameters.length <= which || values[i] === given[i]);
  if (next < given.length && next > 0 && !(isPerFunction && agrees))
    throw new BnnqError(
      'unsupported',
      `attribute "${attribute}" has ${given.length} values, the activations ${names.join(', ')} take ${next}`,
    );
  return values;
}
