import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Job as QueueJob } from 'bullmq';
import { BnnqError } from '../../errors.ts';
import type { Job, ResultOf, ScoreJob } from '../engine.ts';
import type { Opened } from '../evaluation.ts';
import type { Unit } from '../job-queue.ts';
import { emptyScores } from '../metrics.ts';
import type { Runner } from '../pool.ts';
import type { Blob, Store } from './blob.ts';
import { type Connection, connect, KEY_PREFIX, QUEUE_NAME } from './connect.ts';
import { decodeScores } from './encode-scores.ts';
import { failureOf } from './failure.ts';
import { type Answer, checkAnswer, type JobMessage, type JobWork, type OutputPart } from './messages.ts';
import type { SubmitOptions } from './options.ts';
import { publish, type SubmitHooks } from './publish.ts';
import { hideSecrets } from './secrets.ts';
import { openStore, putFile } from './store.ts';
import { threadsOf } from './worker-name.ts';

/** Images a job at most: its scores, 46 bytes an image in base64, stay in Redis until the point is kept. */
const SHARD = 5000;
/** How often a job is tried, and the pause before the second time; it doubles. */
const ATTEMPTS = 3;
const BACKOFF_MS = 1000;
/** Results of a submitter that has died wait so long for the next one. */
const KEEP_SECONDS = 24 * 3600;
/** Events may be lost with a connection: all jobs are looked at so often. */
const LOOK_MS = 2000;

/** A job that has not come back. */
interface Outstanding {
  readonly id: string;
  readonly job: Job;
  readonly message: JobMessage;
  readonly unit: Unit;
  /** Images counted as done so far. */
  images: number;
  /** Answers that made no sense. */
  refused: number;
  looking: boolean;
  /** Being taken back: that it is not in the queue means nothing. */
  withdrawn: boolean;
  resolve(result: ResultOf<Job>): void;
  reject(error: unknown): void;
}

/**
 * Does the jobs of an evaluation on the workers of a queue. A job is called by the hash of what it says, so that a sweep
 * which is started again finds what its earlier run had asked for.
 */
export class QueueRunner implements Runner {
  readonly threads: number;
  readonly largestShard: number;
  readonly #opened: Opened;
  readonly #store: Store;
  readonly #connection: Connection;
  readonly #session: Blob;
  readonly #queue: InstanceType<Connection['bullmq']['Queue']>;
  readonly #events: InstanceType<Connection['bullmq']['QueueEvents']>;
  readonly #timer: NodeJS.Timeout;
  readonly #outstanding = new Map<string, Outstanding>();
  /** Jobs by unit, to be forgotten when it is kept. */
  readonly #jobsOf = new Map<Unit, string[]>();
  /** Outputs of the float network, in the order of the images. */
  #reference: OutputPart[] = [];
  /** Models that a worker has discretized, by their path here. */
  readonly #models = new Map<string, Blob>();
  /** Jobs that are being removed; nobody waits for it but the end. */
  #forgetting: Promise<unknown> = Promise.resolve();
  #refuses: 'none' | 'new' | 'all' = 'none';

