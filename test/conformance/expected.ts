import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Outcome } from './cases.ts';

const FILE = fileURLToPath(new URL('expected.json', import.meta.url));

/** The cases of the published suite that are not passed, each with its reason. */
export function readExpected(): Record<string, string> {
  return JSON.parse(readFileSync(FILE, 'utf8')) as Record<string, string>;
}

export function writeExpected(outcomes: readonly Outcome[]): void {
  writeFileSync(FILE, `${JSON.stringify(refusals(outcomes), null, 2)}\n`);
}

/** The reason of every refused case, by name. */
export function refusals(outcomes: readonly Outcome[]): Record<string, string> {
  const refused = outcomes.filter(({ verdict }) => verdict === 'refused');
  return Object.fromEntries(refused.map(({ name, detail }) => [name, detail]));
}
