import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BnnqError } from '../../errors.ts';
import type { Dataset } from '../../formats/datasets/dataset.ts';
import { openDataset, openSource } from '../../formats/datasets/open-dataset.ts';
import { Evaluation, startThreads } from '../evaluation.ts';
import type { EvaluateOptions } from '../setup.ts';
import type { Blob, Store } from './blob.ts';
import type { BlobCache } from './blob-cache.ts';
import { encodeScores } from './encode-scores.ts';
import type { Answer, JobWork, OutputPart } from './messages.ts';
import { inTurns } from './publish.ts';
import { MAX_SESSION_BYTES, parseSession, type Session, type StoredDataset } from './session.ts';
import { putBytes, putFile } from './store.ts';

type Scoring = Extract<JobWork, { do: 'score' }>;

/**
 * Model and data of a session, copied to this machine and opened, with threads that do its jobs. Everything lies in one
 * folder of its own under names that are hashes, except for the files of the model, which name each other.
 */
export class OpenSession {
  readonly #session: Session;
  readonly #sha256: string;
  readonly #folder: string;
  readonly #cache: BlobCache;
  readonly #store: Store;
  readonly #evaluation: Evaluation;
  /** Parts of the reference that the table has, or will. */
  readonly #parts = new Map<string, Promise<void>>();
  readonly #models = new Map<string, Promise<string>>();

  private constructor(
    session: Session,
    sha256: string,
    folder: string,
    cache: BlobCache,
    store: Store,
    evaluation: Evaluation,
  ) {
    this.#session = session;
    this.#sha256 = sha256;
    this.#folder = folder;
    this.#cache = cache;
    this.#store = store;
    this.#evaluation = evaluation;
  }

  /** @throws not-found, io, malformed, limit; mismatch where what is opened is not what the session says */
  static async open(blob: Blob, cache: BlobCache, store: Store, threads: number): Promise<OpenSession> {
    if (blob.bytes > MAX_SESSION_BYTES)
      throw new BnnqError('limit', `a session of ${blob.bytes} bytes, at most ${MAX_SESSION_BYTES} are read`);
    const folder = await cache.workFolder();
    try {
      const path = join(folder, 'session.json');
      await cache.linkTo(blob, path);
      const session = parseSession(await readFile(path));
      const { model, data, calibration } = session;
      cache.expectRoom([...model, ...data.files, ...(calibration?.data.files ?? [])]);
      await inTurns(model, (file) => cache.linkTo(file, join(folder, 'model', file.name)));
      const dataset = await openStored(data, cache, folder);
      const options: EvaluateOptions = {
        threads,
        labelOffset: session.labelOffset,
        limit: session.count,
        kernels: session.kernels,
        ...(session.preprocess && { preprocess: session.preprocess }),
        ...(session.output !== null && { output: session.output }),
        ...(session.batch !== null && { batch: session.batch }),
        ...(calibration && {
          calibration: {
            data: await openStored(calibration.data, cache, folder),
            seed: calibration.seed,
            ...(calibration.samples !== null && { samples: calibration.samples }),
          },
        }),
      };
      const main = join(folder, 'model', model[0]!.name);
      const evaluation = await Evaluation.open([main], dataset, options, true, startThreads);
      const opened = new OpenSession(session, blob.sha256, folder, cache, store, evaluation);
      try {
        opened.#expectSame();
      } catch (thrown) {
        await evaluation.close();
        throw thrown;
      }
      await cache.trim();
      return opened;
    } catch (thrown) {
      await rm(folder, { recursive: true, force: true });
      throw withNames(thrown, folder);
    }
  }

  /** Images that the threads have done. */
  get imagesDone(): number {
    return this.#evaluation.imagesDone;
  }

  /** Images that a job counts for. */
  imagesOf(work: JobWork): number {
    return work.do === 'score' ? work.to - work.from : this.#session.count;
  }

