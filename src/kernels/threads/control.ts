import type { WasmMemory } from '../wasm/webassembly.ts';

/*
 * What the threads of a team share besides the memory that they compute in.
 *
 * A *round* is a list of independent tasks. Its caller writes them to `program`, sets `left` to their number, and waits until
 * `done` has reached it. A thread takes a task by counting `left` down: what it got is the number of the task plus one, or
 * nothing to do at 0 and below. So a thread that is late finds nothing, or a task of the round that goes on by then: tasks are
 * written before `left` is raised, and `left` is raised only when all tasks before are done. No thread waits for one that has taken nothing;
 * if the others never start, the caller does all by itself.
 */

/** Places in `control`. */
export interface ControlSlots {
  /** Tasks not taken yet; 0 or less when there are none. */
  readonly left: number;
  /** Tasks finished, and tasks of the round. */
  readonly done: number;
  readonly count: number;
  /** Changes with every round; threads without work sleep on it. */
  readonly round: number;
  /** Threads that sleep, or are about to. */
  readonly sleepers: number;
  /** 1 while the caller sleeps on `done`. */
  readonly callerSleeps: number;
  /** Threads that are up, or have failed to be. */
  readonly ready: number;
  readonly stop: number;
  /** 1 when a call of this round returned anything but 0. */
  readonly result: number;
  /** 1 when something was thrown; then the length of its message, and its characters from `message` on. */
  readonly failed: number;
  readonly messageLength: number;
  readonly message: number;
}

export const SLOTS: ControlSlots = {
  left: 0,
  done: 1,
  count: 2,
  round: 3,
  sleepers: 4,
  callerSleeps: 5,
  ready: 6,
  stop: 7,
  result: 8,
  failed: 9,
  messageLength: 10,
  message: 16,
};

export const MESSAGE_CHARACTERS = 240;
export const CONTROL_LENGTH: number = SLOTS.message + MESSAGE_CHARACTERS;

/**
 * `program`, float64: address and size of the own scratch of thread 0 (those of the others follow), then for each task where it
 * begins; a task is the number of its calls, and for each the number of the function among the exports, the number of arguments, and these.
 */
export const PROGRAM_HEAD = 2;
export const PROGRAM_LENGTH: number = 1 << 16;

/**
 * An address in the own scratch of the thread that makes the call, as an argument: 2⁵² + 1 + offset, the offset being even. Such
 * an odd number is neither an address nor a float32, whose whole numbers of that size are multiples of 2²⁹.
 */
export const OWN: number = 2 ** 52 + 1;

/** What a thread needs to know. */
export interface ThreadStart {
  /** The compiled binary. */
  readonly module: object;
  readonly memory: WasmMemory;
  readonly control: Int32Array;
  readonly program: Float64Array;
  /** From 1 on; the caller is thread 0. */
  readonly thread: number;
  /** Address of the thread's static memory, see thread-memory.as.ts. */
  readonly place: number;
  readonly slots: ControlSlots;
  readonly own: number;
  /** Looks at `left` before it sleeps. */
  readonly spins: number;
  readonly messageCharacters: number;
}
