import type { Heap } from './contract.ts';
import { type WasmMemory, wasm } from './wasm/webassembly.ts';

/** Blocks start at multiples of a cache line. */
export const HEAP_ALIGNMENT = 64;

const PAGE = 65536;
/** Left free at the end of the memory, so that a vector may be loaded at the last float of any block. */
const SPARE = 64;
/** A 32-bit WebAssembly memory ends at 4 GiB. */
const MAX_PAGES = 65536;
/** Growing replaces `buffer`, so it is done in large steps; pages that nobody touches cost nothing. */
const LARGEST_STEP = 256 * 1024 * 1024;

/** A memory to compute in, `initialBytes` long, growable to 4 GiB; `shared` by threads or not. */
export function createMemory(initialBytes: number, shared = false): WasmMemory {
  return new wasm.Memory({ initial: Math.ceil(initialBytes / PAGE), maximum: MAX_PAGES, shared });
}

/**
 * Allocator over a WebAssembly memory: best fit, neighbouring free blocks are joined, and the memory grows when nothing
 * fits. Growing detaches every typed array over the old buffer, so views are made anew from `buffer` after any call
 * that may allocate.
 */
export class LinearHeap implements Heap {
  readonly #memory: WasmMemory;
  /** Free blocks in ascending order, never touching each other. */
  #free: { offset: number; length: number }[] = [];
  readonly #used = new Map<number, number>();
  #end: number;
  #usedBytes = 0;
  #peakBytes = 0;

  /** @param start first byte that may be used; what lies before belongs to somebody else */
  constructor(memory: WasmMemory, start = 0) {
    this.#memory = memory;
    this.#end = memory.buffer.byteLength - SPARE;
    // Offset 0 is never handed out.
    const first = alignedBytes(Math.max(start, 1));
    if (first < this.#end) this.#free.push({ offset: first, length: this.#end - first });
  }

  get buffer(): ArrayBufferLike {
    return this.#memory.buffer;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get peakBytes(): number {
    return this.#peakBytes;
  }

  allocate(byteLength: number): number {
    if (!Number.isInteger(byteLength) || byteLength < 0) {
      throw new RangeError(`heap: expected a whole number of bytes, got ${byteLength}`);
    }
    const length = Math.max(alignedBytes(byteLength), HEAP_ALIGNMENT);
    let best = this.#bestFit(length);
    if (best < 0) {
      this.#grow(length);
      best = this.#free.length - 1;
    }
    const block = this.#free[best]!;
    const { offset } = block;
    if (block.length === length) {
      this.#free.splice(best, 1);
    } else {
      block.offset += length;
      block.length -= length;
    }
    this.#used.set(offset, length);
    this.#usedBytes += length;
    this.#peakBytes = Math.max(this.#peakBytes, this.#usedBytes);
    return offset;
  }

  free(offset: number): void {
    const length = this.#used.get(offset);
    if (length === undefined) throw new RangeError(`heap: no block starts at ${offset}`);
    this.#used.delete(offset);
    this.#usedBytes -= length;
    this.#release(offset, length);
  }

  /** Frees every block. */
  clear(): void {
    for (const offset of [...this.#used.keys()]) this.free(offset);
  }

  #bestFit(length: number): number {
    let best = -1;
    for (let i = 0; i < this.#free.length; i++) {
      const have = this.#free[i]!.length;
      if (have >= length && (best < 0 || have < this.#free[best]!.length)) best = i;
    }
    return best;
  }

  #release(offset: number, length: number): void {
    let at = this.#free.findIndex((block) => block.offset > offset);
    if (at < 0) at = this.#free.length;
    const before = this.#free[at - 1];
    const after = this.#free[at];
    const joinsBefore = before !== undefined && before.offset + before.length === offset;
    const joinsAfter = after !== undefined && offset + length === after.offset;
    if (joinsBefore && joinsAfter) {
      before.length += length + after.length;
      this.#free.splice(at, 1);
    } else if (joinsBefore) {
      before.length += length;
    } else if (joinsAfter) {
      after.offset = offset;
      after.length += length;
    } else {
      this.#free.splice(at, 0, { offset, length });
    }
  }

  /** Makes the last free block at least `length` long. */
  #grow(length: number): void {
    const last = this.#free.at(-1);
    const tail = last !== undefined && last.offset + last.length === this.#end ? last.length : 0;
    const needed = Math.ceil((length - tail) / PAGE);
    const have = this.#memory.buffer.byteLength / PAGE;
    const step = Math.min(Math.max(needed, Math.min(have >> 1, LARGEST_STEP / PAGE)), MAX_PAGES - have);
    if (step < needed) throw this.#exhausted(length);
    try {
      this.#memory.grow(step);
    } catch {
      throw this.#exhausted(length);
    }
    const start = this.#end;
    this.#end = this.#memory.buffer.byteLength - SPARE;
    this.#release(start, this.#end - start);
  }

  #exhausted(length: number): RangeError {
    return new RangeError(
      `heap: memory exhausted: ${length} bytes more do not fit beside ${this.#usedBytes} in use`,
    );
  }
}

/** The next multiple of `HEAP_ALIGNMENT`. */
export function alignedBytes(byteLength: number): number {
  return Math.ceil(byteLength / HEAP_ALIGNMENT) * HEAP_ALIGNMENT;
}
