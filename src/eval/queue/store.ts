import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { BnnqError } from '../../errors.ts';
import { type Blob, inFile, type Store } from './blob.ts';
import { openFolderStore } from './folder-store.ts';
import { openS3Store } from './s3-store.ts';

/** A folder, or `s3://bucket/prefix`. @throws option, unsupported (a package is missing), io */
export function openStore(spec: string): Promise<Store> {
  if (/^s3:/i.test(spec)) return openS3Store(spec);
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(spec))
    throw new BnnqError('option', `store "${spec}": expected a folder or s3://bucket/prefix`);
  return openFolderStore(spec);
}

/** Puts a file into the store unless it is there, and says what it is. @throws not-found, io */
export async function putFile(store: Store, path: string): Promise<Blob> {
  const hash = createHash('sha256');
  let bytes = 0;
  await inFile('read', path, async () => {
    for await (const chunk of createReadStream(path)) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  });
  const blob = { sha256: hash.digest('hex'), bytes };
  if (!(await store.has(blob))) await store.put(blob, path);
  return blob;
}

/** Puts bytes into the store unless they are there, and says what they are. */
export async function putBytes(store: Store, data: Uint8Array): Promise<Blob> {
  const blob = { sha256: createHash('sha256').update(data).digest('hex'), bytes: data.length };
  if (!(await store.has(blob))) await store.put(blob, data);
  return blob;
}
