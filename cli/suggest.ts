import { existsSync } from 'node:fs';
import { usageError } from './exit.ts';

const COMMANDS = ['quantize', 'inspect', 'score', 'sweep', 'run', 'verify', 'help'];

/**
 * Since quantize is the default command, a misspelt command arrives as its model. One that is no file and nearly the
 * name of a command is taken for that. @throws usage
 */
export function looksLikeCommand(word: string): void {
  if (!/^[a-z]+$/i.test(word) || existsSync(word)) return;
  const near = COMMANDS.filter((command) => distance(word.toLowerCase(), command) <= 2);
  if (near[0] !== undefined)
    throw usageError(`there is no command or file "${word}", did you mean ${near.join(' or ')}?`);
}

/** Levenshtein's distance: letters to insert, delete or replace. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}
