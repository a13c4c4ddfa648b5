import { existsSync } from 'node:fs';
import { usageError } from './exit.ts';

/**
 * Since quantize is the default command, a misspelt command would arrive as its model. A first argument that could be a
 * command, but neither is one nor a file, is refused here, with the command that it nearly is. @throws usage
 */
export function checkCommand(word: string, commands: readonly string[]): void {
  if (!/^[a-z]+$/i.test(word) || commands.includes(word) || existsSync(word)) return;
  const near = nearest(word, commands);
  const hint =
    near.length > 0 ? `did you mean ${near.join(' or ')}?` : `the commands are ${commands.join(', ')}`;
  throw usageError(`there is no command and no file "${word}", ${hint}`);
}

/** Names that a word may be a slip for: those of the least distance, 2 at most. */
export function nearest(word: string, names: readonly string[]): string[] {
  const lower = word.toLowerCase();
  const rated = names.map((name) => ({ name, far: distance(lower, name) }));
  const least = Math.min(...rated.map(({ far }) => far));
  return least > 2 ? [] : rated.filter(({ far }) => far === least).map(({ name }) => name);
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
