import type { ThreadStart } from './control.ts';
import { serve } from './serve.ts';

/** A thread that was started. */
export interface Spawned {
  /** Ends it at once, whatever it does; one that was told to stop ends by itself in Node. */
  release(): void;
}

interface NodeWorker {
  on(event: 'error', listener: (error: unknown) => void): void;
  unref(): void;
}

interface WorkerThreads {
  readonly Worker: new (
    source: string,
    options: { eval: true; workerData: ThreadStart; execArgv: string[]; name: string },
  ) => NodeWorker;
}

interface BrowserWorker {
  onerror: ((event: { message?: string }) => void) | null;
  postMessage(message: ThreadStart): void;
  terminate(): void;
}

/** The globals that may be there; this layer has neither Node's nor the DOM's types. */
interface Globals {
  readonly process?: { getBuiltinModule?(name: string): WorkerThreads | undefined };
  readonly Worker?: new (url: string) => BrowserWorker;
  readonly Blob?: new (parts: string[], options: { type: string }) => object;
  readonly URL?: { createObjectURL(blob: object): string; revokeObjectURL(url: string): void };
}

const globals = globalThis as unknown as Globals;

/**
 * Starts a thread that serves, in Node or in a browser (where a content security policy must let workers come from `blob:`). An
 * idle thread does not keep a process from ending.
 * @param onError gets what ends the thread by itself, if anything does
 * @throws Error where there are no workers
 */
export function spawn(start: ThreadStart, onError: (message: string) => void): Spawned {
  const node = globals.process?.getBuiltinModule?.('node:worker_threads');
  if (node !== undefined) {
    const source = `(${serve})(require('node:worker_threads').workerData)`;
    const name = `kernels ${start.thread}`;
    const worker = new node.Worker(source, { eval: true, workerData: start, execArgv: [], name });
    worker.on('error', (error) => onError(String(error)));
    worker.unref();
    return { release: () => {} };
  }
  const { Worker, Blob, URL } = globals;
  if (Worker === undefined || Blob === undefined || URL === undefined)
    throw new Error('kernels: this engine has no workers, so no more than one thread');
  const source = `onmessage = ({ data }) => (${serve})(data)`;
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  const worker = new Worker(url);
  worker.onerror = ({ message }) => onError(message ?? 'a worker failed to start');
  worker.postMessage(start);
  return {
    release: () => {
      worker.terminate();
      URL.revokeObjectURL(url);
    },
  };
}
