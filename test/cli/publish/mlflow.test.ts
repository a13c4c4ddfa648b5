import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { logToMlflow, resultHash } from '../../../cli/publish/mlflow.ts';
import { mlflowServer } from '../../../cli/publish/mlflow-client.ts';
import { bnnq, type Outcome } from '../run-cli.ts';
import { tinyFolder } from '../tiny-model.ts';
import { type FakeMlflow, type FakeRequest, fakeMlflow, type Reply } from './fake-mlflow.ts';
import { measured, pointOf } from './measured-example.ts';

const DATA = ['--data', 'idx:images.idx,labels.idx', '--preprocess', 'unit', '--threads', '1'];
const SWEEP = ['sweep', 'model.onnx', ...DATA, '--schemes', 'linear,exp', '--bits', '2,3'];
/** Nothing of the person who runs the tests. */
const NO_ENV = Object.fromEntries(
  ['URI', 'USERNAME', 'PASSWORD', 'TOKEN'].map((name) => [`MLFLOW_TRACKING_${name}`, '']),
);
let cwd: string;
let fake: FakeMlflow | undefined;

beforeAll(() => {
  cwd = tinyFolder();
});
afterEach(async () => {
  await fake?.close();
  fake = undefined;
});

async function serve(interfere?: (request: FakeRequest) => Reply | undefined): Promise<FakeMlflow> {
  fake = await fakeMlflow(interfere);
  return fake;
}

const run = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> =>
  bnnq(args, { cwd, env: { ...NO_ENV, MLFLOW_EXPERIMENT_NAME: '', ...env } });

/** Bodies that were sent to a place of the interface. */
const sentTo = ({ requests }: FakeMlflow, path: string): FakeRequest['json'][] =>
  requests.filter((request) => request.path === path).map(({ json }) => json);

