import { describe, expect, it } from 'vitest';
import { JobQueue } from '../../src/eval/job-queue.ts';

describe('a queue of jobs', () => {
  it('hands them out in the order in which they came, those of units in work before others', () => {
    const queue = new JobQueue<string, void>();
    const [a, b] = [{ begun: false }, { begun: false }];
    void queue.add('a1', a);
    void queue.add('b1', b);
    void queue.add('alone');
    expect(queue.take()?.job).toBe('a1');
    expect([a.begun, b.begun]).toEqual([true, false]);
    void queue.add('a2', a);
    void queue.add('a3', a);
    void queue.add('b2', b);
    const rest = Array.from({ length: 6 }, () => queue.take()?.job);
    expect(rest).toEqual(['a2', 'a3', 'b1', 'alone', 'b2', undefined]);
  });

  it('refuses units that have not begun, waiting or new, and goes on with the others', async () => {
    const queue = new JobQueue<string, string>();
    const unit = { begun: false };
    const first = queue.add('first', unit);
    queue.take()?.resolve('done');
    const second = queue.add('second', unit);
    const other = queue.add('other');
    queue.refuse('new');
    await expect(other).rejects.toMatchObject({ code: 'interrupted' });
    await expect(queue.add('late')).rejects.toMatchObject({ code: 'interrupted' });
    const third = queue.add('third', unit);
    queue.take()?.resolve('too');
    queue.refuse('all');
    queue.refuse('new');
    await expect(third).rejects.toMatchObject({ code: 'interrupted' });
    await expect(queue.add('fourth', unit)).rejects.toMatchObject({ code: 'interrupted' });
    expect(await Promise.all([first, second])).toEqual(['done', 'too']);
    expect(queue.take()).toBeUndefined();
  });
});
