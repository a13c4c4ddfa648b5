import { BnnqError } from '../../errors.ts';
import type { Call, Operator } from '../call.ts';
import { numbersOf, shapeText } from '../shapes.ts';
import type { OperatorTable } from './operator-table.ts';

/** The n-grams to count: for each, written as text, the column that it is counted in. */
interface Grams {
  readonly columnOf: ReadonlyMap<string, number>;
  readonly columns: number;
}

function gramsOf(call: Call, smallest: number, largest: number): Grams {
  const pool = call.ints('pool_int64s');
  if (pool === undefined || call.hasAttribute('pool_strings'))
    throw new BnnqError('unsupported', 'TfIdfVectorizer of strings');
  const starts = call.ints('ngram_counts') ?? [];
  const columns = call.ints('ngram_indexes') ?? [];
  const columnOf = new Map<string, number>();
  let id = 0;
  starts.forEach((start, i) => {
    const size = i + 1;
    const end = starts[i + 1] ?? pool.length;
    for (let at = start; at + size <= end; at += size, id++) {
      const column = columns[id];
      if (column === undefined || column < 0)
        throw new BnnqError(
          'malformed',
          `n-gram ${id} has no place among the ${columns.length} ngram_indexes`,
        );
      const key = pool.slice(at, at + size).join();
      if (size >= smallest && size <= largest && !columnOf.has(key)) columnOf.set(key, column);
    }
  });
  return { columnOf, columns: columns.reduce((most, column) => Math.max(most, column + 1), 0) };
}

/** How often each n-gram occurs in a row, with up to `max_skip_count` elements skipped between neighbours; single elements count once. */
const tfIdf: Operator = (call) => {
  const x = call.input(0);
  const smallest = call.int('min_gram_length', 1);
  const largest = call.int('max_gram_length', 1);
  const skips = call.int('max_skip_count', 0);
  const mode = call.text('mode', 'TF');
  if (x.dtype === 'STRING') throw new BnnqError('unsupported', 'TfIdfVectorizer of strings');
  if (!['TF', 'IDF', 'TFIDF'].includes(mode))
    throw new BnnqError('unsupported', `TfIdfVectorizer in mode "${mode}"`);
  if (x.shape.length > 2 || smallest < 1 || largest < smallest || skips < 0)
    throw new BnnqError(
      'mismatch',
      `n-grams of ${smallest} to ${largest} elements in shape ${shapeText(x.shape)}`,
    );
  const grams = call.memo(() => gramsOf(call, smallest, largest));
  const weights = mode === 'TF' ? undefined : call.ints('weights');
  // Weights go with the n-grams of the pool in the standard, with the columns in its implementations.
  if (weights !== undefined && !(call.ints('ngram_indexes') ?? []).every((column, i) => column === i))
    throw new BnnqError(
      'unsupported',
      'TfIdfVectorizer with weights and columns in another order than the n-grams',
    );
  const values = numbersOf(x);
  const length = x.shape.length === 0 ? 1 : x.shape.at(-1)!;
  const rows = x.shape.length === 2 ? x.shape[0]! : 1;
  const { columnOf, columns } = grams;
  const y = call.allocate('FLOAT', x.shape.length === 2 ? [rows, columns] : [columns]);
  const to = y.data as Float32Array;
  to.fill(0);
  for (let row = 0; row < rows; row++)
    for (let step = 1; step <= Math.min(skips + 1, length); step++)
      for (let start = 0; start < length; start++) {
        let key = '';
        for (let size = 1; size <= largest; size++) {
          const at = start + (size - 1) * step;
          if (at >= length) break;
          key += `${size > 1 ? ',' : ''}${values[row * length + at]!}`;
          const column = columnOf.get(key);
          if (column !== undefined && size >= smallest && (size > 1 || step === 1))
            to[row * columns + column]!++;
        }
      }
  if (mode === 'TF') return y;
  for (let i = 0; i < to.length; i++) {
    const count = mode === 'IDF' ? Math.min(to[i]!, 1) : to[i]!;
    to[i] = count * (weights?.[i % columns] ?? 1);
  }
  return y;
};

export const VECTORIZERS: OperatorTable = { TfIdfVectorizer: { 9: tfIdf } };
