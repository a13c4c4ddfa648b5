import { BnnqError } from '../src/index.ts';
import { EXIT } from './exit.ts';

/**
 * Runs work that listens to an abort signal. The first SIGINT or SIGTERM asks it to stop, the second ends the process.
 * Work that nobody can ask to stop runs outside, where the system ends it: nothing is written before its end.
 * @throws interrupted, when the work was asked to stop and did
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const listener = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    controller.abort();
  };
  process.on('SIGINT', listener).on('SIGTERM', listener);
  try {
    return await work(controller.signal);
  } catch (thrown) {
    if (!controller.signal.aborted || (thrown instanceof BnnqError && thrown.code === 'interrupted'))
      throw thrown;
    throw new BnnqError('interrupted', 'interrupted', {}, thrown);
  } finally {
    process.off('SIGINT', listener).off('SIGTERM', listener);
  }
}
