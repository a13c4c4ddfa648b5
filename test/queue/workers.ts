import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MAIN } from '../cli/run-cli.ts';

/** What reaches a queue: arguments and variables of the environment. */
export interface Place {
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** The program as a process that can be killed. */
export class Process {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  readonly #end: Promise<unknown>;

  constructor(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const child = spawn(process.execPath, [MAIN, ...args], {
      cwd,
      env: { ...process.env, NO_COLOR: '', CI: '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    this.#end = once(child, 'close');
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
  }

  /** Exit code; null after a signal that ended it. */
  async ended(): Promise<number | null> {
    await this.#end;
    return this.child.exitCode;
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    return this.ended();
  }

  /** Waits for text on stderr. */
  async says(text: string): Promise<void> {
    await until(
      () => this.stderr.includes(text),
      () => `"${text}" in:\n${this.stderr}`,
    );
  }
}

/** A worker of one thread whose jobs go to others two seconds after it was last heard of. */
export function startWorker(cwd: string, place: Place, more: readonly string[] = []): Process {
  const own = ['--threads', '1', '--cache', 'cache', '--lock-seconds', '2'];
  return new Process(cwd, ['worker', ...place.args, ...own, ...more], place.env);
}

export async function until(holds: () => boolean | Promise<boolean>, what: () => string): Promise<void> {
  for (const end = performance.now() + 60_000; !(await holds()); await delay(20))
    if (performance.now() > end) throw new Error(`waited in vain for ${what()}`);
}

/** Lines of a sweep's journal: the float network and the points that are finished. */
export function journalLines(folder: string): number {
  try {
    return readFileSync(join(folder, 'points.jsonl'), 'utf8').split('\n').length - 1;
  } catch {
    return 0;
  }
}

/** A report but for times, and for the command line unless that is looked at. */
export function lasting(folder: string, { command = false } = {}): Record<string, unknown> {
  const text = readFileSync(join(folder, 'report.json'), 'utf8');
  const report = JSON.parse(text, (key, value) =>
    key === 'seconds' || key === 'runSeconds' || key === 'created' ? undefined : value,
  );
  return command ? report : { ...report, command: null };
}
