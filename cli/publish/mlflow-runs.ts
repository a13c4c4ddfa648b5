import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { BnnqError } from '../../src/index.ts';
import { askMlflow, MlflowRefusal, type MlflowServer } from './mlflow-client.ts';

/** What one request may log, by https://mlflow.org/docs/latest/rest-api.html#request-limits. */
const MAX_METRICS = 1000;
const MAX_PARAMS = 100;
const MAX_TAGS = 100;
const MAX_PARAM_LENGTH = 6000;
const MAX_TAG_LENGTH = 5000;

/** A point of a curve. */
export interface Metric {
  readonly key: string;
  readonly value: number;
  readonly step: number;
}

export interface RunContent {
  readonly name: string;
  readonly params: Readonly<Record<string, string | number | boolean>>;
  readonly metrics: readonly Metric[];
  readonly tags: Readonly<Record<string, string>>;
  readonly files: readonly string[];
}

interface RunInfo {
  readonly run_id: string;
  readonly artifact_uri?: string;
}

/** The experiment of that name; it is made where there is none. @returns its id */
export async function experimentOf(server: MlflowServer, name: string): Promise<string> {
  const find = async (): Promise<string | undefined> => {
    try {
      const path = `mlflow/experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`;
      const { experiment } = await askMlflow(server, { method: 'GET', path, idempotent: true });
      const { experiment_id: id, lifecycle_stage: stage } = experiment as Record<string, string>;
      if (stage === 'deleted')
        throw new BnnqError(
          'io',
          `MLflow: experiment "${name}" is deleted: restore it, or name another with --mlflow-experiment`,
        );
      return id;
    } catch (thrown) {
      if (thrown instanceof MlflowRefusal && thrown.errorCode === 'RESOURCE_DOES_NOT_EXIST') return undefined;
      throw thrown;
    }
  };
  const found = await find();
  if (found !== undefined) return found;
  try {
    const body = { name };
    const made = await askMlflow(server, {
      method: 'POST',
      path: 'mlflow/experiments/create',
      body,
      idempotent: false,
    });
    return String(made.experiment_id);
  } catch (thrown) {
    // Two runs that begin at once both want to make it.
    const isThere = thrown instanceof MlflowRefusal && thrown.errorCode === 'RESOURCE_ALREADY_EXISTS';
    const id = isThere ? await find() : undefined;
    if (id === undefined) throw thrown;
    return id;
  }
}

/** A finished run of the experiment that has that tag. @returns its id */
export async function findRun(
  server: MlflowServer,
  experiment: string,
  tag: string,
  value: string,
): Promise<string | undefined> {
  const body = {
    experiment_ids: [experiment],
    filter: `tags."${tag}" = '${value}' and attributes.status = 'FINISHED'`,
    max_results: 1,
  };
  const { runs } = await askMlflow(server, {
    method: 'POST',
    path: 'mlflow/runs/search',
    body,
    idempotent: true,
  });
  return (runs as { info: RunInfo }[] | undefined)?.[0]?.info.run_id;
}

/**
 * Logs a run: parameters, metrics, tags and files; then `within`, for runs that belong to it; then its tags. A run that could not be
 * logged whole is marked as failed.
 * @returns its id
 */
export async function logRun(
  server: MlflowServer,
  experiment: string,
  content: RunContent,
  parent?: string,
  within?: (runId: string) => Promise<void>,
): Promise<string> {
  const body = {
    experiment_id: experiment,
    run_name: content.name,
    start_time: Date.now(),
    tags: [
      { key: 'mlflow.source.name', value: 'bnn-quantize' },
      ...(parent === undefined ? [] : [{ key: 'mlflow.parentRunId', value: parent }]),
    ],
  };
  const { run } = await askMlflow(server, {
    method: 'POST',
    path: 'mlflow/runs/create',
    body,
    idempotent: false,
  });
  const info = (run as { info: RunInfo }).info;
  try {
    await logContent(server, info.run_id, content);
    for (const file of content.files) await upload(server, info, file);
    await within?.(info.run_id);
    // Tags come last: one that says what was logged is there only when all of it is.
    const tags = Object.entries(content.tags).map(([key, value]) => ({
      key,
      value: value.slice(0, MAX_TAG_LENGTH),
    }));
    for (let at = 0; at < tags.length; at += MAX_TAGS)
      await logBatch(server, info.run_id, { tags: tags.slice(at, at + MAX_TAGS) });
    await endRun(server, info.run_id, 'FINISHED');
  } catch (thrown) {
    await endRun(server, info.run_id, 'FAILED').catch(() => {});
    throw thrown;
  }
  return info.run_id;
}

async function logContent(server: MlflowServer, runId: string, content: RunContent): Promise<void> {
  const timestamp = Date.now();
  const params = Object.entries(content.params).map(([key, value]) => ({
    key,
    value: String(value).slice(0, MAX_PARAM_LENGTH),
  }));
  for (let at = 0; at < params.length; at += MAX_PARAMS)
    await logBatch(server, runId, { params: params.slice(at, at + MAX_PARAMS) });
  const metrics = content.metrics.map((metric) => ({ ...metric, timestamp }));
  for (let at = 0; at < metrics.length; at += MAX_METRICS)
    await logBatch(server, runId, { metrics: metrics.slice(at, at + MAX_METRICS) });
}

async function logBatch(server: MlflowServer, runId: string, batch: object): Promise<void> {
  const body = { run_id: runId, ...batch };
  await askMlflow(server, { method: 'POST', path: 'mlflow/runs/log-batch', body, idempotent: true });
}

async function endRun(server: MlflowServer, runId: string, status: 'FINISHED' | 'FAILED'): Promise<void> {
  const body = { run_id: runId, status, end_time: Date.now() };
  await askMlflow(server, { method: 'POST', path: 'mlflow/runs/update', body, idempotent: true });
}

/** Uploads a file through the server. @throws io where the server keeps files in a place that only its own client reaches */
async function upload(
  server: MlflowServer,
  { artifact_uri: uri = '' }: RunInfo,
  file: string,
): Promise<void> {
  const folder = /^mlflow-artifacts:(?:\/\/[^/]*)?\/(.*)$/.exec(uri)?.[1];
  if (folder === undefined)
    throw new BnnqError(
      'io',
      `MLflow: ${server.base} does not take files: it keeps them in "${uri}"; start it with --serve-artifacts`,
    );
  const path = [...folder.split('/'), basename(file)].map(encodeURIComponent).join('/');
  const body = readFileSync(file);
  await askMlflow(server, {
    method: 'PUT',
    path: `mlflow-artifacts/artifacts/${path}`,
    body,
    idempotent: true,
  });
}
