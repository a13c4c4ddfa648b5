import { BnnqError } from '../../errors.ts';
import type { ImageScores } from '../metrics.ts';

/** Arrays of `ImageScores` in base64, their elements little-endian; one that is undefined is absent. */
export type EncodedScores = Readonly<Record<string, string>>;

interface Field {
  readonly type: typeof Float64Array | typeof Uint8Array | typeof Int32Array;
  /** Whether an element makes sense. */
  fits(element: number): boolean;
}

const FLAG: Field = { type: Uint8Array, fits: (element) => element <= 1 };
/** Index of a class, or −1 for none. */
const ANSWER: Field = { type: Int32Array, fits: (element) => element >= -1 };
const ANY: Field = { type: Float64Array, fits: () => true };

/** One line for each array of `ImageScores`; the compiler misses one that is not here. */
const FIELDS: Readonly<Record<Exclude<keyof ImageScores, 'count'>, Field>> = {
  rank: {
    type: Float64Array,
    fits: (element) => element === Infinity || (Number.isInteger(element) && element >= 0),
  },
  tied: FLAG,
  answer: ANSWER,
  referenceAnswer: ANSWER,
  referenceRight: FLAG,
  agrees: FLAG,
  divergence: ANY,
  signal: { type: Float64Array, fits: (element) => !(element < 0) },
  noise: { type: Float64Array, fits: (element) => !(element < 0) },
};

type Name = keyof typeof FIELDS;
const NAMES = Object.keys(FIELDS) as Name[];

export function encodeScores(scores: ImageScores): EncodedScores {
  const encoded: Record<string, string> = {};
  for (const name of NAMES) {
    const array = scores[name];
    if (array !== undefined)
      encoded[name] = Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('base64');
  }
  return encoded;
}

/**
 * What `encodeScores` gave. @param like has the arrays that must be there: `emptyScores` of the same images
 * @throws malformed for missing and unknown arrays, other lengths, and elements that make no sense
 */
export function decodeScores(encoded: EncodedScores, like: ImageScores): ImageScores {
  const problems: string[] = [];
  for (const name of Object.keys(encoded))
    if (!Object.hasOwn(FIELDS, name)) problems.push(`unknown scores "${name.slice(0, 40)}"`);
  const scores: Record<string, unknown> = { count: like.count };
  for (const name of NAMES) {
    const [text, expected] = [encoded[name], like[name]];
    scores[name] = undefined;
    if ((text === undefined) !== (expected === undefined))
      problems.push(`scores "${name}" are ${text === undefined ? 'missing' : 'not asked for'}`);
    if (text === undefined || expected === undefined) continue;
    const bytes = Uint8Array.from(Buffer.from(text, 'base64')); // copied, so that it begins at a multiple of 8
    const { type, fits } = FIELDS[name];
    if (bytes.length !== expected.byteLength) {
      problems.push(
        `scores "${name}" have ${bytes.length} bytes, ${like.count} images take ${expected.byteLength}`,
      );
      continue;
    }
    const array = new type(bytes.buffer);
    const wrong = array.findIndex((element: number) => !fits(element));
    if (wrong >= 0) problems.push(`scores "${name}": image ${wrong} has ${array[wrong]}`);
    scores[name] = array;
  }
  if (problems.length > 0) throw new BnnqError('malformed', `an answer of a worker: ${problems.join('; ')}`);
  return scores as unknown as ImageScores;
}
