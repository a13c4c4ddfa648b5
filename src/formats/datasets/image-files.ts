import { readFile, stat } from 'node:fs/promises';
import { BnnqError, throwIfAny } from '../../errors.ts';
import { fileError } from '../file.ts';
import { decodeImageFile } from '../images/decode-image-file.ts';
import type { Dataset } from './dataset.ts';
import { hashOf } from './source.ts';

/** Pictures in files, wherever they lie: plain data that can be posted to a thread. */
export interface ImageFiles {
  readonly spec: string;
  /** How the files are called in messages and in the fingerprint. */
  readonly names: readonly string[];
  readonly paths: readonly string[];
  readonly labels: Int32Array | undefined;
  readonly classNames: readonly string[] | undefined;
}

/** Missing files are reported at once, but not more than these. */
const MAX_PROBLEMS = 20;

/** A dataset of JPEG and PNG files, each decoded when asked for. The fingerprint is over names, sizes and labels. */
export async function imageFiles(files: ImageFiles): Promise<Dataset> {
  const { spec, names, paths, labels, classNames } = files;
  const sizes = new Array<number>(paths.length);
  const problems: BnnqError[] = [];
  // Some at a time: a folder may hold more files than may be open at once.
  for (let from = 0; from < paths.length && problems.length < MAX_PROBLEMS; from += 256)
    await Promise.all(
      paths.slice(from, from + 256).map(async (path, i) => {
        try {
          const found = await stat(path);
          if (!found.isFile())
            problems.push(new BnnqError('dataset', `"${path}" is not a file`, { file: path }));
          sizes[from + i] = found.size;
        } catch (thrown) {
          problems.push(fileError('read', path, thrown));
        }
      }),
    );
  throwIfAny(problems.slice(0, MAX_PROBLEMS));
  const lines = names.map((name, i) => JSON.stringify([name, sizes[i], labels?.[i] ?? null]));
  return {
    spec,
    count: paths.length,
    labels,
    classNames,
    fingerprint: hashOf(lines.join('\n')),
    files: paths,
    fileHash: async (index) => {
      try {
        return hashOf(await readFile(paths[index]!));
      } catch (thrown) {
        throw fileError('read', paths[index]!, thrown);
      }
    },
    nameOf: (index) => names[index]!,
    sample: async (index) => ({ kind: 'pixels', ...(await decodeImageFile(paths[index]!)) }),
  };
}
