import { BnnqError } from '../../errors.ts';

/** Bytes of each unit: those of SI are powers of 1000, those with an i (IEC 80000-13) powers of 1024. */
const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1000,
  mb: 1000 ** 2,
  gb: 1000 ** 3,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
};

/**
 * A size as people write it, in whole bytes, rounded down: `1.2MB`, `800 kB`, `1MiB`, `28766`. Letters of either case.
 * @throws option
 */
export function parseSize(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?|\.\d+)\s*([a-z]*)\s*$/i.exec(text);
  const unit = UNITS[match?.[2]?.toLowerCase() ?? '?'];
  const bytes = Math.floor(Number(match?.[1]) * (unit ?? Number.NaN) + 1e-6);
  if (!Number.isSafeInteger(bytes) || bytes < 1)
    throw new BnnqError(
      'option',
      `size: expected a number of bytes such as 1.2MB, 800kB or 1MiB, got "${text}"`,
    );
  return bytes;
}
