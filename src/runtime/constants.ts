import type { Graph, Initializer } from '../ir/graph.ts';
import type { PreparedWeights } from '../kernels/contract.ts';
import type { DataType } from '../tensor/dtype.ts';
import type { NumericArray, Tensor } from '../tensor/tensor.ts';
import { belongsInHeap, type HeapLike, HeapTensor } from './memory.ts';
import { heldType, widen } from './widen.ts';

/**
 * A constant operand. Its elements are read when an operator first asks for `data`; an operator that takes it as a
 * weight asks for `prepare` instead and never makes the floats, so that codes stay codes.
 */
export class ConstantTensor implements Tensor {
  readonly initializer: Initializer;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly #onRead: ((constant: ConstantTensor) => void) | undefined;
  readonly #prepared = new Map<string, PreparedWeights>();
  #values: Tensor | undefined;

  /** @param onRead called when the elements have been read */
  constructor(initializer: Initializer, onRead?: (constant: ConstantTensor) => void) {
    this.initializer = initializer;
    this.dtype = heldType(initializer.dtype);
    this.shape = initializer.shape;
    this.#onRead = onRead;
  }

  get data(): NumericArray | string[] {
    if (this.#values === undefined) {
      this.#values = widen(this.initializer.read());
      this.#onRead?.(this);
    }
    return this.#values.data;
  }

  /** Moves elements that were read into the heap, if there are many. Not done on reading: that may be amid an operator, which holds views that growth would detach. */
  settle(heap: HeapLike): void {
    const tensor = this.#values;
    if (tensor === undefined || tensor instanceof HeapTensor || Array.isArray(tensor.data)) return;
    const { byteLength } = tensor.data;
    if (!belongsInHeap(tensor.dtype, byteLength)) return;
    const block = { offset: heap.allocate(byteLength), byteLength, references: 1, id: -1 };
    const held = new HeapTensor(heap, tensor.dtype, tensor.shape, block);
    (held.data as Uint8Array).set(tensor.data as Uint8Array);
    this.#values = held;
  }

  /** The weights that `make` lays out, made once for every `key`. */
  prepare(key: string, make: () => PreparedWeights): PreparedWeights {
    let weights = this.#prepared.get(key);
    if (weights === undefined) {
      weights = make();
      this.#prepared.set(key, weights);
    }
    return weights;
  }

  /** Bytes that this constant holds in the heap. */
  get heapBytes(): number {
    let bytes = this.#values instanceof HeapTensor ? this.#values.block.byteLength : 0;
    for (const weights of this.#prepared.values()) bytes += weights.byteLength;
    return bytes;
  }

  dispose(heap: HeapLike): void {
    if (this.#values instanceof HeapTensor) heap.free(this.#values.block.offset);
    this.#values = undefined;
    for (const weights of this.#prepared.values()) weights.release();
    this.#prepared.clear();
  }
}

/** The initializers of a graph and its subgraphs as operands, and what they hold of the heap. */
export class Constants {
  readonly #heap: HeapLike;
  readonly #all = new Map<Initializer, ConstantTensor>();
  #unsettled: ConstantTensor[] = [];

  constructor(heap: HeapLike) {
    this.#heap = heap;
  }

  /** The constants of a graph by name. An initializer that several graphs share is one constant. */
  of(graph: Graph): Map<string, ConstantTensor> {
    const byName = new Map<string, ConstantTensor>();
    for (const [name, initializer] of graph.initializers) byName.set(name, this.#constant(initializer));
    return byName;
  }

  #constant(initializer: Initializer): ConstantTensor {
    const known = this.#all.get(initializer);
    if (known !== undefined) return known;
    const constant = new ConstantTensor(initializer, (read) => this.#unsettled.push(read));
    this.#all.set(initializer, constant);
    return constant;
  }

  /** Between runs: moves what the last run read into the heap. */
  settle(): void {
    if (this.#unsettled.length === 0) return;
    for (const constant of this.#unsettled) constant.settle(this.#heap);
    this.#unsettled = [];
  }

  get heapBytes(): number {
    let bytes = 0;
    for (const constant of this.#all.values()) bytes += constant.heapBytes;
    return bytes;
  }

  dispose(): void {
    for (const constant of this.#all.values()) constant.dispose(this.#heap);
  }
}
