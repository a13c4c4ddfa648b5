import type { WasmExports, WasmFunction } from '../wasm/instance.ts';
import type { WasmMemory } from '../wasm/webassembly.ts';
import {
  CONTROL_LENGTH,
  MESSAGE_CHARACTERS,
  OWN,
  PROGRAM_HEAD,
  PROGRAM_LENGTH,
  SLOTS,
  type ThreadStart,
} from './control.ts';
import { type Spawned, spawn } from './spawn.ts';

/** A call of a function of the binary. Arguments may be `ownScratch(offset)`. */
export type KernelCall = readonly [name: WasmFunction, ...args: number[]];

/** Calls that one thread makes one after the other. */
export type KernelTask = readonly KernelCall[];

/** An argument: the address `offset` (an even number) in the scratch that each thread has of its own. */
export function ownScratch(offset: number): number {
  return OWN + offset;
}

/** Whether one thread may wait for another here by sleeping. A browser's main thread may not. */
function maySleep(control: Int32Array): boolean {
  try {
    Atomics.wait(control, SLOTS.ready, -1, 0);
    return true;
  } catch {
    return false;
  }
}

/**
 * Looks at a counter before sleeping, 8 ns each. A thread that waits for work looks for longer than most gaps between two layers are, and than it
 * takes to wake it. The caller looks for less long: where other processes want the processors, it holds the one that the thread could have
 * that it waits for. Measured there with as many looks for both, ResNet-20 on two threads took 3.7 ms with 50, 3.9 with 2,000, 4.2 with
 * 6,000, 5.0 with 20,000 looks; with two cores free CNV took 0.52 ms with 4,000 and 0.43 with 10,000.
 */
const SPINS = 10_000;
const CALLER_SPINS = 2_000;
/** How long threads may take to start (measured: 30 ms for one on an idle core). The caller goes on without those that take longer. */
const START_MS = 10_000;

/**
 * Threads that compute in one memory: the caller and `count − 1` workers, each with an instance of the binary of its own. `run` hands
 * them tasks and takes part; it returns when all are done. See control.ts.
 */
export class ThreadTeam {
  readonly count: number;
  readonly #exports: WasmExports;
  readonly #control = new Int32Array(new SharedArrayBuffer(CONTROL_LENGTH * 4));
  readonly #program = new Float64Array(new SharedArrayBuffer(PROGRAM_LENGTH * 8));
  readonly #numbers = new Map<string, number>();
  readonly #spawned: Spawned[] = [];
  readonly #maySleep: boolean;
  readonly #callerWorks: boolean;
  #isClosed = false;

