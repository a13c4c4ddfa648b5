import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BnnqError } from '../../src/errors.ts';
import { checkWritable, readFileBytes, readFileRange, writeFileAtomically } from '../../src/formats/file.ts';

/** Bytes after which the mocked disk is full. */
const disk = vi.hoisted(() => ({ free: Number.POSITIVE_INFINITY, code: 'ENOSPC' }));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const writeSync = (fd: number, bytes: Uint8Array, offset: number, length: number) => {
    if (disk.free <= 0) throw Object.assign(new Error(`${disk.code}: write`), { code: disk.code });
    const written = fs.writeSync(fd, bytes, offset, Math.min(length, disk.free));
    disk.free -= written;
    return written;
  };
  return { ...fs, writeSync };
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bnnq-file-'));
});
afterEach(() => {
  disk.free = Number.POSITIVE_INFINITY;
  rmSync(folder, { recursive: true });
});

const at = (name: string) => join(folder, name);

function errorOf(work: () => unknown): BnnqError {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(BnnqError);
    expect((error as Error).message).not.toContain('\n');
    return error as BnnqError;
  }
  throw new Error('nothing was thrown');
}

describe('writing a file atomically', () => {
  it('writes bytes and text and tells how many bytes', () => {
    expect(writeFileAtomically(at('a'), [Uint8Array.of(65, 66), 'ä', new Uint8Array(0)])).toBe(4);
    expect(readFileSync(at('a'), 'utf8')).toBe('ABä');
    expect(readdirSync(folder)).toEqual(['a']);
  });

  it('does not overwrite, unless it is forced, and then keeps the permissions', () => {
    writeFileSync(at('a'), 'old');
    chmodSync(at('a'), 0o640);
    const error = errorOf(() => writeFileAtomically(at('a'), ['new']));
    expect(error).toMatchObject({ code: 'exists', at: { file: at('a') } });
    expect(readFileSync(at('a'), 'utf8')).toBe('old');
    writeFileAtomically(at('a'), ['new'], { force: true });
    expect(readFileSync(at('a'), 'utf8')).toBe('new');
    expect(statSync(at('a')).mode & 0o777).toBe(0o640);
  });

  it('does not overwrite a file that appeared meanwhile', () => {
    function* chunks() {
      yield 'new';
      writeFileSync(at('a'), 'other');
    }
    expect(errorOf(() => writeFileAtomically(at('a'), chunks())).code).toBe('exists');
    expect(readFileSync(at('a'), 'utf8')).toBe('other');
    expect(readdirSync(folder)).toEqual(['a']);
  });

  it('writes through a symbolic link', () => {
    writeFileSync(at('target'), 'old');
    symlinkSync(at('target'), at('link'));
    writeFileAtomically(at('link'), ['new'], { force: true });
    expect(readFileSync(at('target'), 'utf8')).toBe('new');
  });

  it.each([
    ['ENOSPC', 'the disk is full'],
    ['EDQUOT', 'the disk quota is used up'],
    ['EFBIG', 'the file would be larger than the system allows'],
    ['EACCES', 'permission denied'],
    ['EIO', 'the system says EIO'],
  ])('leaves what was there when the system says %s in the middle', (code, reason) => {
    for (const before of ['old', undefined]) {
      if (before !== undefined) writeFileSync(at('a'), before);
      else rmSync(at('a'));
      Object.assign(disk, { free: 5, code });
      const error = errorOf(() =>
        writeFileAtomically(at('a'), [new Uint8Array(4), new Uint8Array(4)], { force: true }),
      );
      disk.free = Number.POSITIVE_INFINITY;
      expect(error).toMatchObject({ code: 'io', message: `cannot write "${at('a')}": ${reason}` });
      expect(readdirSync(folder)).toEqual(before === undefined ? [] : ['a']);
      if (before !== undefined) expect(readFileSync(at('a'), 'utf8')).toBe(before);
    }
  });

  it('leaves nothing when making the bytes fails, and passes the error on', () => {
    function* chunks() {
      yield 'half';
      throw new BnnqError('weight', 'a NaN');
    }
    expect(errorOf(() => writeFileAtomically(at('a'), chunks()))).toMatchObject({
      code: 'weight',
      message: 'a NaN',
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is refused by a sentence for a missing folder, a folder of that name, and a file in the path', () => {
    mkdirSync(at('sub'));
    writeFileSync(at('file'), '');
    const message = (path: string) => errorOf(() => writeFileAtomically(path, [], { force: true })).message;
    expect(message(at('none/a'))).toBe(`cannot write "${at('none/a')}": there is no folder "${at('none')}"`);
    expect(message(at('sub'))).toBe(`cannot write "${at('sub')}": it is a folder`);
    expect(message(at('file/a'))).toContain(`cannot write "${at('file/a')}": `);
    expect(message(at('x'.repeat(300)))).toContain('the name is too long');
  });

  it('can be asked beforehand', () => {
    writeFileSync(at('a'), '');
    expect(errorOf(() => checkWritable(at('a'))).code).toBe('exists');
    expect(errorOf(() => checkWritable(at('none/a'))).code).toBe('not-found');
    checkWritable(at('a'), { force: true });
    checkWritable(at('b'));
    expect(existsSync(at('b'))).toBe(false);
  });

  it.skipIf(!existsSync('/dev/full'))(
    'writes to a device directly, and a full one is a full disk (needs /dev/full)',
    () => {
      writeFileAtomically('/dev/null', ['text']);
      expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
      expect(errorOf(() => writeFileAtomically('/dev/full', ['text'])).message).toBe(
        'cannot write "/dev/full": the disk is full',
      );
      expect(statSync('/dev/full').isCharacterDevice()).toBe(true);
    },
  );
});

describe('reading a file', () => {
  it('gives its bytes as a plain Uint8Array of their own', () => {
    writeFileSync(at('a'), 'hello');
    const bytes = readFileBytes(at('a'), 100);
    expect(bytes.constructor).toBe(Uint8Array);
    expect(bytes.buffer.byteLength).toBe(5);
    expect(Buffer.from(bytes).toString()).toBe('hello');
  });

  it('gives ranges, shorter ones at the end', () => {
    writeFileSync(at('a'), 'hello');
    expect(Buffer.from(readFileRange(at('a'), 1, 3)).toString()).toBe('ell');
    expect(Buffer.from(readFileRange(at('a'), 4, 3)).toString()).toBe('o');
  });

  it('is refused by a sentence for a missing file, a folder and one that is too long', () => {
    writeFileSync(at('a'), 'hello');
    expect(errorOf(() => readFileBytes(at('none'), 9))).toMatchObject({
      code: 'not-found',
      message: `cannot read "${at('none')}": no such file`,
    });
    expect(errorOf(() => readFileBytes(folder, 9)).message).toContain('it is a folder');
    expect(errorOf(() => readFileBytes(at('a'), 4))).toMatchObject({
      code: 'limit',
      message: `"${at('a')}" has 5 bytes, at most 4 can be read`,
    });
  });

  it.skipIf(!existsSync('/dev/null'))('takes what is no regular file, such as a pipe, as it comes', () => {
    expect(readFileBytes('/dev/null', 9)).toHaveLength(0);
  });
});
