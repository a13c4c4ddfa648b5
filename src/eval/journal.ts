import { closeSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileError } from '../formats/file.ts';

/** Name of the file of a sweep in its output folder. */
export const JOURNAL_NAME = 'points.jsonl';

/**
 * What has been finished, a line of JSON each: `{"key":…,"value":…}`. Appended and synced at once, so that an
 * interruption, a crash or a power cut loses the work of one entry at most. A torn last line is cut off when the file is
 * opened again; lines that are not understood are left alone and ignored.
 */
export class Journal {
  readonly path: string;
  readonly #known = new Map<string, unknown>();
  readonly #fd: number;

  /** Opens a journal; the file and its folder are made where they are missing. @throws io, not-found */
  constructor(path: string) {
    this.path = path;
    try {
      mkdirSync(dirname(path), { recursive: true });
      this.#fd = openSync(this.path, 'a+');
      const bytes = readFileSync(this.path);
      const end = bytes.lastIndexOf('\n') + 1;
      if (end < bytes.length) ftruncateSync(this.#fd, end);
      for (const line of bytes.toString('utf8', 0, end).split('\n')) this.#remember(line);
    } catch (thrown) {
      throw fileError('write', this.path, thrown);
    }
  }

  /** What was kept under the key by this or an earlier run. */
  get(key: string): unknown {
    return this.#known.get(key);
  }

  /** @throws io (disk full) */
  append(key: string, value: unknown): void {
    const line = JSON.stringify({ key, value });
    try {
      writeSync(this.#fd, `${line}\n`);
      fsyncSync(this.#fd);
    } catch (thrown) {
      throw fileError('write', this.path, thrown);
    }
    this.#remember(line);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #remember(line: string): void {
    try {
      const entry = JSON.parse(line) as { key?: unknown; value?: unknown };
      if (typeof entry.key === 'string') this.#known.set(entry.key, entry.value);
    } catch {
      // Not ours, or damaged: its entry is computed again.
    }
  }
}
