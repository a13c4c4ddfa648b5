import { statSync } from 'node:fs';
import { BnnqError } from '../../errors.ts';
import { type OnFile, readFileRange } from '../file.ts';
import { pathInside } from '../path-inside.ts';
import { checkExternalRange, type ExternalReader } from './external-data.ts';

/**
 * Reads external data from files below the model's folder, by ranges. A location may not leave the folder, neither by
 * its text nor by a symbolic link: a model is data from a stranger, and may not choose which files are read.
 */
export function externalFiles(directory: string, onFile?: OnFile): ExternalReader {
  return (data, needed, where) => {
    const path = pathInside(directory, data.location, `${where}: external data`);
    onFile?.(data.location, path);
    checkExternalRange(data, needed, statSync(path).size, where);
    return () => {
      const bytes = readFileRange(path, data.offset, needed);
      if (bytes.length !== needed)
        throw new BnnqError(
          'malformed',
          `${where}: external data file "${data.location}" became shorter while it was read`,
        );
      return bytes;
    };
  };
}
