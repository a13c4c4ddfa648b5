import { BnnqError } from '../errors.ts';

/**
 * An equation with its ellipses written out: the labels of every axis of every operand and of the result. The axes of an
 * ellipsis are labelled from its end (`…0` is its last), so that they pair up as broadcasting does.
 */
export interface Equation {
  readonly operands: readonly (readonly string[])[];
  readonly result: readonly string[];
}

const LABEL = /^[A-Za-z]$/;

/**
 * Reads `term,term->term` for operands of the given ranks; without `->` the result has the ellipsis and then, in the order
 * of ASCII, the labels that occur once.
 * @throws malformed for other characters, mismatch for terms that do not fit the operands
 */
export function parseEquation(text: string, ranks: readonly number[]): Equation {
  const wrong = (what: string): BnnqError => new BnnqError('malformed', `equation "${text}": ${what}`);
  const [left = '', right, ...more] = text.replaceAll(' ', '').split('->');
  if (more.length > 0) throw wrong('more than one "->"');
  const terms = left.split(',');
  if (terms.length !== ranks.length)
    throw new BnnqError('mismatch', `equation "${text}": ${terms.length} terms for ${ranks.length} operands`);
  let widest = 0;
  const operands = terms.map((term, i) => {
    const parts = partsOf(term, wrong);
    const named = parts.before.length + parts.after.length;
    const extra = ranks[i]! - named;
    if (extra < 0 || (extra > 0 && !parts.isOpen))
      throw new BnnqError(
        'mismatch',
        `equation "${text}": term "${term}" for an operand of ${ranks[i]} axes`,
      );
    if (parts.isOpen) widest = Math.max(widest, extra);
    return [...parts.before, ...ellipsis(extra), ...parts.after];
  });
  const result = right === undefined ? implicitResult(operands, widest) : undefined;
  if (result !== undefined) return { operands, result };
  const parts = partsOf(right!, wrong);
  if (widest > 0 && !parts.isOpen)
    throw new BnnqError('unsupported', `equation "${text}": a sum over the axes of an ellipsis`);
  const explicit = [...parts.before, ...(parts.isOpen ? ellipsis(widest) : []), ...parts.after];
  const known = new Set(operands.flat());
  if (new Set(explicit).size !== explicit.length) throw wrong('a label occurs twice in the result');
  const unknown = explicit.find((label) => !known.has(label));
  if (unknown !== undefined) throw wrong(`label "${unknown}" of the result is in no term`);
  return { operands, result: explicit };
}

function ellipsis(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `…${count - 1 - i}`);
}

function partsOf(
  term: string,
  wrong: (what: string) => BnnqError,
): { before: string[]; after: string[]; isOpen: boolean } {
  const [before = '', after, ...more] = term.split('...');
  if (more.length > 0) throw wrong(`more than one ellipsis in "${term}"`);
  const labels = [...before, ...(after ?? '')];
  const odd = labels.find((label) => !LABEL.test(label));
  if (odd !== undefined) throw wrong(`expected letters, got "${odd}"`);
  return { before: [...before], after: [...(after ?? '')], isOpen: after !== undefined };
}

function implicitResult(operands: readonly (readonly string[])[], widest: number): string[] {
  const counts = new Map<string, number>();
  for (const label of operands.flat()) counts.set(label, (counts.get(label) ?? 0) + 1);
  const once = [...counts].flatMap(([label, count]) => (count === 1 && LABEL.test(label) ? [label] : []));
  return [...ellipsis(widest), ...once.sort()];
}
