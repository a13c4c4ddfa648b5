import type { WasmApi, WasmMemory } from '../wasm/webassembly.ts';
import type { ThreadStart } from './control.ts';

/**
 * What a thread does: instantiates the binary over the shared memory and takes tasks until it is told to stop. See control.ts.
 *
 * A worker is started from the *text* of this function (`spawn.ts`), so that it needs no file that a bundler, a test runner or a page
 * would have to find. It therefore uses its argument and globals only, and has no function inside.
 */
export function serve(start: ThreadStart): void {
  const { control, program, slots, own, thread } = start;
  try {
    const { WebAssembly } = globalThis as unknown as { WebAssembly: WasmApi };
    const imports: { env: { memory: WasmMemory } } = { env: { memory: start.memory } };
    const exported = new WebAssembly.Instance(start.module, imports).exports as Record<
      string,
      (...args: number[]) => number
    >;
    exported.placeThread!(start.place);
    const functions = Object.values(exported);
    Atomics.add(control, slots.ready, 1);
    Atomics.notify(control, slots.ready);
    while (Atomics.load(control, slots.stop) === 0) {
      const round = Atomics.load(control, slots.round);
      let spins = start.spins;
      while (Atomics.load(control, slots.left) <= 0 && spins > 0) spins--;
      if (Atomics.load(control, slots.left) <= 0) {
        // Whoever starts a round changes `round` first and looks for sleepers then, so that one of the two sees the other.
        Atomics.add(control, slots.sleepers, 1);
        if (Atomics.load(control, slots.stop) === 0) Atomics.wait(control, slots.round, round);
        Atomics.sub(control, slots.sleepers, 1);
        continue;
      }
      const task = Atomics.sub(control, slots.left, 1) - 1;
      if (task < 0) continue;
      try {
        const scratch = program[0]! + thread * program[1]!;
        let at = program[2 + task]!;
        for (let calls = program[at++]!; calls > 0; calls--) {
          const call = functions[program[at]!]!;
          const end = at + 2 + program[at + 1]!;
          const args: number[] = [];
          for (at += 2; at < end; at++) {
            const value = program[at]!;
            args.push(value >= own && value % 2 === 1 ? scratch + (value - own) : value);
          }
          if (call(...args)) Atomics.store(control, slots.result, 1);
        }
      } catch (thrown) {
        if (Atomics.exchange(control, slots.failed, 1) === 0) {
          const text = String(thrown).slice(0, start.messageCharacters);
          for (let i = 0; i < text.length; i++) control[slots.message + i] = text.charCodeAt(i);
          control[slots.messageLength] = text.length;
        }
      }
      const done = Atomics.add(control, slots.done, 1) + 1;
      if (done === Atomics.load(control, slots.count) && Atomics.load(control, slots.callerSleeps) === 1)
        Atomics.notify(control, slots.done);
    }
  } catch (thrown) {
    if (Atomics.exchange(control, slots.failed, 1) === 0) {
      const text = String(thrown).slice(0, start.messageCharacters);
      for (let i = 0; i < text.length; i++) control[slots.message + i] = text.charCodeAt(i);
      control[slots.messageLength] = text.length;
    }
    Atomics.add(control, slots.ready, 1);
    Atomics.notify(control, slots.ready);
  }
}
