import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Command } from 'commander';
import { contentHash, type Model, readPreprocess, VERSION } from '../../src/index.ts';
import { printable } from '../terminal/format.ts';
import { defaultFolder, readRecord, writeRecord } from './records-folder.ts';

export interface CacheOptions {
  /** A folder; false for none. */
  readonly cache?: string | false;
}

/**
 * What no result depends on: gates are judged anew, places and messages are none of its inputs. All other options are part of
 * the key, also those that are yet to come.
 */
const BESIDE_THE_RESULT: readonly string[] = [
  ...['cache', 'config', 'saveConfig', 'force', 'dryRun', 'quiet', 'json', 'debug'],
  ...['maxDrop', 'minTop1', 'maxSize', 'mlflow', 'mlflowExperiment', 'metricsFile', 'output', 'threads'],
];

const HASH_BYTES = 2 ** 22;

/** @param what the records are used for */
export function withCacheOptions(command: Command, what: string): Command {
  return command
    .optionsGroup('Repeated runs:')
    .option('--cache <folder>', what)
    .option('--no-cache', 'look at no record of an earlier run, and leave none');
}

/**
 * The key of a run: everything that its result follows from. Files count by content, not by name; names count where the result
 * repeats them.
 * @param inputs hashes of models and data, names that the result repeats
 */
export function keyOf(command: string, inputs: object, options: object): string {
  const settings = Object.entries(options)
    .filter(([name]) => !BESIDE_THE_RESULT.includes(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  const preprocess = (options as { preprocess?: string }).preprocess;
  const steps = preprocess === undefined ? null : readPreprocess(preprocess);
  const identity = [VERSION, command, inputs, settings, steps];
  return createHash('sha256').update(JSON.stringify(identity)).digest('hex');
}

/** A model by all that is in it, and by the file that it came from. */
export function modelIdentity(model: Model): string[] {
  return [model.source.sha256 ?? '', contentHash(model)];
}

/** The records of runs in a folder. */
export class Records {
  readonly #folder: string | undefined;

  /** @param folder of `--cache`; when absent, the default one */
  constructor(folder: string | false | undefined) {
    this.#folder = folder === false ? undefined : (folder ?? defaultFolder());
  }

  /** What a run of that key gave, if all files that it wrote are there, byte for byte. */
  find<T>(key: string): T | undefined {
    const record = this.#folder === undefined ? undefined : readRecord(this.#folder, key);
    if (record === undefined) return undefined;
    const isIntact = Object.entries(record.outputs).every(([path, sha256]) => fileHash(path) === sha256);
    return isIntact ? (record.result as T) : undefined;
  }

  /** @param outputs paths of the files that were written */
  keep(key: string, outputs: readonly string[], result: unknown): void {
    if (this.#folder === undefined) return;
    const hashes = Object.fromEntries(outputs.map((path) => [path, fileHash(path) ?? '']));
    // A pipe or a device has nothing to come back to.
    if (Object.values(hashes).every((sha256) => sha256 !== ''))
      writeRecord(this.#folder, { key, outputs: hashes, result });
  }
}

/** What stderr says of an output that is not made again. */
export function noteUpToDate(what: string, quiet = false): void {
  if (!quiet)
    process.stderr.write(
      `${printable(what)} is up to date: the same inputs made it; --force makes it again\n`,
    );
}

/** Hex SHA-256 of a regular file; undefined where there is none. */
function fileHash(path: string): string | undefined {
  try {
    const fd = openSync(path, 'r');
    try {
      if (!fstatSync(fd).isFile()) return undefined;
      const hash = createHash('sha256');
      const buffer = Buffer.allocUnsafe(HASH_BYTES);
      for (let got = readSync(fd, buffer); got > 0; got = readSync(fd, buffer))
        hash.update(buffer.subarray(0, got));
      return hash.digest('hex');
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
}

/** What the records of commands are for that write files. */
export const RECORDS_HELP =
  'where records of what was made lie: a file that is there and that the same inputs made is left as it is (default: $BNNQ_CACHE, else bnn-quantize in $XDG_CACHE_HOME or ~/.cache)';
