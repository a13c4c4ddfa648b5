import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeRequest {
  readonly method: string;
  /** Behind /api/2.0/. */
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: Buffer;
  /** The body, where it is JSON. */
  readonly json: Record<string, unknown>;
}

export interface Reply {
  readonly status: number;
  readonly body?: object | string;
  readonly headers?: Record<string, string>;
}

/** What a fake server did, and where it is. */
export interface FakeMlflow {
  readonly uri: string;
  readonly port: number;
  readonly requests: FakeRequest[];
  close(): Promise<void>;
}

/**
 * The least of a tracking server: it takes everything, remembers it, and finds nothing that was logged before.
 * @param interfere what it answers instead; undefined for the usual
 */
export async function fakeMlflow(
  interfere: (request: FakeRequest) => Reply | undefined = () => undefined,
): Promise<FakeMlflow> {
  const requests: FakeRequest[] = [];
  let runs = 0;
  const usual = ({ path }: FakeRequest): Reply => {
    if (path.startsWith('mlflow/experiments/get-by-name'))
      return { status: 404, body: { error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'no such experiment' } };
    if (path === 'mlflow/experiments/create') return { status: 200, body: { experiment_id: '7' } };
    if (path !== 'mlflow/runs/create') return { status: 200, body: {} };
    const id = `run${runs++}`;
    return {
      status: 200,
      body: { run: { info: { run_id: id, artifact_uri: `mlflow-artifacts:/7/${id}/artifacts` } } },
    };
  };
  const server = createServer(async (message, response) => {
    const body = await bodyOf(message);
    const request: FakeRequest = {
      method: message.method ?? '',
      path: (message.url ?? '').replace(/^.*?\/api\/2\.0\//, ''),
      authorization: message.headers.authorization,
      body,
      json: message.headers['content-type'] === 'application/json' ? JSON.parse(body.toString()) : {},
    };
    requests.push(request);
    const { status, body: reply = {}, headers = {} } = interfere(request) ?? usual(request);
    response.writeHead(status, headers).end(typeof reply === 'string' ? reply : JSON.stringify(reply));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    uri: `http://127.0.0.1:${port}`,
    port,
    requests,
    close: () => new Promise((resolve) => server.close(() => resolve()).closeAllConnections()),
  };
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
