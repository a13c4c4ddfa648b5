import { Command, Option } from 'commander';
import { hideSecrets, parseSize, workQueue } from '../../src/index.ts';
import { finishable } from '../interrupt.ts';
import { type CommonOptions, parseCount, withCommonOptions } from '../options.ts';
import { type QueueCommandOptions, queueOptions, withQueueOptions } from '../queue-options.ts';
import { plural, printable } from '../terminal/format.ts';
import { printJson, printText } from '../terminal/output.ts';

interface WorkerCommandOptions extends CommonOptions, QueueCommandOptions {
  readonly threads?: number;
  readonly cache?: string;
  readonly cacheSize?: number;
  readonly lockSeconds?: number;
  readonly exitWhenIdle?: number;
}

export function workerCommand(): Command {
  const command = new Command('worker')
    .summary('does the points of sweeps that others queue')
    .description(
      'Takes jobs from a queue until a signal comes: SIGINT or SIGTERM finishes the jobs in work and takes no others, a second one gives them up to other workers. Jobs are data: they name blobs of the store by their hashes, are checked, and run no code of whoever sent them.',
    );
  withQueueOptions(command)
    .addOption(
      new Option('--threads <n>', 'jobs at a time, a thread each (default: all cores)').argParser(
        parseCount(1),
      ),
    )
    .option(
      '--cache <folder>',
      'copies of models and data, on a disk of this machine (default: ~/.cache/bnn-quantize)',
    )
    .addOption(
      new Option('--cache-size <bytes>', 'what copies may take: 500MB, 20GB (default: 20GB)').argParser(
        parseSize,
      ),
    )
    .addOption(
      new Option(
        '--lock-seconds <n>',
        'jobs of a worker that is not heard of for so long go to others (default: 30)',
      ).argParser(parseCount(1)),
    )
    .addOption(
      new Option(
        '--exit-when-idle <seconds>',
        'end when no job has come for so long (default: never)',
      ).argParser(parseCount(1)),
    );
  return withCommonOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ bnn-quantize worker --queue redis://queue.lan --store /mnt/shared/bnnq
  $ AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… BNNQ_QUEUE_PASSWORD=… \\
      bnn-quantize worker --queue rediss://worker@queue.lan \\
      --store s3://bucket/bnnq --threads 4`,
    )
    .action(async (options: WorkerCommandOptions) => {
      const { threads, cache, cacheSize, lockSeconds, exitWhenIdle, quiet = false } = options;
      const queue = queueOptions(options);
      const note = (text: string): void => {
        if (!quiet) process.stderr.write(`${printable(text)}\n`);
      };
      const onFinish = (): void => note('the jobs in work are finished; once more gives them up');
      note(`taking jobs from ${hideSecrets(queue.url)}, store ${queue.store}`);
      const work = await finishable(onFinish, (signal, finish) =>
        workQueue({
          ...queue,
          signal,
          finish,
          onNote: note,
          ...(threads !== undefined && { threads }),
          ...(cache !== undefined && { cache }),
          ...(cacheSize !== undefined && { cacheBytes: cacheSize }),
          ...(lockSeconds !== undefined && { lockMs: 1000 * lockSeconds }),
          ...(exitWhenIdle !== undefined && { idleMs: 1000 * exitWhenIdle }),
        }),
      );
      if (options.json) printJson(work);
      else printText(`${plural(work.done, 'job')} done, ${work.failed} failed`);
    });
}
