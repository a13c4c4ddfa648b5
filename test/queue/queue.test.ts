import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Queue, Worker } from 'bullmq';
import { zipSync } from 'fflate';
import onnxProto from 'onnx-proto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { KEY_PREFIX, QUEUE_NAME } from '../../src/eval/queue/connect.ts';
import { writeNpy } from '../../src/formats/npy/npy.ts';
import { bnnq } from '../cli/run-cli.ts';
import { tinyFolder, tinyImages } from '../cli/tiny-model.ts';
import { encodePng } from './png.ts';
import { HAS_REDIS, TestRedis } from './redis.ts';
import { journalLines, lasting, type Place, Process, startWorker, until } from './workers.ts';

const { onnx } = onnxProto;
const DATA = ['--data', 'idx:images.idx,labels.idx'];
let cwd: string;
let redis: TestRedis;
let place: Place;
const started: Process[] = [];

beforeAll(async () => {
  cwd = tinyFolder(600);
  if (!HAS_REDIS) return;
  redis = await TestRedis.start(join(cwd, 'redis'));
  place = { args: ['--queue', redis.url, '--store', 'store'] };
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((one) => one.end('SIGKILL')));
});
afterAll(async () => {
  if (HAS_REDIS) await redis.kill();
  rmSync(cwd, { recursive: true });
});

function worker(...more: string[]): Process {
  const one = startWorker(cwd, place, more);
  started.push(one);
  return one;
}

function submit(args: readonly string[], out: string, model = 'model.onnx'): Process {
  const one = new Process(cwd, ['sweep', model, ...args, '-o', out, ...place.args]);
  started.push(one);
  return one;
}

/** What one process without a queue reports. */
async function alone(args: readonly string[], out: string, model = 'model.onnx'): Promise<unknown> {
  const { code, stderr } = await bnnq(['sweep', model, ...args, '--threads', '1', '-o', out], { cwd });
  if (code !== 0) throw new Error(stderr);
  return lasting(join(cwd, out));
}

/** The queue as an administrator, or an intruder, sees it. */
async function withQueue<T>(work: (queue: Queue) => Promise<T>): Promise<T> {
  const queue = new Queue(QUEUE_NAME, {
    connection: { host: '127.0.0.1', port: redis.port },
    prefix: KEY_PREFIX,
  });
  try {
    return await work(queue);
  } finally {
    await queue.close();
  }
}

