import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The built program. */
export const MAIN: string = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Records of runs, away from those of the person who runs the tests. */
const CACHE = mkdtempSync(join(tmpdir(), 'bnnq-cache-'));
process.on('exit', () => rmSync(CACHE, { recursive: true, force: true }));

export interface Outcome {
  /** Exit code; null after a signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Called with every piece of stderr: the place to send a signal. */
  readonly onStderr?: (text: string, child: ChildProcess) => void;
}

/** Runs the command line as a user would, in a process of its own, and waits for its end. */
export async function bnnq(args: readonly string[], options: RunOptions): Promise<Outcome> {
  return start(process.execPath, [MAIN, ...args], options);
}

/** Runs a line of shell in which "$BNNQ" is the command line. */
export async function shell(line: string, options: RunOptions): Promise<Outcome> {
  const env = { ...options.env, BNNQ: `${process.execPath} ${MAIN}` };
  return start('bash', ['-c', line], { ...options, env });
}

async function start(command: string, args: readonly string[], options: RunOptions): Promise<Outcome> {
  if (!existsSync(MAIN))
    throw new Error(`${MAIN} is missing: build first ("npm test" does), with "npm run build"`);
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, NO_COLOR: '', CI: '', BNNQ_CACHE: CACHE, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    options.onStderr?.(text, child);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
