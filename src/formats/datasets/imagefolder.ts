import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BnnqError } from '../../errors.ts';
import { fileError } from '../file.ts';
import type { Dataset } from './dataset.ts';
import { imageFiles } from './image-files.ts';

const READ = /\.(jpe?g|png)$/i;
/** Pictures that would be left out in silence otherwise. */
const OTHER_PICTURES = /\.(bmp|gif|webp|tiff?|ppm|pgm|avif|heic|jxl|jp2)$/i;
/** Folders below a class folder; also the end of links that run in a circle. */
const MAX_DEPTH = 16;

/**
 * `imagefolder:<dir>`: a folder a class, class indices by the order of their names (by code unit, as Python sorts), the
 * images in it or deeper; or images straight in the folder, then without labels. Hidden files and files that are no
 * pictures are left alone. @throws dataset (images beside class folders, pictures that are not read), not-found
 */
export async function openImageFolder(path: string, spec: string): Promise<Dataset> {
  const top = await entries(path);
  const folders = top.filter(({ folder }) => folder).map(({ name }) => name);
  const flat = top
    .filter(({ folder, name }) => !folder && isImage(name, join(path, name)))
    .map(({ name }) => name);
  if (folders.length > 0 && flat.length > 0)
    throw new BnnqError(
      'dataset',
      `imagefolder: "${path}" holds ${flat.length} images (${flat[0]}…) beside ${folders.length} folders; either is fine, both are not`,
      { file: path },
    );
  if (folders.length === 0)
    return imageFiles({
      spec,
      names: flat,
      paths: flat.map((name) => join(path, name)),
      labels: undefined,
      classNames: undefined,
    });
  const names: string[] = [];
  const labels: number[] = [];
  for (const [label, folder] of folders.entries()) {
    const found = await imagesBelow(join(path, folder), `${folder}/`, 1);
    for (const name of found) {
      names.push(name);
      labels.push(label);
    }
  }
  return imageFiles({
    spec,
    names,
    paths: names.map((name) => join(path, name)),
    labels: Int32Array.from(labels),
    classNames: folders,
  });
}

async function imagesBelow(path: string, prefix: string, depth: number): Promise<string[]> {
  if (depth > MAX_DEPTH)
    throw new BnnqError('limit', `imagefolder: "${path}" is nested more than ${MAX_DEPTH} folders deep`, {
      file: path,
    });
  const found: string[] = [];
  for (const { name, folder } of await entries(path)) {
    if (folder) found.push(...(await imagesBelow(join(path, name), `${prefix}${name}/`, depth + 1)));
    else if (isImage(name, join(path, name))) found.push(prefix + name);
  }
  return found;
}

function isImage(name: string, path: string): boolean {
  if (OTHER_PICTURES.test(name))
    throw new BnnqError('dataset', `imagefolder: "${path}": only JPEG and PNG images are read`, {
      file: path,
    });
  return READ.test(name);
}

/** Sorted by name; links are followed; hidden ones left out. */
async function entries(path: string): Promise<{ name: string; folder: boolean }[]> {
  let list: Dirent[];
  try {
    list = await readdir(path, { withFileTypes: true });
  } catch (thrown) {
    throw fileError('read', path, thrown);
  }
  const shown = list.filter(({ name }) => !name.startsWith('.'));
  shown.sort((a, b) => (a.name < b.name ? -1 : 1));
  return Promise.all(
    shown.map(async (entry) => ({
      name: entry.name,
      folder: entry.isSymbolicLink()
        ? ((await stat(join(path, entry.name)).catch(() => undefined))?.isDirectory() ?? false)
        : entry.isDirectory(),
    })),
  );
}
