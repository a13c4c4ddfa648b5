import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { stringify } from 'yaml';
import { hideSecrets, VERSION, writeFileAtomically } from '../../src/index.ts';

import type { GivenValues } from './apply-config.ts';
import type { ConfigKey } from './config-keys.ts';
import { rebase } from './places.ts';

/**
 * Writes the options of a run, defaults included, so that `--config` runs the same again, also with a later version whose defaults are
 * others. Paths are relative to the file. A file that is there is left alone where it says the same.
 * @throws exists
 */
export function saveConfig(
  file: string,
  command: string,
  keys: readonly ConfigKey[],
  given: GivenValues,
): void {
  const options: Record<string, unknown> = {};
  for (const key of keys) {
    const value = given.get(key.name) ?? defaultOf(key);
    if (value === undefined) continue;
    const texts = typeof value === 'boolean' ? [] : value;
    const moved = texts.map((text) => plain(hideSecrets(rebase(text, key.place, '.', dirname(file)))));
    options[key.name] = typeof value === 'boolean' ? value : key.several === 'repeated' ? moved : moved[0];
  }
  const head = `# Options of bnn-quantize ${VERSION}: bnn-quantize ${command} --config <this file>\n`;
  const text = head + stringify({ [command]: options }, { lineWidth: 0 });
  if (textOf(file) !== text) writeFileAtomically(file, [text]);
}

/** The default of an option, as it would be written. */
function defaultOf({ option }: ConfigKey): readonly string[] | boolean | undefined {
  const value: unknown = option?.defaultValue;
  if (value === undefined || typeof value === 'boolean') return value;
  return [option?.defaultValueDescription ?? String(value)];
}

/** A number where that is written in the same way. */
function plain(text: string): string | number {
  return String(Number(text)) === text ? Number(text) : text;
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