  /**
   * @param exports the caller's own instance
   * @param placeOf the address of the static memory of a thread
   * @param callerWorks false leaves all work to the others, for tests
   */
  constructor(
    start: { module: object; memory: WasmMemory; placeOf(thread: number): number },
    exports: WasmExports,
    count: number,
    callerWorks = true,
  ) {
    this.count = count;
    this.#exports = exports;
    this.#callerWorks = callerWorks;
    for (const name of Object.keys(exports)) this.#numbers.set(name, this.#numbers.size);
    this.#maySleep = maySleep(this.#control);
    for (let thread = 1; thread < count; thread++) {
      const given: ThreadStart = {
        module: start.module,
        memory: start.memory,
        control: this.#control,
        program: this.#program,
        thread,
        place: start.placeOf(thread),
        slots: SLOTS,
        own: OWN,
        spins: SPINS,
        messageCharacters: MESSAGE_CHARACTERS,
      };
      this.#spawned.push(spawn(given, (message) => this.#fail(message)));
    }
    try {
      if (this.#maySleep) this.#awaitStart();
    } catch (thrown) {
      this.close();
      throw thrown;
    }
  }

  /**
   * Runs tasks, each on any thread, in any order; returns when all are done.
   * @param ownBase where the threads' own scratch begins; @param ownBytes bytes for each thread
   * @returns whether a call returned anything but 0
   * @throws Error when a call traps; all other tasks are finished or given up by then
   */
  run(tasks: readonly KernelTask[], ownBase: number, ownBytes: number): boolean {
    let result = false;
    let from = 0;
    while (from < tasks.length) {
      const to = this.#write(tasks, from, ownBase, ownBytes);
      if (to - from > 1) result = this.#round(tasks, from, to, ownBase) || result;
      else for (let i = from; i < to; i++) result = this.#call(tasks[i]!, ownBase) || result;
      from = to;
    }
    return result;
  }

  /** Makes the calls of a task in the calling thread. */
  #call(task: KernelTask, ownBase: number): boolean {
    return runTask(this.#exports, task, ownBase);
  }

  /** One round, of the tasks from `from` on that `program` holds. */
  #round(tasks: readonly KernelTask[], from: number, to: number, ownBase: number): boolean {
    const control = this.#control;
    this.#throwFailure();
    Atomics.store(control, SLOTS.result, 0);
    Atomics.store(control, SLOTS.done, 0);
    Atomics.store(control, SLOTS.count, to - from);
    Atomics.store(control, SLOTS.left, to - from);
    Atomics.add(control, SLOTS.round, 1);
    if (Atomics.load(control, SLOTS.sleepers) > 0) Atomics.notify(control, SLOTS.round);
    let result = false;
    try {
      while (this.#callerWorks && Atomics.load(control, SLOTS.left) > 0) {
        const task = Atomics.sub(control, SLOTS.left, 1) - 1;
        if (task < 0) break;
        try {
          if (this.#call(tasks[from + task]!, ownBase)) result = true;
        } finally {
          Atomics.add(control, SLOTS.done, 1);
        }
      }
    } catch (thrown) {
      // What nobody has taken is given up; the others must be done before their memory is used for anything else.
      const given = Math.max(0, Atomics.exchange(control, SLOTS.left, 0));
      Atomics.add(control, SLOTS.done, given);
      this.#awaitDone(to - from);
      Atomics.store(control, SLOTS.failed, 0);
      throw thrown;
    }
    this.#awaitDone(to - from);
    this.#throwFailure();
    return result || Atomics.load(control, SLOTS.result) !== 0;
  }

  #awaitDone(count: number): void {
    const control = this.#control;
    let spins = CALLER_SPINS;
    while (Atomics.load(control, SLOTS.done) < count) {
      if (!this.#maySleep || spins-- > 0) continue;
      Atomics.store(control, SLOTS.callerSleeps, 1);
      const done = Atomics.load(control, SLOTS.done);
      if (done < count) Atomics.wait(control, SLOTS.done, done);
      Atomics.store(control, SLOTS.callerSleeps, 0);
    }
  }

  #awaitStart(): void {
    const control = this.#control;
    const end = Date.now() + START_MS;
    for (;;) {
      const ready = Atomics.load(control, SLOTS.ready);
      const left = end - Date.now();
      if (ready >= this.count - 1 || left <= 0) break;
      Atomics.wait(control, SLOTS.ready, ready, left);
    }
    this.#throwFailure();
  }

  /**
   * Writes as many tasks as `program` holds, one at least.
   * @returns the number of the first that is left for another round; only one more than `from` where a task is too long to be told to others
   */
  #write(tasks: readonly KernelTask[], from: number, ownBase: number, ownBytes: number): number {
    const program = this.#program;
    program[0] = ownBase;
    program[1] = ownBytes;
    const head = PROGRAM_HEAD + tasks.length - from;
    let at = head;
    let task = from;
    for (; task < tasks.length; task++) {
      const calls = tasks[task]!;
      let length = 1;
      for (const call of calls) length += call.length + 1;
      if (at + length > PROGRAM_LENGTH) break;
      program[PROGRAM_HEAD + task - from] = at;
      program[at++] = calls.length;
      for (const call of calls) {
        program[at++] = this.#numbers.get(call[0])!;
        program[at++] = call.length - 1;
        for (let i = 1; i < call.length; i++) program[at++] = call[i] as number;
      }
    }
    return Math.max(task, from + 1);
  }

  #fail(message: string): void {
    const control = this.#control;
    if (Atomics.exchange(control, SLOTS.failed, 1) !== 0) return;
    const text = message.slice(0, MESSAGE_CHARACTERS);
    for (let i = 0; i < text.length; i++) control[SLOTS.message + i] = text.charCodeAt(i);
    control[SLOTS.messageLength] = text.length;
  }

  #throwFailure(): void {
    const control = this.#control;
    if (Atomics.load(control, SLOTS.failed) === 0) return;
    const length = control[SLOTS.messageLength]!;
    const message = String.fromCharCode(...control.subarray(SLOTS.message, SLOTS.message + length));
    Atomics.store(control, SLOTS.failed, 0);
    throw new Error(`kernels: a thread failed: ${message}`);
  }

  /** Ends the threads. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    Atomics.store(this.#control, SLOTS.stop, 1);
    Atomics.add(this.#control, SLOTS.round, 1);
    Atomics.notify(this.#control, SLOTS.round);
    for (const one of this.#spawned) one.release();
  }
}

/** Makes the calls of a task. Returns whether one returned anything but 0. */
export function runTask(exports: WasmExports, task: KernelTask, ownBase: number): boolean {
  let result = false;
  for (const call of task) {
    const args: number[] = [];
    for (let i = 1; i < call.length; i++) {
      const value = call[i] as number;
      args.push(value >= OWN && value % 2 === 1 ? ownBase + (value - OWN) : value);
    }
    if (exports[call[0]](...args)) result = true;
  }
  return result;
}