describe.skipIf(!HAS_REDIS)('a sweep on a queue (needs redis-server)', () => {
  it('reports what one process does, though a worker is killed in the middle and Redis, too', async () => {
    const calibrated = ['--calib', 'idx:images.idx', '--calib-samples', '32'];
    const args = [
      ...DATA,
      '--kernels',
      'reference',
      '--schemes',
      'linear,exp',
      '--bits',
      '1-4',
      ...calibrated,
    ];
    const expected = await alone(args, 'whole');
    const workers = [worker(), worker(), worker()];
    await Promise.all(workers.map((one) => one.says('taking jobs')));
    const sweep = submit([...args, '--shard', '150'], 'killed');
    await until(
      () => journalLines(join(cwd, 'killed')) >= 4,
      () => `points:\n${sweep.stderr}`,
    );
    await workers[0]!.end('SIGKILL');
    await until(
      () => journalLines(join(cwd, 'killed')) >= 7,
      () => `points:\n${sweep.stderr}`,
    );
    await redis.kill('SIGKILL');
    await sweep.says('trying again\n');
    await redis.start();
    expect(await sweep.ended()).toBe(0);
    expect(lasting(join(cwd, 'killed'))).toEqual(expected);
    expect(sweep.stderr).toContain('connected again\n');
    // The models of calibrated points are here as well, the same bytes.
    for (const name of readdirSync(join(cwd, 'whole', 'models')))
      expect(
        readFileSync(join(cwd, 'killed', 'models', name)).equals(
          readFileSync(join(cwd, 'whole', 'models', name)),
        ),
      ).toBe(true);
    // SIGTERM is how workers are ended.
    expect(await workers[1]!.end()).toBe(0);
    expect(workers[1]!.stdout).toMatch(/^\d+ jobs? done, 0 failed\n$/);
  });

  it('takes pictures in folders and in CSV files, wherever they lie', async () => {
    const { images, labels } = {
      images: readFileSync(join(cwd, 'images.idx')),
      labels: readFileSync(join(cwd, 'labels.idx')),
    };
    const rows: string[] = [];
    for (let i = 0; i < 40; i++) {
      const png = encodePng(images.subarray(16 + 64 * i, 80 + 64 * i), 8, 8);
      const label = labels[8 + i]!;
      mkdirSync(join(cwd, 'pictures', `class ${label}`), { recursive: true });
      mkdirSync(join(cwd, 'lists'), { recursive: true });
      writeFileSync(join(cwd, 'pictures', `class ${label}`, `${i}.png`), png);
      rows.push(`../pictures/class ${label}/${i}.png,${label}`);
    }
    writeFileSync(join(cwd, 'lists', 'all.csv'), `${rows.join('\n')}\n`);
    worker();
    for (const [name, data] of [
      ['folder', 'imagefolder:pictures'],
      ['csv', 'csv:lists/all.csv'],
    ] as const) {
      const args = ['--data', data, '--schemes', 'linear', '--bits', '1,3', '--calib', data];
      const sweep = submit(args, name);
      expect(await sweep.ended(), sweep.stderr).toBe(0);
      expect(lasting(join(cwd, name))).toEqual(await alone(args, `${name}-whole`));
    }
  });

  it('takes a network that lies in several files, and values in an archive', async () => {
    const model = onnx.ModelProto.decode(readFileSync(join(cwd, 'model.onnx')));
    mkdirSync(join(cwd, 'network', 'weights'), { recursive: true });
    for (const tensor of model.graph!.initializer!) {
      const location = `weights/${tensor.name}.bin`;
      writeFileSync(join(cwd, 'network', location), tensor.rawData!);
      tensor.rawData = new Uint8Array(0);
      tensor.dataLocation = 1; // EXTERNAL
      tensor.externalData = [{ key: 'location', value: `./${location}` }];
    }
    writeFileSync(join(cwd, 'network', 'net.onnx'), onnx.ModelProto.encode(model).finish());
    const images = readFileSync(join(cwd, 'images.idx'));
    const x = {
      dtype: 'UINT8' as const,
      shape: [50, 8, 8],
      data: Uint8Array.from(images.subarray(16, 16 + 50 * 64)),
    };
    writeFileSync(join(cwd, 'values.npz'), zipSync({ 'x.npy': writeNpy(x) }));
    worker();
    const args = ['--data', 'npz:values.npz', '--schemes', 'exp', '--bits', '2,5'];
    const sweep = submit(args, 'several', 'network/net.onnx');
    expect(await sweep.ended(), sweep.stderr).toBe(0);
    expect(lasting(join(cwd, 'several'))).toEqual(await alone(args, 'several-whole', 'network/net.onnx'));
  });

  it('goes on after its submitter was killed, with what workers have done since', async () => {
    const args = [...DATA, '--kernels', 'reference', '--schemes', 'linear', '--bits', '1-6'];
    const first = submit(args, 'orphan');
    await first.says('no worker of this version is there yet');
    const one = worker();
    await until(
      () => journalLines(join(cwd, 'orphan')) >= 2,
      () => `points:\n${first.stderr}`,
    );
    await first.end('SIGKILL');
    // All jobs were queued; the worker does them for nobody.
    await withQueue((queue) =>
      until(
        async () => (await queue.getJobCountByTypes('wait', 'active')) === 0,
        () => 'the jobs',
      ),
    );
    const done = await one.end();
    expect(done).toBe(0);
    const second = submit(args, 'orphan'); // without any worker
    expect(await second.ended(), second.stderr).toBe(0);
    expect(lasting(join(cwd, 'orphan'))).toEqual(await alone(args, 'orphan-whole'));
  });

  it('takes its jobs back after SIGINT, finishes those in work, and goes on without a queue', async () => {
    const args = [...DATA, '--kernels', 'reference', '--schemes', 'linear', '--bits', '1-8'];
    worker();
    const sweep = submit(args, 'stopped');
    await until(
      () => journalLines(join(cwd, 'stopped')) >= 3,
      () => `points:\n${sweep.stderr}`,
    );
    expect(await sweep.end('SIGINT')).toBe(130);
    const [, finished] = /interrupted: (\d) of 8 points are finished/.exec(sweep.stderr) ?? [];
    expect(Number(finished)).toBe(journalLines(join(cwd, 'stopped')) - 1);
    expect(Number(finished)).toBeGreaterThanOrEqual(3);
    expect(Number(finished)).toBeLessThan(8);
    expect(await withQueue((queue) => queue.getJobCountByTypes('wait', 'active', 'delayed'))).toBe(0);
    expect(await alone(args, 'stopped')).toEqual(await alone(args, 'stopped-whole'));
  });

  it('gives a job to another worker when its worker is told twice to end', async () => {
    // Enough images for a point to take seconds.
    const many = tinyImages(20_000);
    writeFileSync(join(cwd, 'many.idx'), many.images);
    writeFileSync(join(cwd, 'answers.idx'), many.labels);
    const range = ['--kernels', 'reference', '--schemes', 'linear', '--bits', '3'];
    const args = ['--data', 'idx:many.idx,answers.idx', ...range];
    const hasty = worker();
    const sweep = submit([...args, '--shard', '20000'], 'hasty');
    await until(
      async () =>
        (await withQueue((queue) => queue.getActiveCount())) > 0 && journalLines(join(cwd, 'hasty')) > 0,
      () => `the point:\n${sweep.stderr}`,
    );
    hasty.child.kill('SIGTERM');
    await hasty.says('once more gives them up');
    expect(await hasty.end()).toBe(130);
    expect(hasty.stderr).toContain('interrupted: the jobs in work go to other workers\n');
    worker();
    expect(await sweep.ended(), sweep.stderr).toBe(0);
    expect(lasting(join(cwd, 'hasty'))).toEqual(await alone(args, 'hasty-whole'));
  });

  it('reports a point that kills its workers, after some of them, and finishes the others', async () => {
    const args = [...DATA, '--schemes', 'linear', '--bits', '2-4', '--kernels', 'reference'];
    const sweep = submit(args, 'poisoned');
    let [deaths, starts] = [0, 0];
    // A worker that takes the point of three bits dies; another one is started in its place.
    const ended = sweep.ended();
    let running = true;
    void ended.then(() => {
      running = false;
    });
    await withQueue(async (queue) => {
      while (running) {
        const one = worker();
        await until(
          async () => {
            const [poisoned] = (await queue.getActive()).filter(({ data }) => data.work.point?.bits === 3);
            // Not the one that a dead worker still seems to have, nor one that is only taken to be given up.
            const isGivenUp = poisoned?.deferredFailure !== undefined;
            if (poisoned !== undefined && !isGivenUp && poisoned.attemptsStarted > starts) {
              starts = poisoned.attemptsStarted;
              return true;
            }
            return !running;
          },
          () => 'the poisoned point',
        );
        if (!running) break;
        deaths++;
        await one.end('SIGKILL');
      }
    });
    expect(await ended, sweep.stderr).toBe(0);
    expect(deaths).toBeGreaterThanOrEqual(2);
    expect(deaths).toBeLessThanOrEqual(4);
    const report = lasting(join(cwd, 'poisoned')) as {
      points: { bits: number }[];
      failures: { bits: number; message: string }[];
    };
    expect(report.points.map(({ bits }) => bits)).toEqual([2, 4]);
    expect(report.failures).toEqual([
      expect.objectContaining({ bits: 3, message: expect.stringContaining('workers ended again and again') }),
    ]);
  });

  it('refuses answers that make no sense, and lists the points as failures', async () => {
    const args = [...DATA, '--schemes', 'linear', '--bits', '2', '--limit', '100'];
    const honest = worker();
    await honest.says('taking jobs');
    const sweep = submit(args, 'forged');
    await until(
      () => journalLines(join(cwd, 'forged')) >= 1,
      () => `the float network:\n${sweep.stderr}`,
    );
    await sweep.end('SIGKILL');
    await honest.end();
    await withQueue((queue) => queue.obliterate({ force: true }));
    // Another worker, which answers the float pass with what it likes.
    const connection = { host: '127.0.0.1', port: redis.port };
    let asked = 0;
    const liar = new Worker(
      QUEUE_NAME,
      async (job) => {
        asked++;
        const scored = {
          kind: 'logits',
          count: 1e9,
          seconds: 0,
          runSeconds: 0,
          images: { rank: '/etc/passwd' },
        };
        return {
          schema: 'bnn-quantize/answer@1',
          session: job.data.session.sha256,
          fingerprint: '0'.repeat(64),
          ...{ discretized: null, scored, file: null },
        };
      },
      { connection, prefix: KEY_PREFIX },
    );
    try {
      const lied = submit(args, 'forged');
      expect(await lied.ended()).toBe(1);
      expect(lied.stderr).toContain(
        'an answer of a worker was refused: it is about another model or other data',
      );
      // Three times each of two shards, or until one of them has failed.
      expect(asked).toBeGreaterThanOrEqual(3);
      expect(asked).toBeLessThanOrEqual(6);
    } finally {
      await liar.close();
    }
  });
});
