import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { tinyFolder } from '../cli/tiny-model.ts';
import { HAS_OPENSSL, HAS_REDIS, makeCertificate, TestRedis } from './redis.ts';
import { lasting, Process, startWorker } from './workers.ts';

/** With characters that URLs and shells make something of. */
const PASSWORD = 's3cret/@:%41';
const SWEEP = [
  'sweep',
  'model.onnx',
  '--data',
  'idx:images.idx,labels.idx',
  '--schemes',
  'linear',
  '--bits',
  '2',
];
let cwd: string;
const servers: TestRedis[] = [];
const started: Process[] = [];

beforeAll(() => {
  cwd = tinyFolder();
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((one) => one.end('SIGKILL')));
  await Promise.all(servers.splice(0).map((one) => one.kill()));
});
afterAll(() => rmSync(cwd, { recursive: true }));

async function serve(name: string, ...flags: string[]): Promise<TestRedis> {
  const redis = await TestRedis.start(join(cwd, name), flags);
  servers.push(redis);
  return redis;
}

async function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Process> {
  const one = new Process(cwd, args, env);
  started.push(one);
  await one.ended();
  return one;
}

/** A sweep and a worker that reach each other by the same arguments. */
async function sweepBy(url: string, out: string, more: readonly string[] = [], env = {}): Promise<Process> {
  const place = { args: ['--queue', url, '--store', 'store', ...more], env };
  started.push(startWorker(cwd, place));
  return run([...SWEEP, ...place.args, '-o', out], env);
}

describe.skipIf(!HAS_REDIS)('reaching Redis (needs redis-server)', () => {
  it('takes a password from the URL or the environment, and shows it nowhere', async () => {
    const redis = await serve('locked', '--requirepass', PASSWORD);
    const url = `redis://:${encodeURIComponent(PASSWORD)}@127.0.0.1:${redis.port}`;
    const byUrl = await sweepBy(url, 'by-url');
    const byEnv = await sweepBy(redis.url, 'by-env', [], { BNNQ_QUEUE_PASSWORD: PASSWORD });
    for (const [one, out] of [
      [byUrl, 'by-url'],
      [byEnv, 'by-env'],
    ] as const) {
      expect(one.child.exitCode, one.stderr).toBe(0);
      const report = lasting(join(cwd, out), { command: true });
      expect(report.points).toHaveLength(1);
      for (const text of [one.stdout, one.stderr, JSON.stringify(report)])
        for (const secret of [PASSWORD, encodeURIComponent(PASSWORD)]) expect(text).not.toContain(secret);
    }
    expect(lasting(join(cwd, 'by-url'), { command: true }).command).toContain(
      `redis://***@127.0.0.1:${redis.port}`,
    );
    for (const wrong of [`redis://:wr0ng@127.0.0.1:${redis.port}`, redis.url]) {
      const refused = await run([...SWEEP, '--queue', wrong, '--store', 'store', '-o', 'refused']);
      expect(refused.child.exitCode).toBe(1);
      expect(refused.stderr).toMatch(/^bnn-quantize: queue redis:\/\/.*: (WRONGPASS|NOAUTH) /m);
      expect(refused.stderr).not.toContain('wr0ng');
    }
  });

  it('takes users of an access list', async () => {
    const user = 'bnnq on >pass ~{bnn-quantize* &* +@all -@dangerous +info +client|list'.split(' ');
    const redis = await serve('acl', '--user', 'default', 'off', '--user', ...user);
    const done = await sweepBy(`redis://bnnq:pass@127.0.0.1:${redis.port}`, 'acl-out');
    expect(done.child.exitCode, done.stderr).toBe(0);
  });

  it.skipIf(!HAS_OPENSSL)('speaks TLS and trusts nobody but the authority that is named', async () => {
    const [own, other] = [makeCertificate(cwd, 'own'), makeCertificate(cwd, 'other')];
    const files = ['--tls-key-file', own.key, '--tls-cert-file', own.cert, '--tls-ca-cert-file', own.cert];
    const redis = await serve('tls', '--tls-port', '0', ...files, '--tls-auth-clients', 'no');
    const url = `rediss://localhost:${redis.port}`;
    const done = await sweepBy(url, 'tls-out', ['--queue-ca', own.cert]);
    expect(done.child.exitCode, done.stderr).toBe(0);
    for (const more of [[], ['--queue-ca', other.cert]]) {
      const refused = await run([...SWEEP, '--queue', url, '--store', 'store', ...more, '-o', 'refused']);
      expect(refused.child.exitCode).toBe(1);
      expect(refused.stderr).toMatch(
        /^bnn-quantize: queue rediss:\/\/localhost:\d+: self-signed certificate/m,
      );
    }
  });

  it('says at once where nobody answers', async () => {
    const refused = await run([
      ...SWEEP,
      '--queue',
      'redis://127.0.0.1:1',
      '--store',
      'store',
      '-o',
      'refused',
    ]);
    expect(refused.child.exitCode).toBe(1);
    expect(refused.stderr).toMatch(/^bnn-quantize: queue redis:\/\/127.0.0.1:1: .*ECONNREFUSED/m);
  });
});

describe('without the packages of queues', () => {
  it.each([
    ['bullmq', ['--store', 'store']],
    ['ioredis', ['--store', 'store']],
    ['aws4fetch', ['--store', 's3://bucket/x']],
  ])('says that %s is to be installed', async (name, store) => {
    // As if it were not there.
    const hook = `export const resolve = (name, context, next) => {
      if (name === '${name}') throw new Error('Cannot find package');
      return next(name, context);
    };`;
    const register = `import { register } from 'node:module';
      register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hook)}));`;
    const refused = await run([...SWEEP, '--queue', 'redis://127.0.0.1:1', ...store, '-o', 'usage'], {
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(register)}`,
      ...{ AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x' },
    });
    expect(refused.child.exitCode).toBe(1);
    expect(refused.stderr).toContain(
      `the package ${name}, which is not installed or does not load: npm install ${name}\n`,
    );
  });
});

describe('a queue that is not described well', () => {
  it.each([
    [['--queue', 'redis://h'], '--store'],
    [['--store', 'store'], '--store: only with --queue'],
    [['--shard', '5', '--queue-ca', 'x'], '--queue-ca, --shard: only with --queue'],
    [
      ['--queue', 'http://u:pw@h', '--store', 's'],
      'expected redis://host or rediss://host, got "http://***@h"',
    ],
    [
      ['--queue', 'redis://h/x?y', '--store', 's'],
      'expected a number of a database behind the host; expected nothing',
    ],
    [['--queue', 'redis://h', '--store', 'ftp://x'], 'expected a folder or s3://bucket/prefix'],
    [['--queue', 'redis://h', '--store', 's3://B'], 'expected s3://bucket/prefix'],
    [
      ['--queue', 'redis://h', '--store', 's3://bucket/x'],
      'AWS_ACCESS_KEY_ID is not set; AWS_SECRET_ACCESS_KEY is not',
    ],
  ])('%j is a mistake in usage', async (args, message) => {
    const refused = await run([...SWEEP, ...args, '-o', 'usage'], {
      AWS_ACCESS_KEY_ID: '',
      AWS_SECRET_ACCESS_KEY: '',
    });
    expect([refused.child.exitCode, refused.stdout]).toEqual([2, '']);
    expect(refused.stderr).toContain(message);
  });
});
