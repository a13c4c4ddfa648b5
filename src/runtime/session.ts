import { BnnqError, messageOf } from '../errors.ts';
import type { Model, Value } from '../ir/graph.ts';
import type { Kernels } from '../kernels/contract.ts';
import { createKernels, type KernelChoice, MAX_THREADS } from '../kernels/select.ts';
import { FUSED_DOMAIN } from '../passes/fused.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Activations } from './activations.ts';
import { Constants, ConstantTensor } from './constants.ts';
import { executeStep, type Values } from './execute.ts';
import { checkFeeds, type Feeds, type ValueFeeds } from './feeds.ts';
import { expectSupported, withMissingFunctions } from './operator-support.ts';
import { makePlan, type Plan } from './plan.ts';
import { rewriteForExecution } from './rewrite.ts';
import { copyOf, isTensor, kindOf, type RuntimeValue } from './values.ts';
import { heldType } from './widen.ts';

export interface SessionOptions {
  /** Which kernels compute; `auto` by default. A set that is handed over stays the caller's to dispose of. */
  readonly kernels?: KernelChoice | Kernels;
  /**
   * How many threads compute one run, the caller's among them; 1 by default. The outputs are the same bits for any number. More than one
   * need a SharedArrayBuffer, which a browser gives to pages that are cross-origin isolated only. The reference kernels compute in one all the
   * same. A set of kernels that is handed over has threads of its own, and this must be their number where it is given.
   */
  readonly threads?: number;
  /** Inner values of the graph that `run` shall be able to fetch; fusing would otherwise do away with many. */
  readonly keep?: readonly string[];
}

export interface RunOptions {
  /** Names of values to return besides the outputs, or `all` that are still there after fusing. */
  readonly fetch?: readonly string[] | 'all';
}

export interface MemoryUse {
  /** Bytes of constants and laid-out weights in the kernels' heap. */
  readonly weightBytes: number;
  /** Most bytes that the activations of a run took. */
  readonly activationBytes: number;
  /** Most bytes of activations that were alive at once, each until its last reader is done: no place for them needs less. */
  readonly aliveBytes: number;
  /** Most bytes that the kernels' heap ever had in use, scratch memory included. */
  readonly peakBytes: number;
}

/** Layers (convolutions and matrix products with constant weights) by what they compute with after fusing. */
export interface LayerArithmetic {
  /** Bits of sign maps. */
  readonly signs: number;
  /** Codes of at most 8 bits and 32-bit sums. */
  readonly integers: number;
  readonly floats: number;
}

/** A model ready to be run, any number of times. FLOAT16 and BFLOAT16 values are computed, and returned, as FLOAT. */
export interface Session {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Names that `run` can fetch: the outputs and the inner values that fusing has left. */
  readonly valueNames: readonly string[];
  readonly memory: MemoryUse;
  readonly layers: LayerArithmetic;
  /**
   * Runs the network on one set of inputs.
   * @returns outputs by name, copies that belong to the caller
   * @throws mismatch for feeds or shapes that do not fit, with the node's name; unsupported where an output is no tensor
   */
  run(feeds: Feeds, options?: RunOptions): Map<string, Tensor>;
  /** As `run`, for models with inputs or outputs that are sequences or optionals. */
  evaluate(feeds: ValueFeeds, options?: RunOptions): Map<string, RuntimeValue>;
  /** Frees the memory; the session cannot be used any more. */
  dispose(): void;
}

/**
 * Prepares a model for execution. Weights are laid out when they are first needed; discretized ones stay bit-planes.
 * @throws unsupported with the list of all operators that are not implemented, or where threads are not supported; option for names to
 *   keep that do not exist and a number of threads that is none
 */
export function createSession(model: Model, options: SessionOptions = {}): Session {
  const expanded = withMissingFunctions(model);
  expectSupported(expanded);
  return new GraphSession(expanded, options);
}

const LAYERS = /^(?:Binary|Integer)?(?:Conv|Linear)$|^(?:Gemm|MatMul|ConvTranspose)$/;

class GraphSession implements Session {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly valueNames: readonly string[];
  readonly #kernels: Kernels;
  readonly #ownsKernels: boolean;
  readonly #plan: Plan;
  readonly #activations: Activations;
  readonly #constants: Constants;
  readonly #values: Values;
  readonly #outputNames: ReadonlySet<string>;
  #isDisposed = false;

