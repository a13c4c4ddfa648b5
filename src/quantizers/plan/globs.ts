import picomatch from 'picomatch';
import { BnnqError } from '../../errors.ts';

/** Names that a pattern may match: of an initializer and of the node that it is a weight of. */
export type Names = readonly string[];

/** Which weights patterns choose. */
export interface Choice {
  /** Why the weight of these names is left out; undefined if it is not. */
  reason(names: Names): string | undefined;
  /** The patterns that matched none of the names asked for, an error each. */
  unmatched(): BnnqError[];
}

/**
 * Glob patterns on names. `*` runs over slashes as well, for the names of nodes are no paths; `?`, `[…]` and `{a,b}` are
 * as usual. With `include`, only what one of its patterns matches is taken; `exclude` has the last word.
 */
export function choiceOf(include: readonly string[], exclude: readonly string[]): Choice {
  const included = include.map(patternOf);
  const excluded = exclude.map(patternOf);
  return {
    reason(names) {
      // No short cut: each pattern must get to know all names to tell whether it matched any.
      const inside = included.filter((pattern) => pattern.matches(names));
      const outside = excluded.filter((pattern) => pattern.matches(names));
      if (outside[0] !== undefined) return `excluded by "${outside[0].text}"`;
      return included.length > 0 && inside.length === 0 ? 'not included by any pattern' : undefined;
    },
    unmatched: () => [...problems('include', included), ...problems('exclude', excluded)],
  };
}

interface Pattern {
  readonly text: string;
  matched: boolean;
  matches(names: Names): boolean;
}

function patternOf(text: string): Pattern {
  const test = picomatch(text, { bash: true, dot: true });
  const pattern: Pattern = {
    text,
    matched: false,
    matches(names) {
      const found = names.some((name) => name === text || test(name));
      pattern.matched ||= found;
      return found;
    },
  };
  return pattern;
}

function problems(option: string, patterns: readonly Pattern[]): BnnqError[] {
  return patterns
    .filter(({ matched }) => !matched)
    .map(
      ({ text }) =>
        new BnnqError(
          'option',
          `${option}: the pattern "${text}" matches no weight and no node that has one`,
        ),
    );
}
