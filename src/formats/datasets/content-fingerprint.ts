import type { Dataset } from './dataset.ts';
import { hashOf } from './source.ts';

/** Which samples are used: the first so many, or so many at equal distances; all when absent. */
export interface UsedSamples {
  readonly limit?: number | undefined;
  readonly evenly?: number | undefined;
}

/**
 * Hex SHA-256 over all that samples follow from, their bytes included. The fingerprint of a folder of pictures tells names and sizes alone, so
 * that opening a million of them takes no hour; here those that are used are read.
 * @throws not-found, io
 */
export async function contentFingerprint(dataset: Dataset, used: UsedSamples = {}): Promise<string> {
  if (dataset.fileHash === undefined) return dataset.fingerprint;
  const { limit, evenly } = used;
  const first = Math.min(dataset.count, limit ?? dataset.count);
  const hashes: string[] = [];
  for (const index of evenIndices(first, evenly)) hashes.push(await dataset.fileHash(index));
  return hashOf([dataset.fingerprint, ...hashes].join('\n'));
}

/** Which samples are taken where `count` of `total` are asked for: at equal distances, all where there are not so many. */
export function evenIndices(total: number, count: number = total): number[] {
  const taken = Math.min(total, count);
  return Array.from({ length: taken }, (_, i) => Math.floor((i * total) / taken));
}
