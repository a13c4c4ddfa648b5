import { createReadStream } from 'node:fs';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { BnnqError, messageOf } from '../../errors.ts';
import { type Blob, inMemory, missing, type Store, verified, writeVerified } from './blob.ts';
import { loadS3 } from './libraries.ts';

/** Attempts of a request, a little longer apart each time. */
const ATTEMPTS = 5;
const IDLE_MS = 60_000;
/** Of what a server says about a failure. */
const MAX_REASON_BYTES = 4096;

/** SHA-256 of nothing. */
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** Sends one request, signed; the answer has its status, and a body that is to be read. */
type Send = (
  method: 'GET' | 'HEAD' | 'PUT',
  blob: Blob,
  body?: string | Uint8Array,
) => Promise<IncomingMessage>;

/**
 * `s3://bucket/prefix`, of Amazon or any server with its protocol: `prefix/sha256/ab/ab12…`. Credentials and place come
 * from the usual variables of the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION
 * (or AWS_DEFAULT_REGION), AWS_ENDPOINT_URL_S3 (or AWS_ENDPOINT_URL). Uploads are signed together with their hash,
 * which the server checks; a blob goes in one request, which Amazon limits to 5 GB.
 * @throws option with everything that is missing, unsupported (the package), io
 */
export async function openS3Store(spec: string, env: NodeJS.ProcessEnv = process.env): Promise<Store> {
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([\w.\-/]*))?$/.exec(spec);
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env;
  const problems: string[] = [];
  if (match === null) problems.push('expected s3://bucket/prefix, of letters, digits, and - _ . /');
  if (!accessKeyId) problems.push('AWS_ACCESS_KEY_ID is not set');
  if (!secretAccessKey) problems.push('AWS_SECRET_ACCESS_KEY is not set');
  const region = env.AWS_REGION || env.AWS_DEFAULT_REGION || 'us-east-1';
  const endpoint = env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL || `https://s3.${region}.amazonaws.com`;
  if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol))
    problems.push(`AWS_ENDPOINT_URL: expected https://…, got "${endpoint}"`);
  if (problems.length > 0) throw new BnnqError('option', `store "${spec}": ${problems.join('; ')}`);
  const { AwsV4Signer } = await loadS3();
  const [, bucket, prefix = ''] = match!;
  const base = [endpoint.replace(/\/+$/, ''), bucket, ...prefix.split('/').filter(Boolean), 'sha256'].join(
    '/',
  );
  const name = `s3://${bucket}/${prefix}`;

  const send: Send = async (method, blob, body) => {
    const signer = new AwsV4Signer({
      method,
      url: `${base}/${blob.sha256.slice(0, 2)}/${blob.sha256}`,
      headers: { 'x-amz-content-sha256': body === undefined ? EMPTY : blob.sha256 },
      accessKeyId: accessKeyId!,
      secretAccessKey: secretAccessKey!,
      ...(env.AWS_SESSION_TOKEN && { sessionToken: env.AWS_SESSION_TOKEN }),
      service: 's3',
      region,
    });
    const { url, headers } = await signer.sign();
    const fields = { ...Object.fromEntries(headers), 'content-length': body === undefined ? 0 : blob.bytes };
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
      method,
      headers: fields,
    });
    request.setTimeout(IDLE_MS, () => request.destroy(new Error(`no answer for ${IDLE_MS / 1000} s`)));
    const answer = answerOf(request);
    if (body === undefined) {
      request.end();
      return answer;
    }
    const chunks = typeof body === 'string' ? createReadStream(body) : inMemory(body);
    const sent = pipeline(verified(chunks, blob, `store ${name}: what was to be written`), request);
    answer.catch(() => undefined);
    sent.catch(() => undefined);
    // A server that refuses a request may say so before all of the body is sent.
    return Promise.race([answer, sent.then(() => answer)]);
  };
  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    for (let tries = 1; ; tries++) {
      try {
        return await work();
      } catch (thrown) {
        if (thrown instanceof BnnqError && thrown.code !== 'io') throw thrown;
        if (thrown instanceof Refused || tries === ATTEMPTS)
          throw new BnnqError('io', `store ${name}: ${what}: ${messageOf(thrown)}`, {}, thrown);
      }
      await delay(200 * 2 ** tries);
    }
  };
  return {
    name,
    has: (blob) =>
      attempt('cannot be asked', async () => {
        const answer = await send('HEAD', blob);
        answer.resume();
        if (answer.statusCode === 404) return false;
        await expectDone(answer);
        return Number(answer.headers['content-length']) === blob.bytes;
      }),
    put: (blob, from) =>
      attempt('cannot be written', async () => {
        const answer = await send('PUT', blob, from);
        await expectDone(answer);
        answer.resume();
      }),
    get: (blob, path) =>
      attempt('cannot be read', async () => {
        const answer = await send('GET', blob);
        if (answer.statusCode === 404) {
          answer.resume();
          throw missing(name, blob);
        }
        await expectDone(answer);
        await writeVerified(verified(answer, blob, `store ${name}`), path);
      }),
  };
}

/** What trying again does not change: no permission, no bucket. */
class Refused extends Error {}

/** @throws where the server did not do what it was asked for */
async function expectDone(answer: IncomingMessage): Promise<void> {
  const status = answer.statusCode ?? 0;
  if (status >= 200 && status < 300) return;
  let text = '';
  for await (const chunk of answer) if (text.length < MAX_REASON_BYTES) text += chunk;
  const reason = [/<Code>([^<]*)/, /<Message>([^<]*)/]
    .flatMap((part) => part.exec(text)?.[1] ?? [])
    .join(': ');
  const message = `the server says ${status}${reason === '' ? '' : ` (${reason})`}`;
  throw status >= 400 && status < 500 && status !== 408 && status !== 429
    ? new Refused(message)
    : new Error(message);
}

function answerOf(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on('response', resolve);
    request.on('error', reject);
  });
}
