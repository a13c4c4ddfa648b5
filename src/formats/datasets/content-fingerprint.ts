import type { Dataset } from './dataset.ts';
import { hashOf } from './source.ts';

/**
 * Hex SHA-256 over all that samples follow from, their bytes included. The fingerprint of a folder of pictures tells names and sizes alone, so
 * that opening a million of them takes no hour; here those that are used are read.
 * @param indices of the samples that are used
 * @throws not-found, io
 */
export async function contentFingerprint(dataset: Dataset, indices: Iterable<number>): Promise<string> {
  if (dataset.fileHash === undefined) return dataset.fingerprint;
  const hashes: string[] = [];
  for (const index of indices) hashes.push(await dataset.fileHash(index));
  return hashOf([dataset.fingerprint, ...hashes].join('\n'));
}

/** Which samples are taken where `count` of `total` are asked for: at equal distances, all where there are not so many. */
export function evenIndices(total: number, count: number = total): number[] {
  const taken = Math.min(total, count);
  return Array.from({ length: taken }, (_, i) => Math.floor((i * total) / taken));
}