  constructor(model: Model, options: SessionOptions) {
    const keep = options.keep ?? [];
    expectValues(model, keep);
    const choice = options.kernels ?? 'auto';
    this.#ownsKernels = typeof choice === 'string';
    this.#kernels = kernelsOf(choice, options.threads);
    const rewritten = rewriteForExecution(model, this.#kernels, keep);
    const { graph } = rewritten;
    this.inputs = graph.inputs;
    this.outputs = graph.outputs.map(asComputed);
    this.#outputNames = new Set(graph.outputs.map((output) => output.name));
    this.#activations = new Activations(this.#kernels.heap);
    this.#constants = new Constants(this.#kernels.heap);
    const context = {
      model: rewritten,
      kernels: this.#kernels,
      memory: this.#activations,
      constants: this.#constants,
    };
    this.#plan = makePlan(graph, [...this.#outputNames, ...keep], context);
    this.#values = this.#plan.initial.slice();
    this.valueNames = [...this.#plan.slotOf.keys()].filter((name) => !graph.initializers.has(name));
  }

  get memory(): MemoryUse {
    return {
      weightBytes: this.#constants.heapBytes,
      activationBytes: this.#activations.peakBytes,
      aliveBytes: this.#activations.aliveBytes,
      peakBytes: this.#kernels.heap.peakBytes,
    };
  }

  get layers(): LayerArithmetic {
    const counts = { signs: 0, integers: 0, floats: 0 };
    for (const { call, inputs } of this.#plan.steps) {
      const { domain, opType } = call.node;
      const isLayer = LAYERS.test(opType) && (domain === '' || domain === FUSED_DOMAIN);
      if (!isLayer || !(this.#plan.initial[inputs[1] ?? -1] instanceof ConstantTensor)) continue;
      counts[opType.startsWith('Binary') ? 'signs' : opType.startsWith('Integer') ? 'integers' : 'floats']++;
    }
    return counts;
  }

  run(feeds: Feeds, options: RunOptions = {}): Map<string, Tensor> {
    const results = this.evaluate(feeds, options);
    for (const [name, value] of results)
      if (!isTensor(value))
        throw new BnnqError(
          'unsupported',
          `output "${name}" is ${kindOf(value)}, run gives tensors alone; call evaluate`,
          { tensor: name },
        );
    return results as Map<string, Tensor>;
  }

  evaluate(feeds: ValueFeeds, options: RunOptions = {}): Map<string, RuntimeValue> {
    if (this.#isDisposed) throw new BnnqError('usage', 'the session has been disposed of');
    const fed = checkFeeds(this.inputs, feeds);
    const wanted = this.#wanted(options.fetch);
    const results = new Map<string, RuntimeValue>();
    const collect = (slot: number, value: RuntimeValue): void => {
      const name = wanted.get(slot);
      if (name !== undefined) results.set(name, copyOf(value));
    };
    const signature = fed.map((value) => (isTensor(value) ? value.shape.join('x') : '')).join(';');
    let complete = false;
    this.#activations.begin(signature);
    try {
      fed.forEach((value, slot) => {
        this.#values[slot] = isTensor(value) ? this.#take(value) : value;
      });
      this.#plan.initial.forEach((constant, slot) => {
        const value = slot < fed.length ? this.#values[slot] : constant;
        if (value !== undefined) collect(slot, value);
      });
      for (const step of this.#plan.steps) executeStep(step, this.#values, this.#activations, collect);
      complete = true;
    } finally {
      this.#activations.end(complete);
    }
    this.#constants.settle();
    return inOrder(results, this.#outputNames);
  }

  /** Slots of the values to return, by slot. */
  #wanted(fetch: readonly string[] | 'all' = []): Map<number, string> {
    const wanted = new Map<number, string>();
    for (const name of [...this.#outputNames, ...(fetch === 'all' ? this.valueNames : fetch)]) {
      const slot = this.#plan.slotOf.get(name);
      if (slot === undefined)
        throw new BnnqError(
          'option',
          `value "${name}" cannot be fetched: it does not exist or was fused away; name it in the option "keep" of createSession`,
          { tensor: name },
        );
      wanted.set(slot, name);
    }
    return wanted;
  }

  /** Copies an input into the memory of the activations. */
  #take(tensor: Tensor): Tensor {
    if (Array.isArray(tensor.data)) return tensor;
    const taken = this.#activations.allocate(tensor.dtype, tensor.shape);
    (taken.data as Uint8Array).set(tensor.data as Uint8Array);
    return taken;
  }

  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#values.length = 0;
    this.#activations.dispose();
    this.#constants.dispose();
    if (this.#ownsKernels) this.#kernels.dispose();
  }
}

/** Throws for names that are no values of the graph. */
function expectValues(model: Model, names: readonly string[]): void {
  const { graph } = model;
  const known = new Set([...graph.inputs.map((input) => input.name), ...graph.initializers.keys()]);
  for (const node of graph.nodes) for (const output of node.outputs) known.add(output);
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length > 0)
    throw new BnnqError(
      'option',
      `keep: the graph has no value ${unknown.map((name) => `"${name}"`).join(', ')}`,
    );
}

/** The kernels that are asked for; `threads` must be a number of threads, and is that of a set that is handed over. */
function kernelsOf(choice: KernelChoice | Kernels, threads: number | undefined): Kernels {
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS))
    throw new BnnqError(
      'option',
      `threads: expected a whole number from 1 to ${MAX_THREADS}, got ${threads}`,
    );
  if (typeof choice !== 'string') {
    if (threads !== undefined && threads !== choice.threads)
      throw new BnnqError(
        'option',
        `threads: expected ${choice.threads}, the number of the kernels that were handed over, got ${threads}`,
      );
    return choice;
  }
  try {
    return createKernels(choice, threads === undefined ? {} : { threads });
  } catch (thrown) {
    throw new BnnqError('unsupported', messageOf(thrown), {}, thrown);
  }
}

/** The declared value with the type that `run` returns. */
function asComputed(value: Value): Value {
  return value.dtype === undefined ? value : { ...value, dtype: heldType(value.dtype) };
}

/** The outputs first, in the order of the graph. */
function inOrder(
  results: Map<string, RuntimeValue>,
  outputs: ReadonlySet<string>,
): Map<string, RuntimeValue> {
  const ordered = new Map<string, RuntimeValue>();
  for (const name of outputs) {
    const value = results.get(name);
    if (value !== undefined) ordered.set(name, value);
  }
  for (const [name, value] of results) ordered.set(name, value);
  return ordered;
}
