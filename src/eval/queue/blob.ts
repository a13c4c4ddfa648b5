import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { BnnqError } from '../../errors.ts';
import { fileError } from '../../formats/file.ts';

/** Bytes by what they are. */
export interface Blob {
  /** Hex. */
  readonly sha256: string;
  readonly bytes: number;
}

/** Keeps blobs under their hashes, for all machines of a queue. */
export interface Store {
  /** For messages. */
  readonly name: string;
  has(blob: Blob): Promise<boolean>;
  /** Stores what is in the file or in memory under the hash that it has. @throws io */
  put(blob: Blob, from: string | Uint8Array): Promise<void>;
  /**
   * Writes a blob to a file that is new, and checks its hash.
   * @throws not-found, io, malformed (other bytes than those of the hash, or more)
   */
  get(blob: Blob, path: string): Promise<void>;
}

/**
 * The chunks of a blob, counted and hashed. The last one is held back until the hash is known to be right, so that whoever
 * is sent them has never all of a wrong blob. @throws malformed
 */
export async function* verified(
  chunks: AsyncIterable<Uint8Array>,
  blob: Blob,
  where: string,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let bytes = 0;
  let last: Uint8Array | undefined;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > blob.bytes) break;
    hash.update(chunk);
    if (last !== undefined) yield last;
    last = chunk;
  }
  const sha256 = hash.digest('hex');
  if (bytes > blob.bytes)
    throw new BnnqError('malformed', `${where}: more than the ${blob.bytes} bytes of ${blob.sha256}`);
  if (bytes < blob.bytes || sha256 !== blob.sha256)
    throw new BnnqError(
      'malformed',
      `${where}: ${bytes} bytes with the hash ${sha256}, expected ${blob.bytes} with ${blob.sha256}`,
    );
  if (last !== undefined) yield last;
}

/** @throws not-found with what to look after */
export function missing(store: string, { sha256 }: Blob): BnnqError {
  return new BnnqError(
    'not-found',
    `store ${store}: "${sha256}" is not there; who submits and who works must name the same store`,
  );
}

/** Whether a file is there, of that length. */
export async function isThere(path: string, bytes: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true && found.size === bytes;
}

/** Writes chunks under a temporary name and renames it when they have come to their end without an error. @throws io */
export async function writeVerified(chunks: AsyncIterable<Uint8Array>, path: string): Promise<void> {
  const temporary = join(dirname(path), `.bnnq-${randomBytes(6).toString('hex')}.tmp`);
  try {
    await inFile('write', path, async () => {
      await pipeline(chunks, createWriteStream(temporary, { flags: 'wx', mode: 0o600 }));
      const file = await open(temporary, 'r+');
      await file.sync().finally(() => file.close());
      await rename(temporary, path);
    });
  } finally {
    await rm(temporary, { force: true });
  }
}

export async function* inMemory(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Runs `work` and turns what the file system throws into one sentence. */
export async function inFile<T>(action: 'read' | 'write', path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw thrown instanceof BnnqError ? thrown : fileError(action, path, thrown);
  }
}
