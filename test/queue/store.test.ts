import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Blob, Store } from '../../src/eval/queue/blob.ts';
import { BlobCache } from '../../src/eval/queue/blob-cache.ts';
import { openS3Store } from '../../src/eval/queue/s3-store.ts';
import { openStore, putBytes, putFile } from '../../src/eval/queue/store.ts';
import { bnnq } from '../cli/run-cli.ts';
import { tinyFolder } from '../cli/tiny-model.ts';
import { freePort, HAS_REDIS, TestRedis } from './redis.ts';
import { lasting, Process, startWorker } from './workers.ts';

const root = mkdtempSync(join(tmpdir(), 'bnnq-store-'));
afterAll(() => rmSync(root, { recursive: true }));
let made = 0;
const folder = (): string => join(root, String(made++));
const bytesOf = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * seed) % 251);
const blobOf = (bytes: Uint8Array): Blob => ({
  sha256: createHash('sha256').update(bytes).digest('hex'),
  bytes: bytes.length,
});

/** Python with moto's server, which imitates S3 and checks the signatures of requests once a user has been made. */
const PYTHON = [process.env.BNNQ_PYTHON, 'python3'].find(
  (one) => one !== undefined && spawnSync(one, ['-c', 'import moto.server, flask, boto3']).status === 0,
);
/** Makes a bucket and a user, in the four requests that need no signature, and prints the user's key. */
const SET_UP = `
import boto3, json, sys, time
def client(name):
    return boto3.client(name, endpoint_url=sys.argv[1], region_name='us-east-1', aws_access_key_id='a', aws_secret_access_key='b')
for attempt in range(100):
    try:
        client('s3').create_bucket(Bucket='bucket')
        break
    except Exception:
        time.sleep(0.1)
iam = client('iam')
iam.create_user(UserName='u')
policy = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 's3:*', 'Resource': '*'}]}
iam.put_user_policy(UserName='u', PolicyName='p', PolicyDocument=json.dumps(policy))
key = iam.create_access_key(UserName='u')['AccessKey']
print(json.dumps([key['AccessKeyId'], key['SecretAccessKey']]))
`;
let moto: ChildProcess | undefined;
const env: Record<string, string> = { AWS_REGION: 'eu-central-1' };

beforeAll(async () => {
  if (PYTHON === undefined) return;
  const port = await freePort();
  env.AWS_ENDPOINT_URL_S3 = `http://127.0.0.1:${port}`;
  moto = spawn(PYTHON, ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)], {
    stdio: 'ignore',
    env: { ...process.env, INITIAL_NO_AUTH_ACTION_COUNT: '4' },
  });
  const { stdout, stderr } = spawnSync(PYTHON, ['-c', SET_UP, env.AWS_ENDPOINT_URL_S3], { encoding: 'utf8' });
  if (stdout === '') throw new Error(stderr);
  const [id, secret] = JSON.parse(stdout) as [string, string];
  Object.assign(env, { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret });
});
afterAll(() => {
  moto?.kill();
});

const KINDS: [string, boolean, () => Promise<Store>][] = [
  ['a folder', false, () => openStore(folder())],
  [
    'S3 (needs Python with moto[server])',
    PYTHON === undefined,
    () => openS3Store(`s3://bucket/some/prefix-${made++}`, env),
  ],
];

describe.each(KINDS)('a store in %s', (_, isMissing, open) => {
  it.skipIf(isMissing)(
    'gives back what was put into it, from memory and from files, of any length',
    async () => {
      const store = await open();
      for (const length of [0, 1, 65_536, 3_000_001]) {
        const bytes = bytesOf(length, 7);
        const blob = blobOf(bytes);
        expect(await store.has(blob)).toBe(false);
        const path = folder();
        writeFileSync(path, bytes);
        expect(length === 1 ? await putBytes(store, bytes) : await putFile(store, path)).toEqual(blob);
        expect(await store.has(blob)).toBe(true);
        expect(await store.has({ ...blob, bytes: length + 1 })).toBe(false);
        const back = folder();
        await store.get(blob, back);
        expect(readFileSync(back).equals(bytes)).toBe(true);
      }
    },
  );

  it.skipIf(isMissing)('says what is missing, and leaves no file', async () => {
    const store = await open();
    const path = join(root, `missing${made++}`);
    await expect(store.get(blobOf(bytesOf(5, 3)), path)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(
        /^store .*: "[0-9a-f]{64}" is not there; who submits and who works must name the same/,
      ),
    });
    expect(existsSync(path)).toBe(false);
  });

  it.skipIf(isMissing)('refuses bytes that do not have the hash that they are put under', async () => {
    const store = await open();
    const blob = blobOf(bytesOf(1000, 3));
    await expect(store.put(blob, bytesOf(1000, 5))).rejects.toMatchObject({ code: 'malformed' });
    expect(await store.has(blob)).toBe(false);
  });
});

