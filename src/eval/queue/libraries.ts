import { BnnqError } from '../../errors.ts';

/*
 * What only queues need is not among the dependencies: nobody should install a client of Redis for a tool that needs
 * none. The packages are optional peers, imported when a queue or an S3 store is named.
 */

/** @throws unsupported, with what to install */
export async function loadQueue(): Promise<{
  bullmq: typeof import('bullmq');
  Redis: typeof import('ioredis').Redis;
}> {
  const [bullmq, { Redis }] = await Promise.all([
    load('bullmq', 'a queue', () => import('bullmq')),
    load('ioredis', 'a queue', () => import('ioredis')),
  ]);
  return { bullmq, Redis };
}

/** @throws unsupported, with what to install */
export function loadS3(): Promise<typeof import('aws4fetch')> {
  return load('aws4fetch', 'a store in S3', () => import('aws4fetch'));
}

async function load<T>(name: string, what: string, from: () => Promise<T>): Promise<T> {
  try {
    return await from();
  } catch (thrown) {
    throw new BnnqError(
      'unsupported',
      `${what} needs the package ${name}, which is not installed or does not load: npm install ${name}`,
      {},
      thrown,
    );
  }
}
