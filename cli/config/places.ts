import { isAbsolute, join, relative, resolve } from 'node:path';
import { PRESETS } from '../../src/index.ts';

/** How an option names files: alone, behind the kind of a dataset, beside the names of presets, or behind `name=`. */
export type PlaceKind = 'path' | 'dataset' | 'preset' | 'named';

/**
 * What names the same file in another folder. Values of a file of options are relative to its folder, those of the command line to the
 * current one.
 * @param from the folder that a relative path starts from, and `to` the one that it shall start from
 */
export function rebase(text: string, kind: PlaceKind | undefined, from: string, to: string): string {
  const way = relative(resolve(to), resolve(from));
  if (way === '' || kind === undefined) return text;
  const stays = (path: string): boolean => path === '' || isAbsolute(path) || path.includes('://');
  const moved = (path: string): string => (stays(path) ? path : join(way, path));
  return MOVES[kind](text, moved);
}

const MOVES: Readonly<Record<PlaceKind, (text: string, moved: (path: string) => string) => string>> = {
  path: (text, moved) => moved(text),
  dataset: (text, moved) => {
    const [, kind, rest] = /^(\w+):(.*)$/s.exec(text) ?? [];
    if (kind === undefined) return text;
    const paths = kind === 'idx' ? rest!.split(',') : [rest!];
    return `${kind}:${paths.map(moved).join(',')}`;
  },
  preset: (text, moved) => (Object.hasOwn(PRESETS, text) ? text : moved(text)),
  named: (text, moved) => {
    const at = text.indexOf('=') + 1;
    return text.slice(0, at) + moved(text.slice(at));
  },
};