describe('a store in S3', () => {
  it.skipIf(PYTHON === undefined)(
    'is refused to whoever has another key (needs Python with moto[server])',
    async () => {
      const store = await openS3Store('s3://bucket/x', { ...env, AWS_SECRET_ACCESS_KEY: 'wrong' });
      await expect(putBytes(store, bytesOf(10, 3))).rejects.toMatchObject({
        code: 'io',
        message: 'store s3://bucket/x: cannot be asked: the server says 403',
      });
    },
  );
});

describe('a store that somebody has changed', () => {
  it('is noticed by the hash, and nothing of it is left here', async () => {
    const place = folder();
    const store = await openStore(place);
    const blob = await putBytes(store, bytesOf(1000, 3));
    const inside = join(place, 'sha256', blob.sha256.slice(0, 2), blob.sha256);
    writeFileSync(inside, bytesOf(1000, 5));
    const target = folder();
    await expect(store.get(blob, target)).rejects.toMatchObject({ code: 'malformed' });
    expect(existsSync(target)).toBe(false);
    expect(readdirSync(root).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

describe('the cache of a worker', () => {
  it('fetches a blob once, keeps what is in use, and lets go of what was not used for longest', async () => {
    const store = await openStore(folder());
    const place = folder();
    const blobs: Blob[] = [];
    for (let i = 0; i < 4; i++) blobs.push(await putBytes(store, bytesOf(1000, i + 2)));
    let fetched = 0;
    const counting: Store = {
      ...store,
      get: (blob, path) => {
        fetched++;
        return store.get(blob, path);
      },
    };
    const cache = await BlobCache.open(place, 2500, counting);
    const work = await cache.workFolder();
    expect(statSync(place).mode & 0o077).toBe(0);
    await Promise.all([cache.linkTo(blobs[0]!, join(work, 'a')), cache.linkTo(blobs[0]!, join(work, 'b'))]);
    expect(fetched).toBe(1);
    for (const [i, blob] of blobs.entries()) {
      await delay(10); // times of use that differ
      await cache.linkTo(blob, join(work, `c${i}`));
    }
    await cache.trim();
    await cache.linkTo(blobs[3]!, join(work, 'd'));
    expect(fetched).toBe(4);
    await cache.linkTo(blobs[0]!, join(work, 'e'));
    expect(fetched).toBe(5);
    // What was let go is still where it was linked to.
    expect(readFileSync(join(work, 'a')).equals(bytesOf(1000, 2))).toBe(true);
    expect(() => cache.expectRoom(blobs)).toThrow(
      'model and data have 4000 bytes, the cache of the worker takes 2500',
    );
  });

  it('removes what a killed worker of this machine left', async () => {
    const place = folder();
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    const store = await openStore(folder());
    const cache = await BlobCache.open(place, 1e6, store);
    const own = await cache.workFolder();
    const left = own.replace(`-${process.pid}-`, `-${pid}-`);
    mkdirSync(left);
    await BlobCache.open(place, 1e6, store);
    expect([existsSync(left), existsSync(own)]).toEqual([false, true]);
  });
});

describe.skipIf(PYTHON === undefined || !HAS_REDIS)(
  'a sweep over S3 (needs redis-server and Python with moto[server])',
  () => {
    it('reports what one process does', async () => {
      const cwd = tinyFolder();
      const redis = await TestRedis.start(join(cwd, 'redis'));
      const place = { args: ['--queue', redis.url, '--store', 's3://bucket/sweeps'], env };
      const worker = startWorker(cwd, place);
      try {
        const args = [
          'sweep',
          'model.onnx',
          '--data',
          'idx:images.idx,labels.idx',
          '--bits',
          '2',
          '--calib',
          'idx:images.idx',
        ];
        const sweep = new Process(cwd, [...args, ...place.args, '-o', 'queued'], env);
        expect(await sweep.ended(), sweep.stderr).toBe(0);
        expect((await bnnq([...args, '-o', 'whole'], { cwd })).code).toBe(0);
        expect(lasting(join(cwd, 'queued'))).toEqual(lasting(join(cwd, 'whole')));
      } finally {
        await worker.end();
        await redis.kill();
        rmSync(cwd, { recursive: true });
      }
    });
  },
);
