import { alignedBytes, createMemory, LinearHeap } from '../heap.ts';
import { instantiate, type WasmExports } from './instance.ts';
import type { WasmMemory } from './webassembly.ts';

/** What kernels take and give. */
type HeapArray = Float32Array | Int32Array | Uint8Array;

function bytesOf({ buffer, byteOffset, byteLength }: HeapArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** As many bytes of the heap as the array has. */
function bytesIn(buffer: ArrayBuffer, offset: number, { byteLength }: HeapArray): Uint8Array {
  return new Uint8Array(buffer, offset, byteLength);
}

/**
 * The memory, the heap in it and the code that computes in it, with one block of scratch that lives from call to call
 * and only ever grows, so that a network that has run once runs again without allocating.
 */
export class Workspace {
  readonly heap: LinearHeap;
  readonly exports: WasmExports;
  #scratch = 0;
  #scratchBytes = 0;

  constructor() {
    const memory: WasmMemory = createMemory(1 << 20);
    this.exports = instantiate(memory);
    this.heap = new LinearHeap(memory, this.exports.heapBase());
  }

  /**
   * Runs a kernel on addresses. Arrays over the heap are used where they lie; others are copied to scratch, and the
   * output copied back. All scratch is taken before the first copy: taking it may grow the memory, after which arrays
   * over the old buffer are stale (also the caller's; see `Heap.buffer`).
   *
   * @param scratchBytes what `run` needs besides
   * @param run gets the address of the output, of the scratch (64-byte aligned), and of each input, 0 for a missing one
   */
  call(
    output: HeapArray,
    inputs: readonly (HeapArray | undefined)[],
    scratchBytes: number,
    run: (output: number, scratch: number, inputs: number[]) => void,
  ): void {
    const { buffer } = this.heap;
    let needed = alignedBytes(scratchBytes);
    const place = (array: HeapArray | undefined): { at: number; staged: boolean } => {
      if (array === undefined || array.length === 0) return { at: 0, staged: false };
      if (array.buffer === buffer) return { at: array.byteOffset, staged: false };
      const at = needed;
      needed += alignedBytes(array.byteLength);
      return { at, staged: true };
    };
    const outputPlace = place(output);
    const places = inputs.map(place);
    const scratch = this.#reserve(needed);
    const resolve = (array: HeapArray | undefined, p: { at: number; staged: boolean }): number => {
      if (!p.staged || array === undefined) return p.at;
      bytesIn(this.heap.buffer, scratch + p.at, array).set(bytesOf(array));
      return scratch + p.at;
    };
    const addresses = inputs.map((array, i) => resolve(array, places[i]!));
    const outputAt = outputPlace.staged ? scratch + outputPlace.at : outputPlace.at;
    run(outputAt, scratch, addresses);
    if (outputPlace.staged) bytesOf(output).set(bytesIn(this.heap.buffer, outputAt, output));
  }

  #reserve(byteLength: number): number {
    if (byteLength > this.#scratchBytes) {
      if (this.#scratchBytes > 0) this.heap.free(this.#scratch);
      this.#scratchBytes = 0;
      this.#scratch = this.heap.allocate(byteLength);
      this.#scratchBytes = byteLength;
    }
    return this.#scratch;
  }

  /** Frees every block of the heap. */
  dispose(): void {
    this.heap.clear();
    this.#scratchBytes = 0;
  }
}