  private constructor(
    opened: Opened,
    store: Store,
    connection: Connection,
    session: Blob,
    threads: number,
    largestShard: number,
  ) {
    this.#opened = opened;
    this.#store = store;
    this.#connection = connection;
    this.#session = session;
    this.threads = threads;
    this.largestShard = largestShard;
    const { bullmq, redis, watch } = connection;
    this.#queue = new bullmq.Queue(QUEUE_NAME, { connection: redis, prefix: KEY_PREFIX });
    this.#events = new bullmq.QueueEvents(QUEUE_NAME, { connection: redis, prefix: KEY_PREFIX });
    watch(this.#queue);
    watch(this.#events);
    const look = ({ jobId }: { jobId: string }): void => void this.#look(this.#outstanding.get(jobId));
    this.#events.on('completed', look);
    this.#events.on('failed', look);
    this.#events.on('active', ({ jobId }) => {
      const job = this.#outstanding.get(jobId);
      if (job !== undefined) job.unit.begun = true;
    });
    this.#events.on('progress', ({ jobId, data }) => this.#count(this.#outstanding.get(jobId), Number(data)));
    this.#timer = setInterval(() => {
      for (const job of this.#outstanding.values()) void this.#look(job);
    }, LOOK_MS);
  }

  /**
   * Connects, puts model and data into the store and is ready for jobs.
   * @throws option, unsupported (packages missing), io (Redis, store), interrupted
   */
  static async open(opened: Opened, options: SubmitOptions, hooks: SubmitHooks = {}): Promise<QueueRunner> {
    const { onNote } = hooks;
    const { shard = SHARD } = options;
    if (!Number.isSafeInteger(shard) || shard < 1)
      throw new BnnqError('option', `shard: expected a whole number from 1 on, got ${shard}`);
    const store = await openStore(options.store);
    const connection = await connect(options, onNote);
    try {
      const { blob } = await publish(store, opened, hooks);
      const threads = await threadsOf(connection);
      if (threads === 0)
        onNote?.(
          `queue ${connection.name}: no worker of this version is there yet; start one with "bnn-quantize worker --queue … --store …"`,
        );
      const runner = new QueueRunner(opened, store, connection, blob, Math.max(1, threads), shard);
      await runner.#events.waitUntilReady();
      return runner;
    } catch (thrown) {
      await connection.close();
      throw thrown;
    }
  }

  async run<J extends Job>(job: J, unit: Unit = { begun: false }): Promise<ResultOf<J>> {
    const message: JobMessage = {
      schema: 'bnn-quantize/job@1',
      session: this.#session,
      work: await this.#workOf(job),
    };
    const id = createHash('sha256').update(JSON.stringify(message)).digest('hex');
    if (this.#refuses === 'all' || (this.#refuses === 'new' && !unit.begun)) throw interrupted();
    const result = new Promise<ResultOf<Job>>((resolve, reject) => {
      const entry = {
        id,
        job,
        message,
        unit,
        images: 0,
        refused: 0,
        looking: false,
        withdrawn: false,
        resolve,
        reject,
      };
      this.#outstanding.set(id, entry);
      this.#jobsOf.set(unit, [...(this.#jobsOf.get(unit) ?? []), id]);
      void this.#submit(entry);
    });
    return result.finally(() => this.#outstanding.delete(id)) as Promise<ResultOf<J>>;
  }

  finish(): void {
    if (this.#refuses === 'none') this.#refuses = 'new';
    void this.#withdraw();
  }

  kept(unit: Unit): void {
    const ids = this.#jobsOf.get(unit) ?? [];
    this.#jobsOf.delete(unit);
    this.#forgetting = Promise.all([
      this.#forgetting,
      ...ids.map((id) => this.#queue.remove(id).catch(() => 0)),
    ]);
  }

  async close(): Promise<void> {
    if (this.#refuses !== 'all') {
      this.#refuses = 'all';
      clearInterval(this.#timer);
      const left = [...this.#outstanding.values()];
      for (const { reject } of left) reject(interrupted());
      // Nobody waits for them any more; those in work go on, and their results wait for the next run.
      await within(3000, Promise.all(left.map(({ id }) => this.#queue.remove(id).catch(() => 0))));
    }
    await within(3000, this.#forgetting);
    await within(3000, Promise.all([this.#events.close(), this.#queue.close()]));
    await this.#connection.close();
  }

  /** Takes back jobs of units that have not begun. */
  async #withdraw(): Promise<void> {
    const all = [...this.#outstanding.values()];
    await Promise.all(all.map((entry) => this.#look(entry)));
    for (const entry of all) {
      const { id, unit, reject } = entry;
      if (unit.begun) continue;
      entry.withdrawn = true;
      // A job that a worker has taken meanwhile cannot be removed: then the unit has begun.
      entry.withdrawn = (await this.#queue.remove(id).catch(() => 0)) !== 0;
      if (entry.withdrawn) reject(interrupted());
      else unit.begun = true;
    }
  }

  async #submit({ id, message, reject }: Outstanding): Promise<void> {
    try {
      const before = await this.#queue.getJob(id);
      if (before !== undefined && (await before.isFailed())) await before.remove(); // by an earlier run: tried again
      await this.#queue.add(message.work.do, message, {
        jobId: id,
        attempts: ATTEMPTS,
        backoff: { type: 'exponential', delay: BACKOFF_MS },
        removeOnComplete: { age: KEEP_SECONDS },
        removeOnFail: { age: KEEP_SECONDS },
      });
      await this.#look(this.#outstanding.get(id));
    } catch (thrown) {
      reject(
        new BnnqError('io', `queue ${this.#connection.name}: ${hideSecrets(String(thrown))}`, {}, thrown),
      );
    }
  }

  /** Looks what has become of a job. */
  async #look(entry: Outstanding | undefined): Promise<void> {
    if (entry === undefined || entry.looking) return;
    entry.looking = true;
    try {
      // In this order, so that a job in its last state has all that belongs to it.
      const state = await this.#queue.getJobState(entry.id);
      const found = await this.#queue.getJob(entry.id);
      if (this.#outstanding.get(entry.id) !== entry) return; // has come back meanwhile
      // `active` events may have been missed.
      if (state === 'active' || state === 'completed') entry.unit.begun = true;
      if (found === undefined) {
        if (!entry.withdrawn) await this.#submit(entry); // lost with Redis's memory
      } else if (state === 'completed') await this.#accept(entry, found);
      else if (state === 'failed') {
        await found.remove().catch(() => undefined); // the next run tries again
        entry.reject(failureOf(found.failedReason));
      }
    } catch {
      // No connection: looked at again when there is one.
    } finally {
      entry.looking = false;
    }
  }

  async #accept(entry: Outstanding, found: QueueJob): Promise<void> {
    try {
      const result = await this.#resultOf(entry, checkAnswer(found.returnvalue));
      this.#count(entry, Infinity);
      entry.resolve(result);
    } catch (thrown) {
      await found.remove();
      // What is wrong may be one worker; the job is tried again like one that failed.
      if (++entry.refused >= ATTEMPTS) entry.reject(thrown);
      else await this.#submit(entry);
    }
  }

  /** @throws malformed where the answer is none to this job */
  async #resultOf({ job, message }: Outstanding, answer: Answer): Promise<ResultOf<Job>> {
    const { setup, dataset } = this.#opened;
    const { discretized, scored, file } = answer;
    const wrong = (what: string): BnnqError =>
      new BnnqError('malformed', `an answer of a worker was refused: ${what}`);
    if (answer.session !== this.#session.sha256 || answer.fingerprint !== dataset.fingerprint)
      throw wrong('it is about another model or other data');
    if ((discretized === null) !== (message.work.point === null))
      throw wrong('discretized weights do not fit the job');
    if (message.work.do === 'discretize' || !('from' in job)) {
      if (file === null || discretized === null || file.bytes !== discretized.packedBytes)
        throw wrong(`it has a model of ${file?.bytes} bytes, expected ${discretized?.packedBytes}`);
      const path = (job as Extract<Job, { file: string }>).file;
      await rm(path, { force: true });
      await this.#store.get(file, path);
      this.#models.set(path, file);
      return discretized;
    }
    const count = job.to - job.from;
    if (scored === null || scored.count !== count || scored.kind !== setup.kind)
      throw wrong(
        `it has scores of ${scored?.count ?? 0} images (${scored?.kind}), expected ${count} (${setup.kind})`,
      );
    const compared = job.table === 'compare' ? setup.kind : undefined;
    const like = emptyScores(count, scored.kind, setup.labels !== undefined, compared);
    const scores = decodeScores(scored.images, like);
    if (job.table === 'write') await this.#keepOutputs(job, file, wrong);
    const { kind, seconds, runSeconds } = scored;
    return { kind, scores, seconds, runSeconds, discretized: discretized ?? undefined };
  }

  /** Fills the table of outputs, as a thread would have done, and notes where workers find this part of it. */
  async #keepOutputs(
    { from, to }: ScoreJob,
    file: Blob | null,
    wrong: (what: string) => BnnqError,
  ): Promise<void> {
    const { table, width } = this.#opened.setup;
    const bytes = 4 * width * (to - from);
    if (file === null || file.bytes !== bytes)
      throw wrong(`it has ${file?.bytes ?? 0} bytes of outputs, expected ${bytes}`);
    const folder = await mkdtemp(join(tmpdir(), 'bnn-quantize-'));
    try {
      const path = join(folder, 'outputs');
      await this.#store.get(file, path);
      if (table !== undefined) new Uint8Array(table).set(await readFile(path), 4 * width * from);
    } finally {
      await rm(folder, { recursive: true });
    }
    this.#reference = [...this.#reference, { from, to, ...file }].sort((a, b) => a.from - b.from);
  }

  async #workOf(job: Job): Promise<JobWork> {
    if ('file' in job) return { do: 'discretize', point: job.point };
    const { model, point, from, to, table } = job;
    if (table === 'none') throw new BnnqError('internal', 'a queue compares with a float network');
    const overlaps = (part: OutputPart): boolean => part.from < to && from < part.to;
    return {
      do: 'score',
      model: typeof model === 'string' ? await this.#modelOf(model) : null,
      point: point ?? null,
      ...{ from, to, table },
      reference: table === 'compare' ? this.#reference.filter(overlaps) : [],
    };
  }

  /** What a worker had discretized in this run, or in an earlier one. */
  async #modelOf(path: string): Promise<Blob> {
    const blob = this.#models.get(path) ?? (await putFile(this.#store, path));
    this.#models.set(path, blob);
    return blob;
  }

  /** Counts images for the progress, at most those of the job. */
  #count(entry: Outstanding | undefined, images: number): void {
    if (entry === undefined || Number.isNaN(images)) return;
    const { job } = entry;
    const most = 'from' in job ? job.to - job.from : this.#opened.setup.count;
    const more = Math.min(most, Math.floor(images)) - entry.images;
    if (more <= 0) return;
    entry.images += more;
    Atomics.add(new Int32Array(this.#opened.setup.control), 1, more);
  }
}

function interrupted(): BnnqError {
  return new BnnqError('interrupted', 'interrupted');
}

/** Waits for something that may never come where the connection is lost. */
async function within(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([work.catch(() => undefined), late]);
  clearTimeout(timer);
}
