import { createReadStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import {
  type Blob,
  inFile,
  inMemory,
  isThere,
  missing,
  type Store,
  verified,
  writeVerified,
} from './blob.ts';

/**
 * A folder that all machines share: `sha256/ab/ab12…`. A blob is written under another name, synced and renamed, so
 * that a name never stands for a part of it. @throws io
 */
export async function openFolderStore(folder: string): Promise<Store> {
  const root = join(resolve(folder), 'sha256');
  await inFile('write', root, () => mkdir(root, { recursive: true }));
  const pathOf = ({ sha256 }: Blob): string => join(root, sha256.slice(0, 2), sha256);
  const name = `"${folder}"`;
  return {
    name,
    has: (blob) => isThere(pathOf(blob), blob.bytes),
    async put(blob, from) {
      const path = pathOf(blob);
      await inFile('write', path, () => mkdir(dirname(path), { recursive: true }));
      const chunks = typeof from === 'string' ? createReadStream(from) : inMemory(from);
      await writeVerified(verified(chunks, blob, `"${typeof from === 'string' ? from : blob.sha256}"`), path);
    },
    async get(blob, path) {
      const source = pathOf(blob);
      if (!(await isThere(source, blob.bytes))) throw missing(name, blob);
      await writeVerified(verified(createReadStream(source), blob, `store ${name}`), path);
    },
  };
}
