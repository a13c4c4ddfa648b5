import { Worker } from 'node:worker_threads';
import { BnnqError } from '../errors.ts';
import type { Engine, Job, ResultOf } from './engine.ts';
import { JobQueue, type Unit, type Waiting } from './job-queue.ts';
import type { WorkerAnswer, WorkerStart } from './worker.ts';

/** Takes jobs and works on as many at a time as it has threads, in the order of `JobQueue`. */
export interface Runner {
  readonly threads: number;
  /** Images that a job may have at most; absent: any number. */
  readonly largestShard?: number;
  /** @param unit of a job that others belong to; absent: it stands alone */
  run<J extends Job>(job: J, unit?: Unit): Promise<ResultOf<J>>;
  /** From now on begins no unit: jobs of those that have not begun fail with `interrupted`, others are finished. */
  finish(): void;
  /** Told when the results of a unit are kept, so that nobody else need keep them. */
  kept?(unit: Unit): void;
  /** Ends the threads; what they were working on fails, and what waits. */
  close(): Promise<void>;
}

/** One job after the other in the calling thread. */
export function localRunner(engine: Engine): Runner {
  const queue = new JobQueue<Job, ResultOf<Job>>();
  let working: Promise<void> | undefined;
  const work = async (): Promise<void> => {
    for (let next = queue.take(); next !== undefined; next = queue.take())
      await engine.run(next.job).then(next.resolve, next.reject);
    working = undefined;
  };
  return {
    threads: 1,
    run<J extends Job>(job: J, unit?: Unit) {
      const result = queue.add(job, unit);
      working ??= Promise.resolve().then(work);
      return result as Promise<ResultOf<J>>;
    },
    finish: () => queue.refuse('new'),
    async close() {
      queue.refuse('all');
      await working;
      engine.dispose();
    },
  };
}

/** The compiled worker; undefined where this code runs from its TypeScript sources, which a worker cannot load. */
export const WORKER_URL: URL | undefined = import.meta.url.endsWith('.js')
  ? new URL('./worker.js', import.meta.url)
  : undefined;

/** Worker threads, each with models, kernels and data of its own. One that dies fails its job and is replaced. */
export class WorkerPool implements Runner {
  readonly threads: number;
  readonly #url: URL;
  readonly #start: WorkerStart;
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Waiting<Job, ResultOf<Job>>>();
  readonly #queue = new JobQueue<Job, ResultOf<Job>>();
  #closed = false;

  constructor(url: URL, start: WorkerStart, threads: number) {
    this.#url = url;
    this.#start = start;
    this.threads = threads;
  }

  run<J extends Job>(job: J, unit?: Unit): Promise<ResultOf<J>> {
    const result = this.#queue.add(job, unit);
    this.#next();
    return result as Promise<ResultOf<J>>;
  }

  finish(): void {
    this.#queue.refuse('new');
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#queue.refuse('all');
    const workers = [...this.#idle, ...this.#busy.keys()];
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  #next(): void {
    while (!this.#closed && (this.#idle.length > 0 || this.#busy.size < this.threads)) {
      const waiting = this.#queue.take();
      if (waiting === undefined) return;
      const worker = this.#idle.pop() ?? this.#spawn();
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
