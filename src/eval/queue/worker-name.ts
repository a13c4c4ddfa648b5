import type { Connection } from './connect.ts';
import { KEY_PREFIX, QUEUE_NAME } from './connect.ts';

/** The name under which a worker is seen in Redis; it says how many jobs it takes at a time. */
export function workerName(threads: number): string {
  return `threads-${threads}`;
}

/** Jobs that the workers which are there take at a time; 0 where none is seen, or Redis lists no clients. */
export async function threadsOf({ bullmq, redis }: Connection): Promise<number> {
  const queue = new bullmq.Queue(QUEUE_NAME, { connection: redis, prefix: KEY_PREFIX });
  try {
    const workers = await queue.getWorkers();
    const counts = workers.map(({ rawname = '' }) => Number(/:threads-(\d{1,3})$/.exec(rawname)?.[1] ?? 1));
    return counts.reduce((sum, count) => sum + Math.max(1, count), 0);
  } catch {
    return 0;
  } finally {
    await queue.close();
  }
}