describe('--mlflow', () => {
  it('logs a sweep as a run with a child for each point, and the files of the report', async () => {
    const server = await serve();
    const { code, stderr } = await run([...SWEEP, '-o', 'swept', '--mlflow', server.uri, '--min-top1', '50']);
    expect([code, stderr]).toEqual([0, `MLflow: logged as run run0 of "bnn-quantize" on ${server.uri}\n`]);
    const [parent, ...children] = sentTo(server, 'mlflow/runs/create');
    expect(parent).toMatchObject({ experiment_id: '7', run_name: 'sweep model.onnx' });
    expect(children.map(({ run_name: name }) => name).toSorted()).toEqual([
      'exp, channel, 2 bits',
      'exp, channel, 3 bits',
      'linear, channel, 2 bits',
      'linear, channel, 3 bits',
    ]);
    for (const { tags } of children)
      expect(tags).toContainEqual({ key: 'mlflow.parentRunId', value: 'run0' });
    const report = JSON.parse(readFileSync(join(cwd, 'swept/report.json'), 'utf8'));
    const batches = sentTo(server, 'mlflow/runs/log-batch');
    const curves = batches
      .filter(({ run_id: id }) => id === 'run0')
      .flatMap(({ metrics = [] }) => metrics as { key: string; value: number; step: number }[])
      .filter(({ key }) => key === 'top1/exp channel');
    expect(curves.map(({ step, value }) => [step, value])).toEqual(
      report.points
        .filter(({ scheme }: { scheme: string }) => scheme === 'exp')
        .map(({ bits, top1 }: { bits: number; top1: number }) => [bits, top1]),
    );
    for (const name of ['json', 'csv', 'md', 'html']) {
      const upload = server.requests.find(({ path }) =>
        path.endsWith(`/artifacts/7/run0/artifacts/report.${name}`),
      );
      expect(upload?.body.equals(readFileSync(join(cwd, `swept/report.${name}`)))).toBe(true);
    }
    const last = server.requests.at(-1)!;
    expect([last.path, last.json]).toMatchObject([
      'mlflow/runs/update',
      { run_id: 'run0', status: 'FINISHED' },
    ]);
  });

  it('logs one packed file as one run with the file', async () => {
    const server = await serve();
    const args = [
      'model.onnx',
      '--bits',
      '2',
      ...DATA,
      '--mlflow',
      server.uri,
      '--mlflow-experiment',
      'nightly',
    ];
    expect((await run([...args, '-q'])).code).toBe(0);
    expect(sentTo(server, 'mlflow/experiments/create')).toEqual([{ name: 'nightly' }]);
    expect(sentTo(server, 'mlflow/runs/create')).toHaveLength(1);
    const upload = server.requests.find(({ method }) => method === 'PUT')!;
    expect(upload.path).toBe('mlflow-artifacts/artifacts/7/run0/artifacts/model.exp2.bnnq');
    expect(upload.body.equals(readFileSync(join(cwd, 'model.exp2.bnnq')))).toBe(true);
    const params = sentTo(server, 'mlflow/runs/log-batch').flatMap(({ params: some = [] }) => some);
    expect(params).toContainEqual({ key: 'scheme', value: 'exp' });
  });

  it('keeps the result where the server is not there, ends with 1, and logs it when asked again', async () => {
    const gone = await fakeMlflow();
    await gone.close();
    const args = [...SWEEP, '-o', 'kept', '--mlflow'];
    const failed = await run([...args, gone.uri]);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(
      /^bnn-quantize: MLflow: cannot reach http:\/\/127\.0\.0\.1:\d+: ECONNREFUSED\n$/,
    );
    expect(failed.stdout).toContain('report: kept/report.html');
    expect(existsSync(join(cwd, 'kept/report.json'))).toBe(true);
    const server = await serve();
    const again = await run([...args, server.uri]);
    expect([again.code, again.stderr]).toEqual([
      0,
      expect.stringMatching(/^kept\/report\.json is up to date.*\nMLflow: logged as run/),
    ]);
  });

  it('ends with 3 where a gate is not met, server or not', async () => {
    const server = await serve(() => ({
      status: 500,
      body: { error_code: 'INTERNAL_ERROR', message: 'full' },
    }));
    const args = ['score', 'model.onnx', ...DATA, '--min-top1', '100', '--mlflow', server.uri];
    const { code, stderr } = await run(args);
    expect([code, stderr]).toEqual([
      3,
      expect.stringMatching(
        /gate not met by model\.onnx[\s\S]*answered mlflow\/experiments\/get-by-name with 500 INTERNAL_ERROR: full\n$/,
      ),
    ]);
  });

  it.each([
    [
      'a file',
      ['./mlruns'],
      {},
      /expected the address of a tracking server .* got "\.\/mlruns"; files and databases/,
    ],
    ['a database with a password', ['postgresql://me:secret@db/x'], {}, /got "postgresql:\/\/\*\*\*@db\/x"/],
    ['nothing', [], {}, /--mlflow: name the tracking server, or set MLFLOW_TRACKING_URI/],
    [
      'an address of the environment that is none',
      [],
      { MLFLOW_TRACKING_URI: 'databricks' },
      /got "databricks"/,
    ],
  ])('refuses %s before any work', async (_, value, env, message) => {
    const { code, stdout, stderr } = await run(['score', 'model.onnx', ...DATA, '--mlflow', ...value], env);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('secret');
  });

  it('shows who asks, as the address or the environment say, and prints no secret, not even in reports', async () => {
    const server = await serve();
    const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
    const withUser = `http://me:s3cret@127.0.0.1:${server.port}`;
    const cases: [string[], NodeJS.ProcessEnv, string][] = [
      [[withUser], { MLFLOW_TRACKING_USERNAME: 'other' }, basic('me:s3cret')],
      [
        [],
        {
          MLFLOW_TRACKING_URI: server.uri,
          MLFLOW_TRACKING_USERNAME: 'me',
          MLFLOW_TRACKING_PASSWORD: 's3cret',
        },
        basic('me:s3cret'),
      ],
      [[server.uri], { MLFLOW_TRACKING_TOKEN: 's3cret' }, 'Bearer s3cret'],
    ];
    for (const [i, [value, env, expected]] of cases.entries()) {
      const out = `secret${i}`;
      const args = [...SWEEP, '-o', out, '--save-config', `${out}.yaml`, '--debug', '--mlflow', ...value];
      const { code, stdout, stderr } = await run(args, env);
      expect(code).toBe(0);
      expect(server.requests.at(-1)!.authorization).toBe(expected);
      const written = [`${out}/report.json`, `${out}/report.html`, `${out}.yaml`];
      for (const text of [stdout, stderr, ...written.map((name) => readFileSync(join(cwd, name), 'utf8'))])
        expect(text).not.toContain('s3cret');
    }
  });
});

