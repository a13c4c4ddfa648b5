/** How the bench takes times. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Settings: full ones for the documents, quick ones while something is being written. */
export const FULL = { warmUpMs: 350, budgetMs: 2500, leastTurns: 7, mostTurns: 101 };
export const QUICK = { warmUpMs: 60, budgetMs: 250, leastTurns: 3, mostTurns: 9 };

/** A turn of a runner takes so long at least, for the clock's sake. */
const TURN_MS = 3;
/** onnxruntime's threads look for more work for a while before they sleep; nobody else's turn begins in that time. */
const REST_MS = 5;
/**
 * A second core that was idle comes back slowly where it is a virtual one: 7.6 ms a run after a rest of 60 ms, 4.4 ms after one of 5. So
 * runs of more than one thread count from so much later on, everybody's alike.
 */
const WAKE_MS = 30;

/**
 * Median milliseconds of a run of each runner. They take turns, so that drift of the machine hits all alike; a turn is one run
 * that does not count, since another's data are in the caches, and then as many as fill TURN_MS.
 * @param runners `{name: {run()}}`; `run` may return a promise
 */
export async function interleaved(runners, { warmUpMs, budgetMs, leastTurns, mostTurns }, threads = 1) {
  const all = Object.entries(runners).map(([name, { run }]) => ({ name, run, times: [], repeats: 1 }));
  for (const one of all) {
    // V8 compiles WebAssembly twice: quickly, and well in the background.
    const start = performance.now();
    let last = start;
    let least = Number.POSITIVE_INFINITY;
    do {
      await one.run();
      const now = performance.now();
      least = Math.min(least, now - last);
      last = now;
    } while (last - start < warmUpMs);
    one.repeats = Math.max(1, Math.ceil(TURN_MS / least));
  }
  const end = performance.now() + budgetMs;
  for (let turn = 0; turn < leastTurns || (turn < mostTurns && performance.now() < end); turn++)
    for (const { run, repeats, times } of all) {
      if (threads > 1) await sleep(REST_MS);
      const awake = threads > 1 ? performance.now() + WAKE_MS : 0;
      do await run();
      while (performance.now() < awake);
      const start = performance.now();
      for (let i = 0; i < repeats; i++) await run();
      times.push((performance.now() - start) / repeats);
    }
  return Object.fromEntries(all.map(({ name, times }) => [name, median(times)]));
}

function median(times) {
  times.sort((a, b) => a - b);
  return times[times.length >> 1];
}
