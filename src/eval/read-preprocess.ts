import { BnnqError, messageOf } from '../errors.ts';
import { readFileBytes } from '../formats/file.ts';
import { checkPreprocess } from './check-preprocess.ts';
import { PRESETS, presetOf } from './presets.ts';
import type { Preprocess } from './types.ts';

/** A description of preprocessing is some lines of JSON. */
const MAX_JSON_BYTES = 2 ** 20;

/**
 * Preprocessing by the name of a preset, or from a JSON file (anything that ends in .json or holds a slash).
 * @throws option (unknown preset, everything that is wrong in the file), not-found
 */
export function readPreprocess(choice: string): Preprocess {
  const preset = presetOf(choice);
  if (preset !== undefined) return preset;
  if (!/\.json$|[\\/]/i.test(choice))
    throw new BnnqError(
      'option',
      `preprocessing "${choice}": expected a JSON file or one of ${Object.keys(PRESETS).join(', ')}`,
    );
  const text = new TextDecoder().decode(readFileBytes(choice, MAX_JSON_BYTES));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    throw new BnnqError(
      'option',
      `preprocessing "${choice}" is not JSON: ${messageOf(thrown)}`,
      { file: choice },
      thrown,
    );
  }
  return checkPreprocess(value, choice);
}