describe('the client of MLflow', () => {
  const log = (uri: string, what = measured()): Promise<string> =>
    logToMlflow(mlflowServer(uri, {}), 'tests', what, []);

  it('asks again where the server is busy', async () => {
    let refused = 0;
    const server = await serve(({ path }) =>
      path === 'mlflow/runs/search' && refused++ < 2 ? { status: 503, body: 'busy' } : undefined,
    );
    expect(await log(server.uri)).toContain('logged as run run0');
    expect(refused).toBe(3);
  });

  it('logs what was logged before no second time', async () => {
    const server = await serve(({ path }) =>
      path === 'mlflow/runs/search'
        ? { status: 200, body: { runs: [{ info: { run_id: 'old' } }] } }
        : undefined,
    );
    expect(await log(server.uri)).toBe('MLflow: logged before as run old of "tests"');
    expect(sentTo(server, 'mlflow/runs/create')).toEqual([]);
    const [{ filter }] = sentTo(server, 'mlflow/runs/search');
    expect(filter).toContain(`'${resultHash(measured())}'`);
  });

  it('tells results apart by all but the time that they took', () => {
    const slower = pointOf(2, { values: { ...pointOf(2).values, seconds: 99 } });
    const worse = pointOf(2, { values: { ...pointOf(2).values, top1: 89 } });
    const hashes = [pointOf(2), slower, worse].map((point) => resultHash(measured({ points: [point] })));
    expect([hashes[0] === hashes[1], hashes[0] === hashes[2]]).toEqual([true, false]);
  });

  it('keeps to the limits of a request: 1,000 metrics and 100 parameters, of 6,000 characters', async () => {
    const server = await serve();
    const settings = Object.fromEntries(Array.from({ length: 230 }, (_, i) => [`s${i}`, 'x'.repeat(7000)]));
    const points = Array.from({ length: 400 }, (_, i) => pointOf((i % 8) + 1, { series: `s:${i}` }));
    await log(server.uri, measured({ points: [pointOf(1, { settings }), ...points.slice(0, 3)] }));
    await log(server.uri, measured({ points }));
    const batches = sentTo(server, 'mlflow/runs/log-batch') as {
      metrics?: { key: string }[];
      params?: { value: string }[];
    }[];
    expect(Math.max(...batches.map(({ metrics = [] }) => metrics.length))).toBe(1000);
    expect(Math.max(...batches.map(({ params = [] }) => params.length))).toBe(100);
    expect(Math.max(...batches.flatMap(({ params = [] }) => params.map(({ value }) => value.length)))).toBe(
      6000,
    );
    // No colons: servers on Windows refuse them.
    for (const { key } of batches.flatMap(({ metrics = [] }) => metrics))
      expect(key).toMatch(/^[\w\-./ ]{1,250}$/);
  });

  it('uses an experiment that another run has made in between', async () => {
    let asked = 0;
    const server = await serve(({ path }) => {
      if (path.startsWith('mlflow/experiments/get-by-name') && asked++ > 0)
        return { status: 200, body: { experiment: { experiment_id: '9', lifecycle_stage: 'active' } } };
      if (path === 'mlflow/experiments/create')
        return { status: 400, body: { error_code: 'RESOURCE_ALREADY_EXISTS', message: 'there' } };
      return undefined;
    });
    await log(server.uri);
    expect(sentTo(server, 'mlflow/runs/create')[0]).toMatchObject({ experiment_id: '9' });
  });

  it('marks a run as failed where something of it could not be logged', async () => {
    const server = await serve(({ path, json }) =>
      path === 'mlflow/runs/log-batch' && json.run_id === 'run1'
        ? { status: 400, body: { error_code: 'INVALID_PARAMETER_VALUE', message: 'no' } }
        : undefined,
    );
    await expect(log(server.uri)).rejects.toThrow(/log-batch with 400 INVALID_PARAMETER_VALUE: no$/);
    const states = sentTo(server, 'mlflow/runs/update').map(({ run_id: id, status }) => [id, status]);
    expect(states).toContainEqual(['run0', 'FAILED']);
    expect(states).not.toContainEqual(['run0', 'FINISHED']);
  });

  it.each<[string, Reply, RegExp]>([
    ['a page', { status: 200, body: '<html>' }, /gave no JSON: is it a tracking server\?$/],
    ['no permission', { status: 401, body: '' }, /with 401 : not allowed: see MLFLOW_TRACKING_USERNAME/],
    [
      'another place',
      { status: 302, headers: { location: 'https://u:p@x.test/' } },
      /it sends elsewhere \(https:\/\/\*\*\*@x\.test\/\): name that address$/,
    ],
    ['control characters', { status: 400, body: { message: '\u001b[2J' } }, /\ufffd\[2J$/],
    [
      'a deleted experiment',
      { status: 200, body: { experiment: { experiment_id: '1', lifecycle_stage: 'deleted' } } },
      /experiment "tests" is deleted/,
    ],
  ])('says in a sentence what is wrong with %s', async (_, reply, message) => {
    const server = await serve(() => reply);
    await expect(log(server.uri)).rejects.toThrow(message);
  });

  it('says so where the server keeps files where only its own client reaches', async () => {
    const server = await serve(({ path }) =>
      path === 'mlflow/runs/create'
        ? { status: 200, body: { run: { info: { run_id: 'r', artifact_uri: 's3://bucket/1' } } } }
        : undefined,
    );
    const file = join(cwd, 'model.onnx');
    const logged = logToMlflow(mlflowServer(server.uri, {}), 'tests', measured(), [file]);
    await expect(logged).rejects.toThrow(/keeps them in "s3:\/\/bucket\/1"; start it with --serve-artifacts/);
  });
});
