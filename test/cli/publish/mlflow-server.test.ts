import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tool } from '../../tool.ts';
import { bnnq } from '../run-cli.ts';
import { tinyFolder } from '../tiny-model.ts';

const mlflow = tool('mlflow');

interface Run {
  readonly info: { readonly run_id: string; readonly run_name: string; readonly status: string };
  readonly data: {
    readonly metrics?: readonly { readonly key: string; readonly value: number; readonly step: number }[];
    readonly params?: readonly { readonly key: string; readonly value: string }[];
    readonly tags: readonly { readonly key: string; readonly value: string }[];
  };
}

describe.skipIf(!mlflow.isThere)('a real server of MLflow (skipped where mlflow is missing)', () => {
  let cwd: string;
  let store: string;
  let uri: string;
  let server: ChildProcess;

  beforeAll(async () => {
    cwd = tinyFolder();
    store = mkdtempSync(join(tmpdir(), 'bnnq-mlflow-'));
    const port = await freePort();
    uri = `http://127.0.0.1:${port}`;
    const places = ['--backend-store-uri', 'sqlite:///runs.db', '--artifacts-destination', './artifacts'];
    const args = ['server', '--host', '127.0.0.1', '--port', String(port), '--workers', '1', ...places];
    server = spawn(mlflow.path, args, { cwd: store, stdio: 'ignore', detached: true });
    for (let attempt = 0; attempt < 300; attempt++) {
      if (server.exitCode !== null) throw new Error(`mlflow server ended with ${server.exitCode}`);
      const isUp = await fetch(`${uri}/health`)
        .then(({ ok }) => ok)
        .catch(() => false);
      if (isUp) return;
      await sleep(500);
    }
    throw new Error('mlflow server does not answer');
  }, 180_000);

  afterAll(async () => {
    // It has workers of its own, some in groups of their own, and takes its time to end them: asked first, then killed.
    if (server?.pid !== undefined && server.exitCode === null) {
      const group = server.pid;
      const ended = once(server, 'close');
      process.kill(-group, 'SIGTERM');
      if ((await Promise.race([ended, sleep(10_000)])) === undefined) process.kill(-group, 'SIGKILL');
    }
    rmSync(store, { recursive: true, force: true, maxRetries: 5 });
  });

  const ask = async (path: string, body: object): Promise<{ runs?: Run[] } & Record<string, unknown>> => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${uri}/api/2.0/mlflow/${path}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
    return (await response.json()) as { runs?: Run[] };
  };
  const runsOf = async (experiment: string): Promise<Run[]> => {
    const found = await fetch(`${uri}/api/2.0/mlflow/experiments/get-by-name?experiment_name=${experiment}`);
    const { experiment: of } = (await found.json()) as { experiment: { experiment_id: string } };
    return (await ask('runs/search', { experiment_ids: [of.experiment_id], max_results: 100 })).runs ?? [];
  };
  const files = async (id: string, name: string): Promise<string> =>
    (await fetch(`${uri}/get-artifact?run_id=${id}&path=${name}`)).text();

  it('shows a sweep with its points, curves over bits and files, once for the same result', async () => {
    const data = ['--data', 'idx:images.idx,labels.idx', '--preprocess', 'unit', '--threads', '1'];
    const points = ['--schemes', 'linear,exp', '--bits', '2,3', '--granularity', 'channel,group:16'];
    const args = [
      'sweep',
      'model.onnx',
      ...data,
      ...points,
      '-o',
      'swept',
      '--mlflow',
      uri,
      '--max-drop',
      '90',
    ];
    const first = await bnnq([...args, '--mlflow-experiment', 'nightly'], { cwd });
    expect([first.code, first.stderr]).toEqual([0, expect.stringContaining('MLflow: logged as run ')]);
    const runs = await runsOf('nightly');
    expect([runs.length, runs.every(({ info }) => info.status === 'FINISHED')]).toEqual([9, true]);
    const parent = runs.find(({ info }) => info.run_name === 'sweep model.onnx')!;
    const report = JSON.parse(readFileSync(join(cwd, 'swept/report.json'), 'utf8'));
    for (const point of report.points) {
      const child = runs.find(({ data: { params = [] } }) =>
        (['scheme', 'bits', 'granularity'] as const).every((key) =>
          params.some((param) => param.key === key && param.value === String(point[key])),
        ),
      )!;
      expect(child.data.tags).toContainEqual({ key: 'mlflow.parentRunId', value: parent.info.run_id });
      expect(child.data.metrics).toContainEqual(
        expect.objectContaining({ key: 'top1', value: point.top1, step: point.bits }),
      );
    }
    const key = encodeURIComponent('top1/exp group_16');
    const history = await fetch(
      `${uri}/api/2.0/mlflow/metrics/get-history?run_id=${parent.info.run_id}&metric_key=${key}`,
    );
    const { metrics } = (await history.json()) as { metrics: { step: number }[] };
    expect(metrics.map(({ step }) => step)).toEqual([2, 3]);
    expect(await files(parent.info.run_id, 'report.json')).toBe(
      readFileSync(join(cwd, 'swept/report.json'), 'utf8'),
    );
    const second = await bnnq([...args, '--mlflow-experiment', 'nightly'], { cwd });
    expect(second.stderr).toContain(`MLflow: logged before as run ${parent.info.run_id}`);
    expect(await runsOf('nightly')).toHaveLength(9);
  });

  it('keeps a packed file, byte for byte, and a score beside it', async () => {
    const env = { MLFLOW_TRACKING_URI: uri, MLFLOW_EXPERIMENT_NAME: 'files' };
    const made = await bnnq(['model.onnx', '--bits', '3', '--mlflow'], { cwd, env });
    expect(made.code).toBe(0);
    const data = ['--data', 'idx:images.idx,labels.idx', '--preprocess', 'unit'];
    const scored = await bnnq(['score', 'model.exp3.bnnq', ...data, '--mlflow'], { cwd, env });
    expect(scored.code).toBe(0);
    const runs = await runsOf('files');
    expect(runs.map(({ info }) => info.run_name).toSorted()).toEqual([
      'quantize model.onnx',
      'score model.exp3.bnnq',
    ]);
    const { run_id: id } = runs.find(({ info }) => info.run_name.startsWith('quantize'))!.info;
    const kept = await fetch(`${uri}/get-artifact?run_id=${id}&path=model.exp3.bnnq`);
    expect(Buffer.from(await kept.arrayBuffer()).equals(readFileSync(join(cwd, 'model.exp3.bnnq')))).toBe(
      true,
    );
  });
});

/** A port that nothing listens on now. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
