import { statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { BnnqError } from '../../../errors.ts';
import { FileSource, type OnFile } from '../../file.ts';
import { pathInside } from '../../path-inside.ts';
import type { Companions } from './companions.ts';

/** Where a model was read from. */
interface Place {
  /** Path of the file. */
  readonly file?: string;
  /** Folder of the shards of a TensorFlow.js model; that of the file when absent. */
  readonly directory?: string;
  /** Path of the architecture in JSON that a file of weights belongs to; looked for beside it when absent. */
  readonly architecture?: string;
}

/** The files around a model on disk. Shards may not lie outside of its folder. */
export function companionFiles({ file, directory, architecture }: Place, onFile?: OnFile): Companions {
  const told = (path: string, name = basename(path)): FileSource => {
    onFile?.(name, path);
    return new FileSource(path);
  };
  const folder = directory ?? (file === undefined ? undefined : dirname(file));
  return {
    ...(folder !== undefined && {
      shard: (name: string, where: string) => told(pathInside(folder, name, where), name),
    }),
    ...((architecture ?? file) !== undefined && {
      architecture: () => told(architecture ?? findArchitecture(file!)),
    }),
    ...(file !== undefined && { weights: () => told(findWeights(file)) }),
  };
}

/** Names under which an architecture is kept beside its weights. */
const ARCHITECTURES = ['model.json', 'config.json', 'architecture.json'];

/**
 * The first of these names that is there, in the folder of the file that was asked for: nobody chose it by name, so that
 * a symbolic link may not lead out of the folder.
 */
function beside(file: string, names: readonly string[]): string | undefined {
  const folder = dirname(file);
  const name = names.find((one) => statSync(join(folder, one), { throwIfNoEntry: false })?.isFile());
  if (name === undefined) return undefined;
  pathInside(folder, name, `keras: "${file}": the`);
  return join(folder, name);
}

/** The file names that begin like this one: `a.weights.h5` is of `a.weights` and of `a`. */
function stemsOf(path: string): string[] {
  const name = basename(path).replace(/\.[^.]+$/, '');
  const stems = [name, name.replace(/[._-](weights|model|architecture|config)$/i, '')];
  return [...new Set(stems)];
}

/**
 * The JSON file of the architecture beside a file of weights.
 * @throws not-found with the names that were tried; malformed where it lies elsewhere
 */
function findArchitecture(weights: string): string {
  const names = [...stemsOf(weights).map((stem) => `${stem}.json`), ...ARCHITECTURES];
  const found = beside(weights, names);
  if (found !== undefined) return found;
  throw new BnnqError(
    'not-found',
    `keras: "${weights}" holds weights and no architecture; expected ${names.join(' or ')} beside it, or --architecture (architecture: …)`,
    { file: weights },
  );
}

/**
 * The file of weights beside an architecture.
 * @throws not-found with the names that were tried; malformed where it lies elsewhere
 */
function findWeights(architecture: string): string {
  const stems = [...new Set([...stemsOf(architecture), 'model', 'weights'])];
  const names = stems.flatMap((stem) => [
    `${stem}.weights.h5`,
    `${stem}_weights.h5`,
    `${stem}.h5`,
    `${stem}.hdf5`,
  ]);
  const found = beside(architecture, names);
  if (found !== undefined) return found;
  throw new BnnqError(
    'not-found',
    `keras: "${architecture}" holds an architecture and no weights; expected ${names.slice(0, 3).join(' or ')} beside it`,
    { file: architecture },
  );
}
