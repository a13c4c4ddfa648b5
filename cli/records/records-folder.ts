import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { writeFileAtomically } from '../../src/index.ts';

/** Entries that are kept; the oldest half goes when there are more. One is a few kilobytes. */
const MAX_ENTRIES = 2000;

/** A record larger than this is not ours. */
const MAX_ENTRY_BYTES = 2 ** 26;

/** What an earlier run gave. */
export interface RunRecord {
  readonly key: string;
  /** SHA-256 of the files that it wrote, by path. */
  readonly outputs: Readonly<Record<string, string>>;
  readonly result: unknown;
}

/**
 * Where records lie when no folder is named: $BNNQ_CACHE, else the place that the XDG base directory specification gives caches;
 * nothing where there is no home.
 */
export function defaultFolder(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env.BNNQ_CACHE) return env.BNNQ_CACHE;
  const home = env.XDG_CACHE_HOME || (env.HOME || homedir() ? join(env.HOME || homedir(), '.cache') : '');
  return home === '' ? undefined : join(home, 'bnn-quantize');
}

/** The record of that key; nothing where there is none, or where it is damaged: the work is done again then. */
export function readRecord(folder: string, key: string): RunRecord | undefined {
  const path = join(folder, `${key}.json`);
  try {
    if (statSync(path).size > MAX_ENTRY_BYTES) return undefined;
    const { sum, record } = JSON.parse(readFileSync(path, 'utf8')) as { sum: string; record: RunRecord };
    return sum === sumOf(record) && record.key === key ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a record. A folder that cannot be written keeps nothing, which costs time at most. @returns whether it was kept */
export function writeRecord(folder: string, record: RunRecord): boolean {
  try {
    mkdirSync(folder, { recursive: true });
    const text = JSON.stringify({ sum: sumOf(record), record });
    writeFileAtomically(join(folder, `${record.key}.json`), [text], { force: true });
    prune(folder);
    return true;
  } catch {
    return false;
  }
}

/** Of what a record says, as JSON gives it back. */
function sumOf(record: RunRecord): string {
  return createHash('sha256').update(JSON.stringify(record)).digest('hex');
}

function prune(folder: string): void {
  const names = readdirSync(folder).filter((name) => /^[0-9a-f]{64}\.json$/.test(name));
  if (names.length <= MAX_ENTRIES) return;
  const aged = names.map((name) => ({ name, time: statSync(join(folder, name)).mtimeMs }));
  for (const { name } of aged.toSorted((a, b) => a.time - b.time).slice(0, MAX_ENTRIES / 2))
    rmSync(join(folder, name), { force: true });
}
