import { setTimeout as sleep } from 'node:timers/promises';
import { BnnqError, hideSecrets } from '../../src/index.ts';

import { usageError } from '../exit.ts';
import { printable } from '../terminal/format.ts';

/** Where a tracking server is, and who asks. */
export interface MlflowServer {
  /** Without a slash at its end, and without user and password. */
  readonly base: string;
  readonly authorization: string | undefined;
}

/** Waits before a request is made again, in milliseconds. */
const RETRY_WAITS: readonly number[] = [300, 1000, 3000];

/** For one request; uploads get a second more for each megabyte. */
const TIMEOUT_MS = 30_000;

/** Answers that say that the same request may do later. */
const RETRIED: readonly number[] = [429, 502, 503, 504];

/** No connection was made, so nothing can have happened at the other end. */
const NOT_REACHED: readonly string[] = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH'];

/** An answer that is longer is not one of the interface's. */
const MAX_ANSWER = 2 ** 24;

/**
 * The server that an address names. User and password come from the address or, as in MLflow's own client, from
 * MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or a token from MLFLOW_TRACKING_TOKEN.
 * @param uri `true` for that of MLFLOW_TRACKING_URI
 * @throws usage for what is no http address
 */
export function mlflowServer(uri: string | true, env: NodeJS.ProcessEnv = process.env): MlflowServer {
  const text = uri === true ? env.MLFLOW_TRACKING_URI : uri;
  if (!text) throw usageError('--mlflow: name the tracking server, or set MLFLOW_TRACKING_URI');
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw usageError(
      `--mlflow: expected the address of a tracking server such as http://localhost:5000, got "${hideSecrets(text)}"; files and databases are served by "mlflow server --backend-store-uri …"`,
    );
  const user = url.username === '' ? env.MLFLOW_TRACKING_USERNAME : decodeURIComponent(url.username);
  const password = url.username === '' ? env.MLFLOW_TRACKING_PASSWORD : decodeURIComponent(url.password);
  const token = env.MLFLOW_TRACKING_TOKEN;
  const basic = user ? `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}` : undefined;
  return {
    base: `${url.origin}${url.pathname}`.replace(/\/+$/, ''),
    authorization: basic ?? (token ? `Bearer ${token}` : undefined),
  };
}

/** An answer of the server that is an error. */
export class MlflowRefusal extends BnnqError {
  /** Such as RESOURCE_DOES_NOT_EXIST; empty where the server gave none. */
  readonly errorCode: string;

  constructor(message: string, errorCode: string) {
    super('io', message);
    this.errorCode = errorCode;
  }
}

interface Request {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** Behind `/api/2.0/`. */
  readonly path: string;
  readonly body?: object | Uint8Array;
  /** Whether doing it twice does what doing it once does. */
  readonly idempotent: boolean;
}

/**
 * Asks the REST interface of MLflow (https://mlflow.org/docs/latest/rest-api.html), more than once where the server is not there or is busy.
 * @throws MlflowRefusal, io; no message has user, password or token in it
 */
export async function askMlflow(server: MlflowServer, request: Request): Promise<Record<string, unknown>> {
  for (const [attempt, wait] of [...RETRY_WAITS, 0].entries()) {
    const outcome = await tryOnce(server, request);
    if ('answer' in outcome) return outcome.answer;
    if (!outcome.mayRetry || attempt === RETRY_WAITS.length) throw outcome.error;
    await sleep(wait);
  }
  throw new BnnqError('internal', 'no attempt was made');
}

type Outcome =
  | { readonly answer: Record<string, unknown> }
  | { readonly error: BnnqError; readonly mayRetry: boolean };

async function tryOnce(server: MlflowServer, request: Request): Promise<Outcome> {
  const { method, path, body, idempotent } = request;
  const isBytes = body instanceof Uint8Array;
  const megabytes = isBytes ? Math.ceil(body.length / 1e6) : 0;
  let response: Response;
  let text: string;
  try {
    response = await fetch(`${server.base}/api/2.0/${path}`, {
      method,
      headers: {
        ...(body !== undefined && {
          'content-type': isBytes ? 'application/octet-stream' : 'application/json',
        }),
        ...(server.authorization !== undefined && { authorization: server.authorization }),
      },
      // Node's fetch takes any bytes; its types want those of no shared memory.
      ...(body !== undefined && { body: isBytes ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body) }),
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS + 1000 * megabytes),
    });
    text = await textOf(response);
  } catch (thrown) {
    // What fetch throws is one of these.
    if (!(thrown instanceof TypeError || (thrown as Error).name === 'TimeoutError')) throw thrown;
    const { name, cause } = thrown as { name?: string; cause?: { code?: string; message?: string } };
    const reason =
      name === 'TimeoutError' ? 'no answer in time' : (cause?.code ?? cause?.message ?? 'no connection');
    return {
      error: new BnnqError('io', `MLflow: cannot reach ${server.base}: ${printable(reason)}`, {}, thrown),
      mayRetry: idempotent || NOT_REACHED.includes(cause?.code ?? ''),
    };
  }
  const { status } = response;
  if (status >= 200 && status < 300) {
    const answer = parsed(text);
    if (answer !== undefined) return { answer };
    return {
      error: new MlflowRefusal(`MLflow: ${server.base} gave no JSON: is it a tracking server?`, ''),
      mayRetry: false,
    };
  }
  const { error_code: code = '', message = '' } = (parsed(text) ?? {}) as {
    error_code?: string;
    message?: string;
  };
  const said =
    status >= 300 && status < 400
      ? `it sends elsewhere (${hideSecrets(response.headers.get('location') ?? '?')}): name that address`
      : status === 401 || status === 403
        ? 'not allowed: see MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD and MLFLOW_TRACKING_TOKEN'
        : String(message).slice(0, 500);
  return {
    error: new MlflowRefusal(
      printable(
        `MLflow: ${server.base} answered ${path.split('?')[0]} with ${status} ${code}${said === '' ? '' : `: ${said}`}`,
      ),
      String(code),
    ),
    mayRetry: RETRIED.includes(status),
  };
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > MAX_ANSWER)
      throw new TypeError('answer too long', { cause: { message: 'the answer has no end' } });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(text: string): Record<string, unknown> | undefined {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
