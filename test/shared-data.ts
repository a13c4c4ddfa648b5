import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../shared/data/', import.meta.url));

/** Path of a file of the shared test data, or undefined where that folder is not at hand; tests then say that they are skipped. */
export function sharedData(name: string): string | undefined {
  const path = ROOT + name;
  return existsSync(path) ? path : undefined;
}
