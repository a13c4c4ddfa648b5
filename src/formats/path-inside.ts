import { realpathSync, statSync } from 'node:fs';
import { isAbsolute, join, relative, sep } from 'node:path';
import { BnnqError } from '../errors.ts';

/**
 * The path of a file that a model names, below the model's folder. A location may not leave the folder, neither by its
 * text nor by a symbolic link: a model is data from a stranger, and may not choose which files are read.
 * @param where begins the message: `onnx: initializer "w": external data`
 * @throws malformed (leaves the folder, no file), not-found
 */
export function pathInside(directory: string, location: string, where: string): string {
  const escapes = (how: string) => new BnnqError('malformed', `${where} location "${location}" ${how}`);
  const parts = location.split(/[/\\]/);
  if (location === '' || location.includes('\0')) throw escapes('is not a file name');
  // "C:" and "https:" alike.
  if (
    isAbsolute(location) ||
    parts[0] === '' ||
    /^[a-z][a-z0-9+.-]*:/i.test(location) ||
    parts.includes('..')
  )
    throw escapes("leaves the model's folder");
  const path = join(directory, location);
  let real: string;
  let folder: string;
  try {
    real = realpathSync(path);
    folder = realpathSync(directory);
  } catch (thrown) {
    throw new BnnqError('not-found', `${where} file "${location}" is missing`, { file: path }, thrown);
  }
  const inside = relative(folder, real);
  if (inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside))
    throw escapes("leaves the model's folder by a symbolic link");
  if (!statSync(real).isFile()) throw escapes('is not a file');
  return real;
}
