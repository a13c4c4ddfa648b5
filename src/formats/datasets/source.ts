import { createHash } from 'node:crypto';
import { BnnqError } from '../../errors.ts';

/** A dataset in one file is held in memory; Node 20 makes no buffer of more than 4 GiB, and half of that leaves room to work. */
export const MAX_DATASET_BYTES: number = 2 ** 31;

/** Hex SHA-256 of the parts one after the other. */
export function hashOf(...parts: readonly (Uint8Array | string)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** Labels of an array of numbers: whole and not negative. `where` begins the message. */
export function labelsOf(values: ArrayLike<number | bigint>, where: string): Int32Array {
  return Int32Array.from({ length: values.length }, (_, i) => {
    const label = Number(values[i]);
    if (!Number.isInteger(label) || label < 0 || label > 0x7fffffff)
      throw new BnnqError('dataset', `${where}: label ${i} is ${label}, expected a class index from 0`);
    return label;
  });
}

/** @throws dataset when there is not one label an image */
export function checkLabelCount(labels: number, count: number, where: string): void {
  if (labels !== count) throw new BnnqError('dataset', `${where}: ${labels} labels for ${count} images`);
}
