import { type Command, Option } from 'commander';
import type { QueueOptions, SubmitOptions } from '../src/index.ts';
import { usageError } from './exit.ts';
import { parseCount } from './options.ts';

/** How a queue is reached, as sweep and worker take it. */
export interface QueueCommandOptions {
  readonly queue?: string;
  readonly store?: string;
  readonly queueCa?: string;
}

export interface SubmitCommandOptions extends QueueCommandOptions {
  readonly shard?: number;
}

/** Of whoever submits: without `--queue` everything is done here. */
export function withSubmitOptions(command: Command): Command {
  return withQueueOptions(command).addOption(
    new Option('--shard <images>', 'images a job at most (default: 5000)').argParser(parseCount(1)),
  );
}

export function withQueueOptions(command: Command): Command {
  return command
    .optionsGroup('Queue:')
    .option(
      '--queue <url>',
      'redis://host:6379 or rediss://… (TLS), with user:password@ if need be; the password may come from BNNQ_QUEUE_PASSWORD',
    )
    .option(
      '--store <place>',
      'where models, data and results lie for all machines: a shared folder, or s3://bucket/prefix (AWS_… variables)',
    )
    .option('--queue-ca <file.pem>', 'authority that signed the certificate of a rediss:// server');
}

/** The queue of a command that does without; undefined where none is named. @throws usage */
export function submitOptions(options: SubmitCommandOptions): SubmitOptions | undefined {
  const { queue, store, queueCa, shard } = options;
  const others = { '--store': store, '--queue-ca': queueCa, '--shard': shard };
  const given = Object.entries(others).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (queue === undefined && given.length > 0) throw usageError(`${given.join(', ')}: only with --queue`);
  if (queue === undefined) return undefined;
  return { ...queueOptions(options), ...(shard !== undefined && { shard }) };
}

/** @throws usage where something is missing */
export function queueOptions({ queue, store, queueCa }: QueueCommandOptions): QueueOptions {
  const missing = [
    ...(queue === undefined ? ['--queue <url of Redis>'] : []),
    ...(store === undefined ? ['--store <folder or s3://bucket/prefix>'] : []),
  ];
  if (queue === undefined || store === undefined) throw usageError(`a queue needs ${missing.join(' and ')}`);
  const password = process.env.BNNQ_QUEUE_PASSWORD;
  return {
    url: queue,
    store,
    ...(password !== undefined && password !== '' && { password }),
    ...(queueCa !== undefined && { ca: queueCa }),
  };
}
