import { BnnqError } from '../errors.ts';
import type { Node, Value } from '../ir/graph.ts';
import type { Kernels } from '../kernels/contract.ts';
import type { DataType } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Memory } from './memory.ts';
import { expectShape, sameShape } from './shapes.ts';
import { isTensor, kindOf, type RuntimeValue, TensorSequence } from './values.ts';
import { widen } from './widen.ts';

/** An operator: reads its inputs and attributes from the call, returns its outputs. */
export type Operator = (call: Call) => RuntimeValue | readonly (RuntimeValue | undefined)[];

/** A subgraph of a node (branch of If, body of Loop and Scan), ready to be run any number of times. */
export interface Body {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Runs it once: takes over one reference of every input and gives one of every output. */
  run(inputs: readonly RuntimeValue[]): RuntimeValue[];
}

/**
 * One node as its operator sees it. Made once a node and used for every run, so `memo` keeps what depends on shapes.
 * Allocate every output before reading any `data`: an allocation may grow the heap, which detaches the views.
 */
export class Call {
  readonly node: Node;
  /** Version of the operator set of the node's domain. */
  readonly opset: number;
  readonly kernels: Kernels;
  /** Operands of the current run; an absent optional one is undefined. */
  inputs: (RuntimeValue | undefined)[] = [];
  /** Whether the current operator is the last reader of the input. */
  dying: readonly boolean[] = [];
  /** Subgraphs by the name of their attribute. */
  bodies: ReadonlyMap<string, Body> = new Map();
  readonly #memory: Memory;
  #memoKeys: readonly (readonly number[])[] | undefined;
  #memoValue: unknown;

  constructor(node: Node, opset: number, kernels: Kernels, memory: Memory) {
    this.node = node;
    this.opset = opset;
    this.kernels = kernels;
    this.#memory = memory;
  }

  /** A required operand. */
  input(index: number): Tensor {
    const tensor = this.optional(index);
    if (tensor === undefined) throw new BnnqError('mismatch', `input ${index} is missing`);
    return tensor;
  }

  /** An optional operand. */
  optional(index: number): Tensor | undefined {
    const value = this.inputs[index];
    if (value === undefined || isTensor(value)) return value;
    throw new BnnqError('mismatch', `input ${index} is ${kindOf(value)}, a tensor is needed`);
  }

  /** A required operand that is a sequence. */
  sequence(index: number): TensorSequence {
    const value = this.inputs[index];
    if (value instanceof TensorSequence) return value;
    const got = value === undefined ? 'missing' : kindOf(value);
    throw new BnnqError('mismatch', `input ${index} is ${got}, a sequence is needed`);
  }

  /** A required subgraph. */
  body(name: string): Body {
    const body = this.bodies.get(name);
    if (body === undefined) throw new BnnqError('malformed', `it has no subgraph "${name}"`);
    return body;
  }

  /** Whether the node names the output: what nothing reads need not be made. */
  wants(output: number): boolean {
    return (this.node.outputs[output] ?? '') !== '';
  }

  /** A new output tensor, its content undefined. What is not returned must be released. @throws mismatch for what is no shape */
  allocate(dtype: DataType, shape: readonly number[]): Tensor {
    expectShape(shape);
    return this.#memory.allocate(dtype, shape);
  }

  /** Gives back a tensor that was allocated as scratch, or a reference to any value. */
  release(value: RuntimeValue): void {
    if (isTensor(value)) this.#memory.release(value);
  }

  /** One reference more: for a value that is handed on, or returned as it is. */
  retain<T extends RuntimeValue>(value: T): T {
    if (isTensor(value)) this.#memory.retain(value);
    return value;
  }

  /** An output with the elements of a tensor under another shape, without copying. */
  view(tensor: Tensor, shape: readonly number[]): Tensor {
    return this.#memory.view(tensor, shape);
  }

  /** An output of the type and shape of input `index`: in its place when this is its last use, else new. */
  inPlace(index: number): Tensor {
    const tensor = this.input(index);
    if (this.dying[index] === true) {
      const reused = this.#memory.reuse(tensor, tensor.dtype, tensor.shape);
      if (reused !== undefined) return reused;
    }
    return this.#memory.allocate(tensor.dtype, tensor.shape);
  }

  hasAttribute(name: string): boolean {
    return this.node.attributes.has(name);
  }

  /** A whole-number attribute. */
  int(name: string, fallback: number): number {
    const attribute = this.node.attributes.get(name);
    if (attribute === undefined) return fallback;
    if (attribute.type === 'INT' || attribute.type === 'FLOAT') return attribute.value;
    throw this.#wrongType(name, 'INT', attribute.type);
  }

  /** A floating-point attribute, as the float32 that ONNX stores. */
  float(name: string, fallback: number): number {
    return this.int(name, Math.fround(fallback));
  }

  ints(name: string): readonly number[] | undefined {
    const attribute = this.node.attributes.get(name);
    if (attribute === undefined) return undefined;
    if (attribute.type === 'INTS' || attribute.type === 'FLOATS') return attribute.value;
    throw this.#wrongType(name, 'INTS', attribute.type);
  }

  text(name: string, fallback: string): string {
    const attribute = this.node.attributes.get(name);
    if (attribute === undefined) return fallback;
    if (attribute.type === 'STRING') return attribute.value;
    throw this.#wrongType(name, 'STRING', attribute.type);
  }

  /** A tensor attribute, half precision widened. */
  tensor(name: string): Tensor | undefined {
    const attribute = this.node.attributes.get(name);
    if (attribute === undefined) return undefined;
    if (attribute.type === 'TENSOR') return widen(attribute.value.read());
    throw this.#wrongType(name, 'TENSOR', attribute.type);
  }

  #wrongType(name: string, wanted: string, got: string): BnnqError {
    return new BnnqError('malformed', `attribute "${name}" is of type ${got}, expected ${wanted}`);
  }

  /** `make()` of the last run if `keys` are the same numbers as then, else made anew: geometry that follows from shapes. */
  memo<T>(make: () => T, ...keys: (readonly number[])[]): T {
    const known = this.#memoKeys;
    if (known !== undefined && known.length === keys.length) {
      let i = 0;
      while (i < keys.length && (known[i] === keys[i] || sameShape(known[i]!, keys[i]!))) i++;
      if (i === keys.length) return this.#memoValue as T;
    }
    const value = make();
    this.#memoKeys = keys;
    this.#memoValue = value;
    return value;
  }
}
