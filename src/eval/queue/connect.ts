import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { BnnqError, messageOf } from '../../errors.ts';
import { fileError } from '../../formats/file.ts';
import { VERSION } from '../../version.ts';
import { loadQueue } from './libraries.ts';
import type { QueueOptions } from './options.ts';
import { hideSecrets } from './secrets.ts';

/**
 * All keys in Redis begin with it; the braces keep them on one node of a cluster. The number is that of the messages'
 * form; the queue's name has the version of the tool, so that a worker never sees the jobs of another version, which might
 * compute other bits.
 */
export const KEY_PREFIX = '{bnn-quantize:1}';
export const QUEUE_NAME: string = `jobs-${VERSION}`;

/** What a connection that cannot be made is given up after. */
const CONNECT_MS = 10_000;

export interface Connection {
  readonly redis: Redis;
  readonly bullmq: typeof import('bullmq');
  /** What messages call it: the URL without its password. */
  readonly name: string;
  /** Calls back with what connections report; the same sentence once until they are well again. */
  watch(source: { on(event: 'error', listener: (error: Error) => void): unknown }): void;
  close(): Promise<void>;
}

/**
 * Connects to Redis. Connections that are lost later are made again for as long as it takes.
 * @throws option (no such URL), unsupported (packages missing), io (unreachable, wrong password or certificate)
 */
export async function connect(options: QueueOptions, onNote?: (note: string) => void): Promise<Connection> {
  const url = parseUrl(options.url);
  const { bullmq, Redis } = await loadQueue();
  const name = hideSecrets(options.url);
  const settings = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 6379),
    db: Number(url.pathname.slice(1) || 0),
    ...(url.username !== '' && { username: decodeURIComponent(url.username) }),
    ...passwordOf(url, options),
    ...(url.protocol === 'rediss:' && { tls: tlsOf(url, options) }),
    maxRetriesPerRequest: null, // BullMQ's blocking reads wait as long as it takes
    connectTimeout: CONNECT_MS,
    lazyConnect: true,
  };
  // The first attempt says what is wrong; only a connection that once worked is made again and again.
  const first = new Redis({ ...settings, retryStrategy: () => null });
  const errors: Error[] = [];
  first.on('error', (error: Error) => errors.push(error));
  try {
    await first.connect();
    await first.ping();
  } catch (thrown) {
    throw new BnnqError('io', `queue ${name}: ${hideSecrets(reasonOf(errors[0] ?? thrown))}`, {}, thrown);
  } finally {
    first.disconnect();
  }
  let said: string | undefined;
  const watch: Connection['watch'] = (source) => {
    source.on('error', (error) => {
      const note = `queue ${name}: ${hideSecrets(reasonOf(error))}; trying again`;
      if (note !== said) onNote?.(note);
      said = note;
    });
  };
  const redis = new Redis({ ...settings, retryStrategy: (times: number) => Math.min(2000, 100 * times) });
  redis.on('ready', () => {
    if (said !== undefined) onNote?.(`queue ${name}: connected again`);
    said = undefined;
  });
  watch(redis);
  await redis.connect();
  return {
    redis,
    bullmq,
    name,
    watch,
    async close() {
      redis.disconnect();
    },
  };
}

/** @throws option */
function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const problems: string[] = [];
  if (url === undefined || !/^rediss?:$/.test(url.protocol) || url.hostname === '')
    problems.push('expected redis://host or rediss://host');
  if (url !== undefined && !/^\/?\d*$/.test(url.pathname))
    problems.push('expected a number of a database behind the host');
  if (url !== undefined && (url.search !== '' || url.hash !== ''))
    problems.push('expected nothing behind ? or #');
  if (problems.length > 0)
    throw new BnnqError(
      'option',
      `queue: ${problems.join('; ')}, got "${hideSecrets(text)}" (special characters of a password are written %40 and so on)`,
    );
  return url!;
}

function passwordOf(url: URL, { password }: QueueOptions): { password?: string } {
  if (url.password !== '') return { password: decodeURIComponent(url.password) };
  return password === undefined ? {} : { password };
}

/** The certificate of the server must be good for its name: nothing turns that off. */
function tlsOf(url: URL, { ca }: QueueOptions): { servername?: string; ca?: string } {
  const servername = /^[\d.]+$|:/.test(url.hostname) ? {} : { servername: url.hostname };
  if (ca === undefined) return servername;
  try {
    return { ...servername, ca: readFileSync(ca, 'utf8') };
  } catch (thrown) {
    throw fileError('read', ca, thrown);
  }
}

/** Node gives an error without a message where it has tried several addresses. */
function reasonOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.message === '')
    return [...new Set(thrown.errors.map(messageOf))].join(', ');
  return messageOf(thrown);
}
