import { readFile } from 'node:fs/promises';
import type { Pixels } from '../datasets/dataset.ts';
import { fileError } from '../file.ts';
import { decodeImage } from './decode-image.ts';

/** Decodes a JPEG or PNG file; see `decodeImage`. @throws not-found, io besides */
export async function decodeImageFile(path: string): Promise<Pixels> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (thrown) {
    throw fileError('read', path, thrown);
  }
  return decodeImage(bytes, path);
}
