import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { BnnqError } from '../errors.ts';

/** One read or write of more than 2^31-1 bytes is refused by the system; large files go in pieces of this size. */
const PIECE_BYTES = 2 ** 28;

const HASH_BYTES = 2 ** 22;

/**
 * Reads a whole file into one buffer, without any copy of it.
 * @throws not-found, io (a folder, permission), limit (longer than `maxBytes`)
 */
export function readFileBytes(path: string, maxBytes: number): Uint8Array {
  return withFile('read', path, () => {
    const fd = openSync(path, 'r');
    try {
      const stat = fstatSync(fd);
      if (stat.isDirectory())
        throw new BnnqError('io', `cannot read "${path}": it is a folder`, { file: path });
      if (!stat.isFile()) return plain(readFileSync(fd)); // a pipe has no length
      if (stat.size > maxBytes)
        throw new BnnqError('limit', `"${path}" has ${stat.size} bytes, at most ${maxBytes} can be read`, {
          file: path,
        });
      return readPart(fd, 0, stat.size);
    } finally {
      closeSync(fd);
    }
  });
}

/** Reads `length` bytes from `offset` on; fewer come back where the file ends before. */
export function readFileRange(path: string, offset: number, length: number): Uint8Array {
  return withFile('read', path, () => {
    const fd = openSync(path, 'r');
    try {
      return readPart(fd, offset, length);
    } finally {
      closeSync(fd);
    }
  });
}

/** Told of a file that another one leads to: as it is named there, and its path. */
export type OnFile = (name: string, path: string) => void;

/** A file that is read by parts, now and later. */
export class FileSource {
  readonly path: string;
  readonly length: number;
  readonly isRegular: boolean;
  readonly #identity: string;

  /** @throws not-found, io */
  constructor(path: string) {
    this.path = path;
    const stat = withFile('read', path, () => statSync(path));
    this.length = stat.size;
    this.isRegular = stat.isFile();
    this.#identity = identityOf(stat);
  }

  /**
   * The bytes from `offset` on.
   * @throws io where the file was changed since this was made: later parts would not fit what was read before
   */
  read(offset: number, length: number): Uint8Array {
    return withFile('read', this.path, () => {
      const fd = openSync(this.path, 'r');
      try {
        const bytes = identityOf(fstatSync(fd)) === this.#identity ? readPart(fd, offset, length) : undefined;
        if (bytes?.length === length) return bytes;
        throw new BnnqError('io', `"${this.path}" was changed while it was in use`, { file: this.path });
      } finally {
        closeSync(fd);
      }
    });
  }

  /** SHA-256 of the whole file, hex. */
  sha256(): string {
    const hash = createHash('sha256');
    for (let at = 0; at < this.length; at += HASH_BYTES)
      hash.update(this.read(at, Math.min(HASH_BYTES, this.length - at)));
    return hash.digest('hex');
  }
}

function identityOf({ dev, ino, size, mtimeMs }: Stats): string {
  return [dev, ino, size, mtimeMs].join();
}

/** Reads `length` bytes of an open file from `offset` on; fewer come back where it ends before. */
export function readPart(fd: number, offset: number, length: number): Uint8Array {
  const bytes = plain(Buffer.allocUnsafeSlow(length));
  let done = 0;
  while (done < length) {
    const got = readSync(fd, bytes, done, Math.min(PIECE_BYTES, length - done), offset + done);
    if (got === 0) break;
    done += got;
  }
  return bytes.subarray(0, done);
}

/** The same bytes as a Uint8Array and nothing more: `slice` of a Buffer does not copy, which nobody expects. */
function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

export interface WriteOptions {
  /** Overwrite an existing file. */
  readonly force?: boolean;
}

/**
 * Writes a file under a temporary name in the same folder, syncs it and renames it, so that the path holds either what
 * it held before or all of the new bytes. Synchronous, so that a signal cannot come in between. A device or a pipe
 * (`/dev/stdout`) is written to directly.
 * @returns the number of bytes written
 * @throws exists (unless forced), io (disk full, permission, a folder of that name), not-found (folder missing)
 */
export function writeFileAtomically(
  path: string,
  chunks: Iterable<Uint8Array | string>,
  options: WriteOptions = {},
): number {
  const before = checkWritable(path, options);
  if (before !== undefined && !before.isFile())
    return withFile('write', path, () => writeTo(openSync(path, 'w'), chunks));
  const target = before === undefined ? path : withFile('write', path, () => realpathSync(path));
  const temporary = join(dirname(target), `.bnnq-${randomBytes(6).toString('hex')}.tmp`);
  try {
    return withFile('write', path, () => {
      const written = writeTo(openSync(temporary, 'wx', before?.mode ?? 0o666), chunks);
      checkWritable(path, options);
      renameSync(temporary, target);
      return written;
    });
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/**
 * Whether `path` may be written: throws where it exists already (unless forced), where it is a folder and where its
 * folder is missing. Call it before long work whose result goes there.
 */
export function checkWritable(path: string, options: WriteOptions = {}): Stats | undefined {
  return withFile('write', path, () => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory())
      throw new BnnqError('io', `cannot write "${path}": it is a folder`, { file: path });
    if (stat?.isFile() && !options.force)
      throw new BnnqError(
        'exists',
        `"${path}" exists already; it is overwritten only with --force (force: true)`,
        {
          file: path,
        },
      );
    if (stat === undefined && !statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory())
      throw new BnnqError('not-found', `cannot write "${path}": there is no folder "${dirname(path)}"`, {
        file: path,
      });
    return stat;
  });
}

function writeTo(fd: number, chunks: Iterable<Uint8Array | string>): number {
  let written = 0;
  try {
    for (const chunk of chunks) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk, 'utf8') : chunk;
      for (let at = 0; at < bytes.length; )
        at += writeSync(fd, bytes, at, Math.min(PIECE_BYTES, bytes.length - at));
      written += bytes.length;
    }
    if (fstatSync(fd).isFile()) fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  return written;
}

/** Runs `work` and turns what the file system throws into one sentence. */
function withFile<T>(action: 'read' | 'write', path: string, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    throw thrown instanceof BnnqError ? thrown : fileError(action, path, thrown);
  }
}

const REASONS: Record<string, string> = {
  ENOENT: 'no such file',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would be larger than the system allows',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the disk is read-only',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is a file, not a folder',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'its symbolic links run in a circle',
  EMFILE: 'too many files are open',
};

/** The sentence for something that the file system threw. */
export function fileError(action: 'read' | 'write', path: string, thrown: unknown): BnnqError {
  const code = (thrown as NodeJS.ErrnoException | null)?.code;
  if (typeof code !== 'string') return thrown instanceof BnnqError ? thrown : internal(action, path, thrown);
  const reason = REASONS[code] ?? `the system says ${code}`;
  return new BnnqError(
    code === 'ENOENT' ? 'not-found' : 'io',
    `cannot ${action} "${path}": ${reason}`,
    { file: path },
    thrown,
  );
}

function internal(action: string, path: string, thrown: unknown): BnnqError {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new BnnqError('internal', `cannot ${action} "${path}": ${message}`, { file: path }, thrown);
}

/** The last part of a path, for messages and provenance. */
export function fileName(path: string): string {
  return basename(path);
}
