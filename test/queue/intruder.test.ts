import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Job, Queue } from 'bullmq';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KEY_PREFIX, QUEUE_NAME } from '../../src/eval/queue/connect.ts';
import { VERSION } from '../../src/version.ts';
import { tinyFolder } from '../cli/tiny-model.ts';
import { HAS_REDIS, TestRedis } from './redis.ts';
import { lasting, type Place, Process, startWorker, until } from './workers.ts';

let cwd: string;
let redis: TestRedis;
let place: Place;
let worker: Process;
let queue: Queue;
/** A job that is as it should be, and its session. */
let honest: { data: Record<string, unknown>; session: Record<string, unknown> };

beforeAll(async () => {
  if (!HAS_REDIS) return;
  cwd = tinyFolder();
  redis = await TestRedis.start(join(cwd, 'redis'));
  place = { args: ['--queue', redis.url, '--store', 'store'] };
  queue = new Queue(QUEUE_NAME, { connection: { host: '127.0.0.1', port: redis.port }, prefix: KEY_PREFIX });
  const args = [
    'sweep',
    'model.onnx',
    '--data',
    'idx:images.idx,labels.idx',
    '--schemes',
    'linear',
    '--bits',
    '3',
  ];
  const sweep = new Process(cwd, [...args, '--shard', '64', ...place.args, '-o', 'honest']);
  await until(
    async () => (await queue.getWaitingCount()) > 0,
    () => 'a job',
  );
  const [job] = await queue.getWaiting();
  const stored = join(cwd, pathOf(job!.data.session.sha256));
  honest = { data: job!.data, session: JSON.parse(readFileSync(stored, 'utf8')) };
  worker = startWorker(cwd, place);
  expect(await sweep.ended(), sweep.stderr).toBe(0);
});
afterAll(async () => {
  if (!HAS_REDIS) return;
  await queue.close();
  await worker.end();
  await redis.kill();
  rmSync(cwd, { recursive: true });
});

function pathOf(sha256: string): string {
  return join('store', 'sha256', sha256.slice(0, 2), sha256);
}

/** What whoever may write into the store can put there. */
function put(text: string): { sha256: string; bytes: number } {
  const sha256 = createHash('sha256').update(text).digest('hex');
  mkdirSync(join(cwd, dirname(pathOf(sha256))), { recursive: true });
  writeFileSync(join(cwd, pathOf(sha256)), text);
  return { sha256, bytes: text.length };
}

async function forge(data: unknown): Promise<Job> {
  const { id } = await queue.add('score', data, { attempts: 2, backoff: 100 });
  let job: Job | undefined;
  await until(
    async () => {
      const isOver = ['failed', 'completed'].includes(await queue.getJobState(id!));
      job = await queue.getJob(id!);
      return isOver;
    },
    () => `the end of ${JSON.stringify(data)}`,
  );
  return job!;
}

const work = (change: object): unknown => ({
  ...honest.data,
  work: { ...(honest.data.work as object), ...change },
});
const session = (change: object): unknown => ({
  ...honest.data,
  session: put(JSON.stringify({ ...honest.session, ...change })),
});
const blob = { sha256: 'a'.repeat(64), bytes: 5 };
const point = {
  scheme: 'linear',
  bits: 3,
  granularity: 'channel',
  method: 'rtn',
  fit: 'correlation',
  levels: 'geometric',
  zero: false,
};

