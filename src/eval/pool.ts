import { Worker } from 'node:worker_threads';
import { BnnqError } from '../errors.ts';
import type { Engine, Job, ResultOf } from './engine.ts';
import type { WorkerAnswer, WorkerStart } from './worker.ts';

/** Takes jobs and works on as many at a time as it has threads, in the order in which they came. */
export interface Runner {
  readonly threads: number;
  run<J extends Job>(job: J): Promise<ResultOf<J>>;
  /** Ends the threads; what they were working on fails. */
  close(): Promise<void>;
}

/** One job after the other in the calling thread. */
export function localRunner(engine: Engine): Runner {
  let last: Promise<unknown> = Promise.resolve();
  return {
    threads: 1,
    run(job) {
      const result = last.then(() => engine.run(job));
      last = result.catch(() => undefined);
      return result;
    },
    async close() {
      await last;
      engine.dispose();
    },
  };
}

/** The compiled worker; undefined where this code runs from its TypeScript sources, which a worker cannot load. */
export const WORKER_URL: URL | undefined = import.meta.url.endsWith('.js')
  ? new URL('./worker.js', import.meta.url)
  : undefined;

interface Waiting {
  readonly job: Job;
  resolve(result: ResultOf<Job>): void;
  reject(error: unknown): void;
}

/** Worker threads, each with models, kernels and data of its own. One that dies fails its job and is replaced. */
export class WorkerPool implements Runner {
  readonly threads: number;
  readonly #url: URL;
  readonly #start: WorkerStart;
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Waiting>();
  readonly #queue: Waiting[] = [];
  #closed = false;

  constructor(url: URL, start: WorkerStart, threads: number) {
    this.#url = url;
    this.#start = start;
    this.threads = threads;
  }

  run<J extends Job>(job: J): Promise<ResultOf<J>> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ job, resolve: resolve as Waiting['resolve'], reject });
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const workers = [...this.#idle, ...this.#busy.keys()];
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  #next(): void {
    while (!this.#closed && this.#queue.length > 0) {
      const worker = this.#idle.pop() ?? (this.#busy.size < this.threads ? this.#spawn() : undefined);
      if (worker === undefined) return;
      const waiting = this.#queue.shift()!;
      this.#busy.set(worker, waiting);
      worker.postMessage(waiting.job);
    }
  }

  #spawn(): Worker {
    const worker = new Worker(this.#url, { workerData: this.#start });
    worker.on('message', (answer: WorkerAnswer) => {
      const waiting = this.#busy.get(worker);
      this.#busy.delete(worker);
      this.#idle.push(worker);
      if ('result' in answer) waiting?.resolve(answer.result);
      else waiting?.reject(new BnnqError(answer.error.code, answer.error.message, answer.error.at));
      this.#next();
    });
    let cause: unknown;
    worker.on('error', (error) => {
      cause = error;
    });
    worker.on('exit', (code) => {
      const waiting = this.#busy.get(worker);
      this.#busy.delete(worker);
      const at = this.#idle.indexOf(worker);
      if (at >= 0) this.#idle.splice(at, 1);
      const why = cause instanceof Error ? cause.message : `exit code ${code}`;
      waiting?.reject(new BnnqError('internal', `a worker thread ended: ${why}`, {}, cause));
      this.#next();
    });
    return worker;
  }
}
