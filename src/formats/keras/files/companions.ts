import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { BnnqError } from '../../../errors.ts';

/** Names under which an architecture is kept beside its weights. */
const ARCHITECTURES = ['model.json', 'config.json', 'architecture.json'];

const isFile = (path: string): boolean => existsSync(path) && statSync(path).isFile();

/** The file names that begin like this one: `a.weights.h5` is of `a.weights` and of `a`. */
function stemsOf(path: string): string[] {
  const name = basename(path).replace(/\.[^.]+$/, '');
  const stems = [name, name.replace(/[._-](weights|model|architecture|config)$/i, '')];
  return [...new Set(stems)];
}

/**
 * The JSON file of the architecture beside a file of weights.
 * @throws not-found with the names that were tried
 */
export function findArchitecture(weights: string): string {
  const names = [...stemsOf(weights).map((stem) => `${stem}.json`), ...ARCHITECTURES];
  const found = names.map((name) => join(dirname(weights), name)).find(isFile);
  if (found !== undefined) return found;
  throw new BnnqError(
    'not-found',
    `keras: "${weights}" holds weights and no architecture; expected ${names.join(' or ')} beside it, or --architecture (architecture: …)`,
    { file: weights },
  );
}

/**
 * The file of weights beside an architecture.
 * @throws not-found with the names that were tried
 */
export function findWeights(architecture: string): string {
  const stems = [...new Set([...stemsOf(architecture), 'model', 'weights'])];
  const names = [
    ...stems.flatMap((stem) => [`${stem}.weights.h5`, `${stem}_weights.h5`, `${stem}.h5`, `${stem}.hdf5`]),
  ];
  const found = names.map((name) => join(dirname(architecture), name)).find(isFile);
  if (found !== undefined) return found;
  throw new BnnqError(
    'not-found',
    `keras: "${architecture}" holds an architecture and no weights; expected ${names.slice(0, 3).join(' or ')} beside it`,
    { file: architecture },
  );
}
