import { BnnqError, messageOf } from '../errors.ts';
import type { Model, Value } from '../ir/graph.ts';
import type { Kernels } from '../kernels/contract.ts';
import { createKernels, type KernelChoice } from '../kernels/select.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Activations } from './activations.ts';
import { Constants } from './constants.ts';
import { checkFeeds, type Feeds } from './feeds.ts';
import { HeapTensor } from './memory.ts';
import { expectSupported } from './operator-support.ts';
import { makePlan, type Plan, type Step } from './plan.ts';
import { rewriteForExecution } from './rewrite.ts';

export interface SessionOptions {
  /** Which kernels compute; `auto` by default. A set that is handed over stays the caller's to dispose of. */
  readonly kernels?: KernelChoice | Kernels;
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
  /** Most bytes that the kernels' heap ever had in use, scratch memory included. */
  readonly peakBytes: number;
}

/** A model ready to be run, any number of times. FLOAT16 and BFLOAT16 values are computed, and returned, as FLOAT. */
export interface Session {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Names that `run` can fetch: the outputs and the inner values that fusing has left. */
  readonly valueNames: readonly string[];
  readonly memory: MemoryUse;
  /**
   * Runs the network on one set of inputs.
   * @returns outputs by name, copies that belong to the caller
   * @throws mismatch for feeds or shapes that do not fit, with the node's name
   */
  run(feeds: Feeds, options?: RunOptions): Map<string, Tensor>;
  /** Frees the memory; the session cannot be used any more. */
  dispose(): void;
}

/**
 * Prepares a model for execution. Weights are laid out when they are first needed; discretized ones stay bit-planes.
 * @throws unsupported with the list of all operators that are not implemented; option for names to keep that do not exist
 */
export function createSession(model: Model, options: SessionOptions = {}): Session {
  expectSupported(model);
  return new GraphSession(model, options);
}

class GraphSession implements Session {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly valueNames: readonly string[];
  readonly #kernels: Kernels;
  readonly #ownsKernels: boolean;
  readonly #plan: Plan;
  readonly #activations: Activations;
  readonly #constants: Constants;
  readonly #values: (Tensor | undefined)[];
  readonly #outputNames: ReadonlySet<string>;
  #isDisposed = false;

  constructor(model: Model, options: SessionOptions) {
    const keep = options.keep ?? [];
    expectValues(model, keep);
    const choice = options.kernels ?? 'auto';
    this.#ownsKernels = typeof choice === 'string';
    this.#kernels = typeof choice === 'string' ? makeKernels(choice) : choice;
    const rewritten = rewriteForExecution(model, this.#kernels, keep);
    const { graph } = rewritten;
    this.inputs = graph.inputs;
    this.outputs = graph.outputs.map(asComputed);
    this.#outputNames = new Set(graph.outputs.map((output) => output.name));
    this.#activations = new Activations(this.#kernels.heap);
    this.#constants = new Constants(graph, this.#kernels.heap);
    const wanted = [...this.#outputNames, ...keep];
    this.#plan = makePlan(rewritten, this.#kernels, this.#activations, wanted);
    this.#values = new Array<Tensor | undefined>(this.#plan.slotCount).fill(undefined);
    for (const [name, slot] of this.#plan.slotOf) this.#values[slot] = this.#constants.get(name);
    this.valueNames = [...this.#plan.slotOf.keys()].filter((name) => this.#constants.get(name) === undefined);
  }

  get memory(): MemoryUse {
    return {
      weightBytes: this.#constants.heapBytes,
      activationBytes: this.#activations.peakBytes,
      peakBytes: this.#kernels.heap.peakBytes,
    };
  }

  run(feeds: Feeds, options: RunOptions = {}): Map<string, Tensor> {
    if (this.#isDisposed) throw new BnnqError('usage', 'the session has been disposed of');
    const tensors = checkFeeds(this.inputs, feeds);
    const wanted = this.#wanted(options.fetch);
    const results = new Map<string, Tensor>();
    const signature = tensors.map((tensor) => tensor.shape.join('x')).join(';');
    let complete = false;
    this.#activations.begin(signature);
    try {
      tensors.forEach((tensor, slot) => {
        this.#values[slot] = this.#take(tensor);
      });
      for (const [slot, name] of wanted) {
        const tensor = this.#values[slot];
        const isGiven = slot < tensors.length || this.#constants.get(name) !== undefined;
        if (isGiven && tensor !== undefined) results.set(name, copyOf(tensor));
      }
      for (const step of this.#plan.steps) this.#execute(step, wanted, results);
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

  #execute(step: Step, wanted: ReadonlyMap<number, string>, results: Map<string, Tensor>): void {
    const { call, operator, inputs, outputs, releases } = step;
    const values = this.#values;
    const operands = call.inputs;
    for (let i = 0; i < inputs.length; i++) operands[i] = inputs[i]! < 0 ? undefined : values[inputs[i]!];
    let made: Tensor | readonly (Tensor | undefined)[];
    try {
      made = operator(call);
    } catch (thrown) {
      throw placed(call.node, thrown);
    }
    for (let i = 0; i < outputs.length; i++) {
      const slot = outputs[i]!;
      if (slot < 0) continue;
      const tensor = isList(made) ? made[i] : i === 0 ? made : undefined;
      values[slot] = tensor;
      const name = wanted.get(slot);
      if (name !== undefined && tensor !== undefined) results.set(name, copyOf(tensor));
    }
    for (const slot of releases) {
      const tensor = values[slot];
      if (tensor instanceof HeapTensor) this.#activations.release(tensor);
      values[slot] = undefined;
    }
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

function isList(made: Tensor | readonly (Tensor | undefined)[]): made is readonly (Tensor | undefined)[] {
  return Array.isArray(made);
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

function makeKernels(choice: KernelChoice): Kernels {
  try {
    return createKernels(choice);
  } catch (thrown) {
    throw new BnnqError('unsupported', messageOf(thrown), {}, thrown);
  }
}

/** The declared value with the type that `run` returns. */
function asComputed(value: Value): Value {
  return value.dtype === 'FLOAT16' || value.dtype === 'BFLOAT16' ? { ...value, dtype: 'FLOAT' } : value;
}

function copyOf(tensor: Tensor): Tensor {
  return { dtype: tensor.dtype, shape: [...tensor.shape], data: tensor.data.slice() };
}

/** The outputs first, in the order of the graph. */
function inOrder(results: Map<string, Tensor>, outputs: ReadonlySet<string>): Map<string, Tensor> {
  const ordered = new Map<string, Tensor>();
  for (const name of outputs) {
    const tensor = results.get(name);
    if (tensor !== undefined) ordered.set(name, tensor);
  }
  for (const [name, tensor] of results) ordered.set(name, tensor);
  return ordered;
}

/** An error with the node that it happened in. */
function placed(node: { name: string; opType: string }, thrown: unknown): BnnqError {
  const code =
    thrown instanceof BnnqError ? thrown.code : thrown instanceof RangeError ? 'limit' : 'internal';
  const message = `node "${node.name}" (${node.opType}): ${messageOf(thrown)}`;
  return new BnnqError(code, message, { node: node.name }, thrown);
}
