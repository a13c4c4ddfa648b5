import type { DataType } from '../tensor/dtype.ts';
import { arrayClassOf, sizeOf, type Tensor } from '../tensor/tensor.ts';
import { type Lifetime, placeInArena } from './arena.ts';
import {
  AliasTensor,
  arrayBytes,
  type Block,
  belongsInHeap,
  type HeapLike,
  HeapTensor,
  type Memory,
} from './memory.ts';
import { sameShape } from './shapes.ts';

/** What a run allocated and released, in order: a byte length for an allocation, −(id+1) for a release. */
interface Trace {
  readonly events: number[];
  readonly offsets: readonly number[];
  readonly arenaBytes: number;
  /** Tensors of the allocations, kept so that their views need not be made again. */
  readonly tensors: (HeapTensor | undefined)[];
}

/** Traces kept, one for every set of input shapes: enough for a batch size and its last, smaller batch a few times over. */
const MAX_TRACES = 8;

/**
 * Events of the longest run that becomes a trace. Networks have hundreds; a loop may have any number, and placing n
 * allocations takes time in n², so that long runs are served by the heap every time.
 */
const MAX_EVENTS = 8192;

/**
 * Memory of the activations. The first run with given input shapes allocates from the heap and records what happens;
 * from the lifetimes follow fixed places in one arena, which later runs with the same shapes replay. A run that departs
 * from its trace (shapes that depend on data) allocates from the heap from there on and is recorded again next time.
 */
export class Activations implements Memory {
  readonly #heap: HeapLike;
  readonly #traces = new Map<string, Trace>();
  readonly #live = new Set<Block>();
  #arena = 0;
  #arenaBytes = 0;
  #signature = '';
  #events: number[] = [];
  #isTooLong = false;
  #count = 0;
  #trace: Trace | undefined;
  #cursor = 0;
  #current = 0;
  #peak = 0;
  #alive = 0;

  constructor(heap: HeapLike) {
    this.#heap = heap;
  }

  /** Most bytes that the activations of a run ever occupied at once. */
  get peakBytes(): number {
    return this.#peak;
  }

  /** Most bytes that were alive at once in a run that was recorded. */
  get aliveBytes(): number {
    return this.#alive;
  }

  /** Starts a run; `signature` stands for the input shapes. */
  begin(signature: string): void {
    this.#signature = signature;
    this.#count = 0;
    this.#cursor = 0;
    this.#events = [];
    this.#isTooLong = false;
    const trace = this.#traces.get(signature);
    this.#trace = trace;
    if (trace !== undefined && trace.arenaBytes > this.#arenaBytes) {
      if (this.#arenaBytes > 0) this.#heap.free(this.#arena);
      this.#arenaBytes = 0;
      this.#arena = this.#heap.allocate(trace.arenaBytes);
      this.#arenaBytes = trace.arenaBytes;
    }
    this.#current = trace === undefined ? 0 : this.#arenaBytes;
    this.#peak = Math.max(this.#peak, this.#current);
  }

  allocate(dtype: DataType, shape: readonly number[]): Tensor {
    const byteLength = arrayBytes(dtype, shape);
    if (!belongsInHeap(dtype, byteLength))
      return { dtype, shape, data: new (arrayClassOf(dtype))(sizeOf(shape)) };
    const id = this.#count++;
    const trace = this.#follow(byteLength);
    if (trace === undefined) return this.#allocateBlock(dtype, shape, byteLength, id);
    const offset = this.#arena + trace.offsets[id]!;
    const known = trace.tensors[id];
    if (known !== undefined && known.dtype === dtype && sameShape(known.shape, shape)) {
      known.block.offset = offset;
      known.block.references = 1;
      return known;
    }
    const tensor = new HeapTensor(this.#heap, dtype, shape, { offset, byteLength, references: 1, id });
    trace.tensors[id] = tensor;
    return tensor;
  }

  #allocateBlock(dtype: DataType, shape: readonly number[], byteLength: number, id: number): HeapTensor {
    const block = { offset: this.#heap.allocate(byteLength), byteLength, references: 1, id };
    this.#live.add(block);
    this.#current += byteLength;
    this.#peak = Math.max(this.#peak, this.#current);
    return new HeapTensor(this.#heap, dtype, shape, block);
  }

  view(tensor: Tensor, shape: readonly number[]): Tensor {
    if (!(tensor instanceof HeapTensor)) return new AliasTensor(tensor, shape);
    if (tensor.block.id >= 0) tensor.block.references++;
    return new HeapTensor(this.#heap, tensor.dtype, shape, tensor.block);
  }

  reuse(tensor: Tensor, dtype: DataType, shape: readonly number[]): Tensor | undefined {
    if (!(tensor instanceof HeapTensor) || tensor.block.references !== 1) return undefined;
    if (arrayBytes(dtype, shape) > tensor.block.byteLength) return undefined;
    tensor.block.references++;
    return new HeapTensor(this.#heap, dtype, shape, tensor.block);
  }

  retain(tensor: Tensor): void {
    if (tensor instanceof HeapTensor && tensor.block.id >= 0) tensor.block.references++;
  }

  release(tensor: Tensor): void {
    if (!(tensor instanceof HeapTensor) || tensor.block.id < 0) return;
    const block = tensor.block;
    if (--block.references > 0) return;
    this.#follow(-(block.id + 1));
    if (this.#live.delete(block)) {
      this.#heap.free(block.offset);
      this.#current -= block.byteLength;
    }
  }

  /** The trace if this run still follows it, with the event checked off; else notes the event. */
  #follow(event: number): Trace | undefined {
    const trace = this.#trace;
    if (trace === undefined) {
      this.#note(event);
      return undefined;
    }
    if (trace.events[this.#cursor] === event) {
      this.#cursor++;
      return trace;
    }
    this.#traces.delete(this.#signature);
    this.#trace = undefined;
    this.#events = trace.events.slice(0, this.#cursor);
    this.#note(event);
    return undefined;
  }

  #note(event: number): void {
    if (this.#events.length < MAX_EVENTS) this.#events.push(event);
    else this.#isTooLong = true;
  }

  /** Ends a run. What is still alive (after an error) is freed; a complete new run becomes a trace. */
  end(complete: boolean): void {
    for (const block of this.#live) this.#heap.free(block.offset);
    this.#live.clear();
    if (!complete || this.#isTooLong || this.#trace !== undefined) {
      this.#events = [];
      return;
    }
    const lifetimes: Lifetime[] = [];
    let alive = 0;
    this.#events.forEach((event, time) => {
      if (event >= 0) lifetimes.push({ byteLength: event, birth: time, death: this.#events.length });
      else lifetimes[-event - 1]!.death = time;
      alive += event >= 0 ? event : -lifetimes[-event - 1]!.byteLength;
      this.#alive = Math.max(this.#alive, alive);
    });
    const { offsets, byteLength } = placeInArena(lifetimes);
    if (this.#traces.size >= MAX_TRACES) {
      for (const oldest of this.#traces.keys()) {
        this.#traces.delete(oldest);
        break;
      }
    }
    this.#traces.set(this.#signature, { events: this.#events, offsets, arenaBytes: byteLength, tensors: [] });
    this.#events = [];
  }

  /** Gives the arena back. */
  dispose(): void {
    this.end(false);
    if (this.#arenaBytes > 0) this.#heap.free(this.#arena);
    this.#arenaBytes = 0;
    this.#traces.clear();
  }
}