describe.skipIf(!HAS_REDIS)('a job from an intruder (needs redis-server)', () => {
  it.each<[string, () => unknown, string]>([
    ['is no object', () => 'rm -rf /', 'malformed: a job: it: expected an object, got "rm -rf /"'],
    [
      'is of another form',
      () => ({ ...honest.data, schema: 'x' }),
      'malformed: a job: schema: expected bnn-quantize/job@1',
    ],
    [
      'brings more than is asked for',
      () => ({ ...honest.data, code: 'process.exit()' }),
      'malformed: a job: code: unknown',
    ],
    [
      'names a session by a path',
      () => ({ ...honest.data, session: { sha256: '../../../etc/passwd', bytes: 1 } }),
      'malformed: a job: session.sha256: expected a SHA-256 in hex',
    ],
    [
      'names a model by a path',
      () => work({ model: '/etc/passwd' }),
      'malformed: a job: work.model: expected an object',
    ],
    [
      'asks for something else',
      () => work({ do: 'run' }),
      'malformed: a job: work.do: expected score or discretize',
    ],
    [
      'has an unknown scheme and width',
      () => work({ point: { ...point, scheme: 'exec', bits: 99 } }),
      'malformed: a job: work.point.scheme: expected binary or linear',
    ],
    [
      'has a fit that there is not',
      () => work({ point: { ...point, fit: 'x', levels: 'y' } }),
      'option: 3 problems',
    ],
    [
      'has a granularity that there is not',
      () => work({ point: { ...point, granularity: 'group:-1' } }),
      'option: granularity: expected',
    ],
    [
      'asks for images that there are not',
      () => work({ from: 60, to: 65 }),
      'mismatch: images 60 to 65 of 64',
    ],
    ['asks for no images', () => work({ from: 5, to: 5 }), 'malformed: a job: images 5 to 5 are none'],
    [
      'compares with outputs of another length',
      () => work({ table: 'compare', reference: [{ ...blob, from: 0, to: 64 }] }),
      'malformed: a job: 5 bytes of outputs for images 0 to 64',
    ],
    [
      'compares with outputs that have a gap',
      () => work({ table: 'compare', reference: [] }),
      'malformed: a job: outputs of image 0 to compare with are missing',
    ],
    ['names what is not in the store', () => work({ model: blob }), 'not-found: store "store": "aaaa'],
    [
      'wants to calibrate without images',
      () => work({ do: 'discretize', point, from: undefined }),
      'malformed: a job: work.model: unknown',
    ],
    [
      'has a model outside of its folder',
      () => session({ model: [{ ...blob, name: '../../escaped' }] }),
      'malformed: a session in the store: model[0].name: expected the name of a file below a folder, got "../../escaped"',
    ],
    [
      'has a model at the root',
      () => session({ model: [{ ...blob, name: '/tmp/escaped' }] }),
      'malformed: a session in the store: model[0].name',
    ],
    [
      'has a dataset at a path',
      () => session({ data: { kind: 'imagefolder:/etc', files: ['/etc/passwd'] } }),
      'malformed: a session in the store: data.kind: expected cifar10 or idx or npz or pictures',
    ],
    [
      'has preprocessing from a file',
      () => session({ preprocess: '/etc/passwd.json' }),
      'option: preprocessing "a session in the store": expected an object',
    ],
    [
      'is of another version',
      () => session({ version: '0.0.0' }),
      `malformed: a session in the store: version: expected ${VERSION}, got "0.0.0"`,
    ],
    [
      'says that there are more images',
      () => session({ count: 65 }),
      'mismatch: the model or the data are not those of the session: images: expected 65, got 64',
    ],
    [
      'says that data are others',
      () => session({ data: { ...(honest.session.data as object), fingerprint: 'b'.repeat(64) } }),
      'mismatch: the model or the data are not those of the session: fingerprint',
    ],
    [
      'has more data than the cache takes',
      () => session({ model: [{ ...blob, bytes: 1e15, name: 'x' }] }),
      'limit: model and data have 1000000000',
    ],
    [
      'has a session that is no JSON',
      () => ({ ...honest.data, session: put('{') }),
      'malformed: a session in the store is not JSON',
    ],
  ])('which %s is refused', async (_, data, reason) => {
    const job = await forge(data());
    expect(await job.isFailed()).toBe(true);
    expect(job.failedReason).toContain(reason);
    // Nothing of the worker's machine is told, and what cannot come out differently is not tried again.
    expect(job.failedReason).not.toContain(cwd);
    expect(job.attemptsMade).toBe(reason.startsWith('not-found') ? 2 : 1);
  });

  it('leaves nothing behind, and the worker goes on', async () => {
    for (const path of ['escaped', '../escaped', 'cache/escaped', '/tmp/escaped'])
      expect(existsSync(path.startsWith('/') ? path : join(cwd, path))).toBe(false);
    expect(worker.child.exitCode).toBe(null);
    const args = [
      'sweep',
      'model.onnx',
      '--data',
      'idx:images.idx,labels.idx',
      '--schemes',
      'linear',
      '--bits',
      '3',
    ];
    const again = new Process(cwd, [...args, ...place.args, '-o', 'again']);
    expect(await again.ended(), again.stderr).toBe(0);
    expect(lasting(join(cwd, 'again'))).toEqual(lasting(join(cwd, 'honest')));
    expect(
      readdirSync(join(cwd, 'cache')).filter((name) => name.startsWith('work-')).length,
    ).toBeLessThanOrEqual(2);
  });
});
