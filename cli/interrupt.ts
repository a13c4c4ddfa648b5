import { BnnqError } from '../src/index.ts';
import { EXIT } from './exit.ts';

/**
 * Runs work that listens to an abort signal. The first SIGINT or SIGTERM asks it to stop, the second ends the process.
 * Work that nobody can ask to stop runs outside, where the system ends it: nothing is written before its end.
 * @throws interrupted, when the work was asked to stop and did
 */
export function interruptible<T>(work: (stop: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  return listening([stop], () => work(stop.signal));
}

/**
 * The same for work that can also finish what it has begun: the first signal asks for that and calls `onFinish`, the
 * second asks to stop, the third ends the process.
 */
export function finishable<T>(
  onFinish: () => void,
  work: (stop: AbortSignal, finish: AbortSignal) => Promise<T>,
): Promise<T> {
  const [stop, finish] = [new AbortController(), new AbortController()];
  finish.signal.addEventListener('abort', onFinish);
  return listening([finish, stop], () => work(stop.signal, finish.signal));
}

/** @param steps aborted one after the other, one a signal; the last one asks to stop */
async function listening<T>(steps: readonly AbortController[], work: () => Promise<T>): Promise<T> {
  const listener = (): void => {
    const next = steps.find(({ signal }) => !signal.aborted);
    if (next === undefined) process.exit(EXIT.interrupted);
    next.abort();
  };
  process.on('SIGINT', listener).on('SIGTERM', listener);
  try {
    return await work();
  } catch (thrown) {
    const isStopped = steps.at(-1)!.signal.aborted;
    if (!isStopped || (thrown instanceof BnnqError && thrown.code === 'interrupted')) throw thrown;
    throw new BnnqError('interrupted', 'interrupted', {}, thrown);
  } finally {
    process.off('SIGINT', listener).off('SIGTERM', listener);
  }
}
