import { alignedBytes, createMemory, LinearHeap } from '../heap.ts';
import { partsOf, type Range, rangesOf, type Work } from '../threads/ranges.ts';
import { type KernelTask, runTask, ThreadTeam } from '../threads/team.ts';
import { compiledModule, instantiate, THREAD_BYTES, type WasmExports } from './instance.ts';
import type { WasmMemory } from './webassembly.ts';

/** What kernels take and give. */
type HeapArray = Float32Array | Int32Array | Uint8Array;

function bytesOf({ buffer, byteOffset, byteLength }: HeapArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** As many bytes of the heap as the array has. */
function bytesIn(buffer: ArrayBufferLike, offset: number, { byteLength }: HeapArray): Uint8Array {
  return new Uint8Array(buffer, offset, byteLength);
}

export interface WorkspaceOptions {
  /** The caller's thread among them; 1 when absent. From 2 on the memory is a shared one. */
  readonly threads?: number;
  /** For tests: divide work however small. */
  readonly dividesAll?: boolean;
  /** For tests: leave all tasks to the other threads. */
  readonly callerWorks?: boolean;
}

/**
 * The memory, the heap in it and the code that computes in it, with one block of scratch that lives from call to call
 * and only ever grows, so that a network that has run once runs again without allocating.
 *
 * How a kernel uses several threads: inside of `call` it makes a list of tasks and hands it to `run`.
 *
 *     workspace.call(y, [x], sharedBytes, (yAt, shared, [xAt]) => {
 *       workspace.run(
 *         workspace.ranges(rows, { nanoseconds: rows * 40 }).map(({ from, to }) => [
 *           ['packSomething', xAt + from * rowBytes, to - from, ownScratch(0)],
 *           ['multiplySomething', ownScratch(0), yAt + from * outBytes],
 *         ]),
 *       );
 *     }, ownBytes);
 *
 * A task is a list of calls that one thread makes in order. Tasks of one `run` go in any order, on any thread: none may read what
 * another writes, nor write to the same bytes. `ownScratch(offset)` is an address in `ownBytes` of scratch that each thread has to
 * itself; it holds nothing from task to task. Where one step needs all of the step before, there are two calls of `run`.
 * A sum is never divided, so the results are the same bits for any number of threads. With one thread all calls are made by the caller, in the
 * order of the list.
 *
 * Calls of `exports` themselves are made by the calling thread alone.
 */
export class Workspace {
  readonly heap: LinearHeap;
  readonly exports: WasmExports;
  readonly threads: number;
  readonly #team: ThreadTeam | undefined;
  readonly dividesAll: boolean;
  #scratch = 0;
  #scratchBytes = 0;
  #own = 0;
  #ownBytes = 0;

  /** @throws Error where more than one thread is asked for and there is no SharedArrayBuffer, or threads do not start */
  constructor(options: WorkspaceOptions = {}) {
    const { threads = 1, dividesAll = false, callerWorks = true } = options;
    const isShared = threads > 1;
    if (isShared && typeof SharedArrayBuffer === 'undefined')
      throw new Error(
        `kernels: ${threads} threads need a SharedArrayBuffer, which a browser gives only to pages that are cross-origin isolated`,
      );
    const memory: WasmMemory = createMemory(1 << 20, isShared);
    this.threads = threads;
    this.dividesAll = dividesAll;
    this.exports = instantiate(memory, isShared);
    this.heap = new LinearHeap(memory, this.exports.heapBase() + (isShared ? threads * THREAD_BYTES : 0));
    if (!isShared) return;
    // Starting an instance clears the binary's own static memory, so that nobody may be using it.
    const firstPlace = Math.ceil(this.exports.heapBase() / 16) * 16;
    const placeOf = (thread: number): number => firstPlace + thread * THREAD_BYTES;
    this.exports.placeThread(placeOf(0));
    const start = { module: compiledModule(true), memory, placeOf };
    this.#team = new ThreadTeam(start, this.exports, threads, callerWorks);
  }

  /**
   * Runs a kernel on addresses. Arrays over the heap are used where they lie; others are copied to scratch, and the
   * output copied back. All scratch is taken before the first copy: taking it may grow the memory, after which arrays
   * over the old buffer are stale (also the caller's; see `Heap.buffer`).
   *
   * @param scratchBytes what `run` needs besides
   * @param run gets the address of the output, of the scratch (64-byte aligned), and of each input, 0 for a missing one
   * @param ownBytes scratch that each thread needs to itself; its addresses are those of `ownScratch`
   */
  call(
    output: HeapArray,
    inputs: readonly (HeapArray | undefined)[],
    scratchBytes: number,
    run: (output: number, scratch: number, inputs: number[]) => void,
    ownBytes = 0,
  ): void {
    const { buffer } = this.heap;
    const own = alignedBytes(scratchBytes);
    this.#ownBytes = alignedBytes(ownBytes);
    let needed = own + this.#ownBytes * this.threads;
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
    this.#own = scratch + own;
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

  /**
   * Runs tasks over the threads and waits for all, see above.
   * @returns whether a call of an export returned anything but 0
   * @throws Error when one of them traps
   */
  run(tasks: readonly KernelTask[]): boolean {
    if (this.#team !== undefined) return this.#team.run(tasks, this.#own, this.#ownBytes);
    let result = false;
    for (const task of tasks) result = runTask(this.exports, task, this.#own) || result;
    return result;
  }

  /** Cuts 0 … count − 1 into ranges for tasks; into one where the work is too little to be divided, or there is one thread. */
  ranges(count: number, work: Work): Range[] {
    return rangesOf(count, this.threads, work, this.dividesAll);
  }

  /** Into how many parts work of so many nanoseconds (of one thread) is worth to be cut; 1 where it is not. */
  parts(nanoseconds: number): number {
    return partsOf(this.threads, nanoseconds, this.dividesAll);
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

  /** Ends the threads and frees every block of the heap. */
  dispose(): void {
    this.#team?.close();
    this.heap.clear();
    this.#scratchBytes = 0;
  }
}
