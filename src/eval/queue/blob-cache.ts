import { link, mkdir, mkdtemp, readdir, rm, stat, unlink, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { BnnqError } from '../../errors.ts';
import { type Blob, inFile, isThere, type Store } from './blob.ts';

const BLOBS = 'sha256';
/** Begins the names of work folders; process numbers mean something on one machine only. */
const WORK = `work-${hostname()}-`;

/**
 * Copies of blobs on this machine. What a session uses is linked into a folder of its own, so that it stays when the
 * cache lets go of it; several workers may share a cache.
 */
export class BlobCache {
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #store: Store;
  readonly #coming = new Map<string, Promise<string>>();

  private constructor(folder: string, maxBytes: number, store: Store) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
    this.#store = store;
  }

  /** Makes the folder, readable for nobody else, and removes what workers left that were killed. @throws io */
  static async open(folder: string, maxBytes: number, store: Store): Promise<BlobCache> {
    await inFile('write', folder, async () => {
      await mkdir(join(folder, BLOBS), { recursive: true, mode: 0o700 });
      for (const name of await readdir(folder)) {
        const pid = name.startsWith(WORK) ? Number.parseInt(name.slice(WORK.length), 10) : 0;
        if (pid > 0 && !isAlive(pid)) await rm(join(folder, name), { recursive: true, force: true });
      }
    });
    return new BlobCache(folder, maxBytes, store);
  }

  /** A new folder for links and results; whoever asks for it removes it. @throws io */
  workFolder(): Promise<string> {
    return inFile('write', this.#folder, () => mkdtemp(join(this.#folder, `${WORK}${process.pid}-`)));
  }

  /** @throws limit where blobs take more than the cache may have */
  expectRoom(blobs: readonly Blob[]): void {
    const bytes = blobs.reduce((sum, blob) => sum + blob.bytes, 0);
    if (bytes > this.#maxBytes)
      throw new BnnqError(
        'limit',
        `model and data have ${bytes} bytes, the cache of the worker takes ${this.#maxBytes} (--cache-size)`,
      );
  }

  /** Puts a blob, checked against its hash, at a path below a work folder. @throws not-found, io, malformed */
  async linkTo(blob: Blob, path: string): Promise<void> {
    await inFile('write', path, async () => {
      await mkdir(dirname(path), { recursive: true });
      // Once more where another worker made room in between.
      await link(await this.#get(blob), path).catch(async (thrown) => {
        if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
        await link(await this.#get(blob), path);
      });
    });
  }

  /** Lets go of what was not used for longest until the rest fits. */
  async trim(): Promise<void> {
    const found: { path: string; bytes: number; used: number }[] = [];
    const root = join(this.#folder, BLOBS);
    for (const name of await readdir(root, { recursive: true })) {
      const path = join(root, name);
      const file = await stat(path).catch(() => undefined);
      if (file?.isFile()) found.push({ path, bytes: file.size, used: file.mtimeMs });
    }
    let total = found.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { path, bytes } of found.sort((a, b) => a.used - b.used)) {
      if (total <= this.#maxBytes) return;
      await unlink(path).catch(() => undefined);
      total -= bytes;
    }
  }

  #get(blob: Blob): Promise<string> {
    const coming =
      this.#coming.get(blob.sha256) ?? this.#fetch(blob).finally(() => this.#coming.delete(blob.sha256));
    this.#coming.set(blob.sha256, coming);
    return coming;
  }

  async #fetch(blob: Blob): Promise<string> {
    const path = join(this.#folder, BLOBS, blob.sha256.slice(0, 2), blob.sha256);
    if (await isThere(path, blob.bytes)) {
      const now = new Date();
      await utimes(path, now, now).catch(() => undefined);
      return path;
    }
    await inFile('write', path, () => mkdir(dirname(path), { recursive: true }));
    await this.#store.get(blob, path);
    return path;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}
