import { BnnqError } from '../errors.ts';
import { auto } from './auto.ts';
import { binary } from './binary.ts';
import { codebook } from './codebook.ts';
import { exponential } from './exponential.ts';
import { linear } from './linear.ts';
import { powerOfTwo } from './pot.ts';
import type { Scheme } from './scheme.ts';
import { ternary } from './ternary.ts';

/** All schemes. A new one is a file and a line here. */
export const SCHEMES: readonly Scheme[] = [binary, linear, exponential, ternary, powerOfTwo, codebook, auto];

/** The names of all schemes. */
export const SCHEME_NAMES: readonly string[] = SCHEMES.map(({ name }) => name);

/** The scheme of that name. @throws option, with the names that there are */
export function parseScheme(text: string): Scheme {
  const scheme = SCHEMES.find(({ name }) => name === text);
  if (scheme === undefined)
    throw new BnnqError('option', `scheme: expected ${SCHEME_NAMES.join(', ')}, got "${text}"`);
  return scheme;
}