  /** @throws mismatch (images that there are not), and whatever scoring and discretizing throw */
  async run(work: JobWork): Promise<Answer> {
    try {
      const done = work.do === 'score' ? await this.#score(work) : await this.#discretize(work);
      return {
        schema: 'bnn-quantize/answer@1',
        session: this.#sha256,
        fingerprint: this.#session.data.fingerprint,
        ...done,
      };
    } catch (thrown) {
      throw withNames(thrown, this.#folder, this.#session.data);
    }
  }

  async close(): Promise<void> {
    await this.#evaluation.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #expectSame(): void {
    const { count, kind, width } = this.#evaluation.setup;
    const { session, evaluation } = { session: this.#session, evaluation: this.#evaluation };
    const problems: string[] = [];
    const expect = (what: string, found: unknown, expected: unknown): void => {
      if (found !== expected) problems.push(`${what}: expected ${expected}, got ${found}`);
    };
    expect('fingerprint of the data', evaluation.dataset.fingerprint, session.data.fingerprint);
    expect('images', count, session.count);
    expect('output', kind, session.kind);
    expect('values an image', width, session.width);
    if (problems.length > 0)
      throw new BnnqError(
        'mismatch',
        `the model or the data are not those of the session: ${problems.join('; ')}`,
      );
  }

  async #score(work: Scoring): Promise<Pick<Answer, 'discretized' | 'scored' | 'file'>> {
    const { model, point, from, to, table, reference } = work;
    const { count, width } = this.#session;
    if (to > count) throw new BnnqError('mismatch', `images ${from} to ${to} of ${count}`);
    if (table === 'compare') await this.#expectReference(reference, from, to);
    const { kind, scores, seconds, runSeconds, discretized } = await this.#evaluation.run({
      model: model === null ? 0 : await this.#modelOf(model),
      ...(point && { point }),
      ...{ from, to, table },
    });
    const outputs = new Uint8Array(this.#evaluation.setup.table!, 4 * width * from, 4 * width * (to - from));
    return {
      discretized: discretized ?? null,
      scored: { kind, count: scores.count, seconds, runSeconds, images: encodeScores(scores) },
      file: table === 'write' ? await putBytes(this.#store, outputs) : null,
    };
  }

  async #discretize({
    point,
  }: Extract<JobWork, { do: 'discretize' }>): Promise<Pick<Answer, 'discretized' | 'scored' | 'file'>> {
    const folder = join(this.#folder, 'made');
    await mkdir(folder, { recursive: true });
    const file = join(folder, `${randomBytes(8).toString('hex')}.bnnq`);
    try {
      const discretized = await this.#evaluation.run({ model: 0, point, file });
      return { discretized, scored: null, file: await putFile(this.#store, file) };
    } finally {
      await rm(file, { force: true });
    }
  }

  /** Brings the float network's outputs for a range of images into the table. @throws malformed where they have gaps */
  async #expectReference(parts: readonly OutputPart[], from: number, to: number): Promise<void> {
    const { count, width } = this.#session;
    let next = from;
    for (const part of [...parts].sort((a, b) => a.from - b.from)) {
      if (part.to <= part.from || part.to > count || part.bytes !== 4 * width * (part.to - part.from))
        throw new BnnqError(
          'malformed',
          `a job: ${part.bytes} bytes of outputs for images ${part.from} to ${part.to}`,
        );
      if (part.from <= next) next = Math.max(next, part.to);
    }
    if (next < to)
      throw new BnnqError('malformed', `a job: outputs of image ${next} to compare with are missing`);
    await Promise.all(
      parts.map((part) => once(this.#parts, `${part.from} ${part.sha256}`, () => this.#load(part))),
    );
  }

  async #load(part: OutputPart): Promise<void> {
    const path = join(this.#folder, 'outputs', part.sha256);
    await this.#cache.linkTo(part, path);
    const bytes = await readFile(path);
    await rm(path);
    new Uint8Array(this.#evaluation.setup.table!).set(bytes, 4 * this.#session.width * part.from);
  }

  #modelOf(blob: Blob): Promise<string> {
    return once(this.#models, blob.sha256, async () => {
      const path = join(this.#folder, 'models', `${blob.sha256}.bnnq`);
      await this.#cache.linkTo(blob, path);
      return path;
    });
  }
}

/** What is under a key, made at the first call; a failure is not kept. */
function once<T>(known: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const found = known.get(key);
  if (found !== undefined) return found;
  const made = make();
  known.set(key, made);
  made.catch(() => known.delete(key));
  return made;
}

/** A dataset whose files are linked into the folder under their hashes. */
async function openStored(data: StoredDataset, cache: BlobCache, folder: string): Promise<Dataset> {
  const pathOf = ({ sha256 }: Blob): string => join(folder, 'data', sha256);
  const different = new Map(data.files.map((file) => [file.sha256, file]));
  await inTurns([...different.values()], async (file) => {
    // Pictures to calibrate with may be among those to score on.
    await rm(pathOf(file), { force: true });
    await cache.linkTo(file, pathOf(file));
  });
  const paths = data.files.map(pathOf);
  if (data.kind !== 'pictures') return openDataset(`${data.kind}:${paths.join(',')}`);
  return openSource({
    spec: 'pictures',
    names: data.names,
    paths,
    labels: data.labels === null ? undefined : Int32Array.from(data.labels),
    classNames: data.classNames ?? undefined,
  });
}

/** An error whose message names pictures as the user does, and nothing of this machine. */
function withNames(thrown: unknown, folder: string, data?: StoredDataset): unknown {
  if (!(thrown instanceof BnnqError)) return thrown;
  const names = new Map(
    data?.kind === 'pictures' ? data.files.map(({ sha256 }, i) => [sha256, data.names[i]!]) : [],
  );
  const message = thrown.message
    .replaceAll(join(folder, 'data/'), '')
    .replaceAll(join(folder, 'model/'), '')
    .replaceAll(join(folder, '/'), '')
    .replace(/\b[0-9a-f]{64}\b/g, (sha256) => names.get(sha256) ?? sha256);
  return new BnnqError(thrown.code, message, {}, thrown);
}
