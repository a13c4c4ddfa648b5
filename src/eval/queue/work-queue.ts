import { availableParallelism, homedir } from 'node:os';
import { join } from 'node:path';
import type { Job as QueueJob } from 'bullmq';
import { BnnqError } from '../../errors.ts';
import { WORKER_URL } from '../pool.ts';
import type { Blob, Store } from './blob.ts';
import { BlobCache } from './blob-cache.ts';
import { connect, KEY_PREFIX, QUEUE_NAME } from './connect.ts';
import { failureText, isPassing } from './failure.ts';
import { type Answer, checkJob } from './messages.ts';
import { OpenSession } from './open-session.ts';
import type { QueueWorkerOptions } from './options.ts';
import { openStore } from './store.ts';
import { workerName } from './worker-name.ts';

const LOCK_MS = 30_000;
const CACHE_BYTES = 20e9;
/** Sessions that stay open beside the one in use: two sweeps at a time do not open their models again and again. */
const IDLE_SESSIONS = 1;
/** A job is begun at most so often in all, whatever ended it: one that kills its workers must not kill them all. */
const MAX_STARTS = 4;
/** How often a job that a dead worker left is given to another one. */
const MAX_STALLED = 2;
const PROGRESS_MS = 2000;

/** Jobs in work by session. */
const inWork = new WeakMap<OpenSession, number>();

/** What a worker has done. */
export interface QueueWork {
  readonly done: number;
  readonly failed: number;
}

/**
 * Takes jobs from a queue until it is told to finish, or nothing has come for `idleMs`. Jobs are data from a stranger:
 * they say which blobs of the store are to be scored with which settings, are checked, and name no file and no code.
 * @throws option, unsupported (packages), io (Redis or the store cannot be reached), interrupted after `signal`
 */
export async function workQueue(options: QueueWorkerOptions): Promise<QueueWork> {
  const {
    threads = availableParallelism(),
    lockMs = LOCK_MS,
    idleMs = Infinity,
    finish,
    signal,
    onNote,
  } = options;
  if (WORKER_URL === undefined)
    throw new BnnqError('unsupported', 'a worker needs threads, which run from the built package alone');
  const store = await openStore(options.store);
  const connection = await connect(options, onNote);
  const { bullmq, redis, watch } = connection;
  const work = { done: 0, failed: 0 };
  let sessions: Sessions | undefined;
  try {
    const cache = await BlobCache.open(
      options.cache ?? join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'bnn-quantize'),
      options.cacheBytes ?? CACHE_BYTES,
      store,
    );
    sessions = new Sessions(cache, store, threads);
    const opened = sessions;
    let [busy, last] = [0, performance.now()];
    const processJob = async (job: QueueJob): Promise<Answer> => {
      busy++;
      try {
        const message = checkJob(job.data);
        return await opened.use(message.session, async (session) => {
          const stop = reportProgress(job, session, session.imagesOf(message.work));
          return session.run(message.work).finally(stop);
        });
      } catch (thrown) {
        const text = failureText(thrown);
        throw isPassing(thrown) ? new Error(text) : new bullmq.UnrecoverableError(text);
      } finally {
        busy--;
        last = performance.now();
      }
    };
    const worker = new bullmq.Worker(QUEUE_NAME, processJob, {
      connection: redis,
      prefix: KEY_PREFIX,
      name: workerName(threads),
      concurrency: threads,
      lockDuration: lockMs,
      stalledInterval: lockMs,
      maxStalledCount: MAX_STALLED,
      maxStartedAttempts: MAX_STARTS,
      drainDelay: Math.min(5, lockMs / 1000),
      autorun: false,
    });
    watch(worker);
    worker.on('completed', () => {
      work.done++;
    });
    worker.on('failed', (job, error) => {
      work.failed++;
      onNote?.(`job ${job?.id?.slice(0, 8) ?? ''} (${job?.name ?? 'unknown'}) failed: ${error.message}`);
    });
    const run = worker.run();
    await untilTold(finish, signal, () => busy === 0 && performance.now() - last > idleMs);
    // Closing waits for the jobs in work; without their threads these fail at once, and are tried again elsewhere.
    const stop = (): void => void opened.close();
    signal?.addEventListener('abort', stop);
    if (signal?.aborted) stop();
    await worker.close();
    signal?.removeEventListener('abort', stop);
    await run;
    if (signal?.aborted)
      throw new BnnqError('interrupted', 'interrupted: the jobs in work go to other workers');
    return work;
  } finally {
    await sessions?.close();
    await connection.close();
  }
}

/** Sessions by their hash, opened when a job needs them; of those that no job uses the last stay open. */
class Sessions {
  readonly #cache: BlobCache;
  readonly #store: Store;
  readonly #threads: number;
  /** In the order of their last use. */
  readonly #open = new Map<string, { session: Promise<OpenSession>; users: number }>();

  constructor(cache: BlobCache, store: Store, threads: number) {
    this.#cache = cache;
    this.#store = store;
    this.#threads = threads;
  }

  async use<T>(blob: Blob, work: (session: OpenSession) => Promise<T>): Promise<T> {
    const { sha256 } = blob;
    const entry = this.#open.get(sha256) ?? {
      session: OpenSession.open(blob, this.#cache, this.#store, this.#threads),
      users: 0,
    };
    this.#open.delete(sha256);
    this.#open.set(sha256, entry);
    entry.users++;
    try {
      return await work(await entry.session);
    } finally {
      entry.users--;
      const failed = await entry.session.then(
        () => false,
        () => true,
      );
      if (failed && this.#open.get(sha256) === entry) this.#open.delete(sha256);
      await this.#closeIdle(IDLE_SESSIONS);
    }
  }

  async close(): Promise<void> {
    for (const entry of this.#open.values()) entry.users = 0;
    await this.#closeIdle(0);
  }

  async #closeIdle(kept: number): Promise<void> {
    const idle = [...this.#open].filter(([, { users }]) => users === 0);
    for (const [sha256, { session }] of idle.slice(0, Math.max(0, idle.length - kept))) {
      this.#open.delete(sha256);
      await session.then((one) => one.close()).catch(() => undefined);
    }
  }
}

/**
 * Tells now and then how many images of the job are done, roughly: threads count together, and jobs in work share what
 * they have done. @returns what ends it
 */
function reportProgress(job: QueueJob, session: OpenSession, images: number): () => void {
  let before = session.imagesDone;
  let done = 0;
  const jobs = (inWork.get(session) ?? 0) + 1;
  inWork.set(session, jobs);
  const timer = setInterval(() => {
    const now = session.imagesDone;
    done = Math.min(images, done + (now - before) / (inWork.get(session) ?? 1));
    before = now;
    job.updateProgress(Math.floor(done)).catch(() => undefined);
  }, PROGRESS_MS);
  return () => {
    clearInterval(timer);
    inWork.set(session, (inWork.get(session) ?? 1) - 1);
  };
}

/** Resolves when one of the signals comes, or when there is nothing more to wait for. */
function untilTold(
  finish: AbortSignal | undefined,
  signal: AbortSignal | undefined,
  isIdle: () => boolean,
): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearInterval(timer);
      resolve();
    };
    const timer = setInterval(() => {
      if (isIdle()) done();
    }, 200);
    for (const one of [finish, signal]) {
      if (one?.aborted) done();
      one?.addEventListener('abort', done, { once: true });
    }
  });
}
