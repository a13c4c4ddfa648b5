import { BnnqError } from '../src/index.ts';
import { EXIT } from './exit.ts';

/**
 * Runs work that listens to an abort signal. The first SIGINT or SIGTERM asks it to stop, the next ends the process.
 * Work that nobody can ask to stop runs outside, where the system ends it: nothing is written before its end.
 * @param onFinish for work that can also finish what it has begun: the first signal asks for that, by the second of the
 * abort signals, and calls this; the next asks to stop
 * @throws interrupted, when the work was asked to stop and did
 */
export async function interruptible<T>(
  work: (stop: AbortSignal, finish: AbortSignal) => Promise<T>,
  onFinish?: () => void,
): Promise<T> {
  const stop = new AbortController();
  const finish = new AbortController();
  const listener = (): void => {
    if (stop.signal.aborted) process.exit(EXIT.interrupted);
    if (onFinish !== undefined && !finish.signal.aborted) {
      finish.abort();
      onFinish();
    } else stop.abort();
  };
  process.on('SIGINT', listener).on('SIGTERM', listener);
  try {
    return await work(stop.signal, finish.signal);
  } catch (thrown) {
    if (!stop.signal.aborted || (thrown instanceof BnnqError && thrown.code === 'interrupted')) throw thrown;
    throw new BnnqError('interrupted', 'interrupted', {}, thrown);
  } finally {
    process.off('SIGINT', listener).off('SIGTERM', listener);
  }
}
