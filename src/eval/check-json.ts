import { BnnqError, throwIfAny } from '../errors.ts';
import { readFileBytes } from '../formats/file.ts';
import { checkJsonDepth } from '../formats/json-depth.ts';

/** What of all that is wrong is told. */
const MAX_PROBLEMS = 20;

/** Characters of a value that a message repeats. */
const MAX_SHOWN = 40;

/**
 * JSON from a file that anyone may have written.
 * @param what begins the messages: `report "a/report.json"`
 * @throws not-found, io, limit (too long, too deep), malformed (not JSON)
 */
export function readJson(path: string, what: string, maxBytes: number): unknown {
  const text = new TextDecoder().decode(readFileBytes(path, maxBytes));
  checkJsonDepth(text, what);
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw new BnnqError(
      'malformed',
      `${what} is not JSON: ${(thrown as Error).message}`,
      { file: path },
      thrown,
    );
  }
}

/** Checks of values whose kind is not known yet. What is wrong is collected with its place; a value that can stand for it is returned. */
export interface JsonChecks {
  record(value: unknown, at: string): Readonly<Record<string, unknown>>;
  list(value: unknown, at: string, most: number): readonly unknown[];
  text(value: unknown, at: string): string;
  flag(value: unknown, at: string): boolean;
  number(value: unknown, at: string, from?: number, to?: number): number;
  whole(value: unknown, at: string, from?: number, to?: number): number;
  fail(at: string, expected: string, got: unknown): void;
  /** @throws malformed with all that was found */
  end(): void;
}

export function jsonChecks(what: string): JsonChecks {
  const problems: BnnqError[] = [];
  const fail = (at: string, expected: string, got: unknown): void => {
    if (problems.length < MAX_PROBLEMS)
      problems.push(new BnnqError('malformed', `${what}: ${at}: expected ${expected}, got ${shown(got)}`));
  };
  const within = (from: number, to: number): string =>
    to === Number.POSITIVE_INFINITY ? ` from ${from} on` : ` from ${from} to ${to}`;
  const number = (value: unknown, at: string, from = -Infinity, to = Infinity): number => {
    if (typeof value === 'number' && value >= from && value <= to) return value;
    fail(at, `a number${from === -Infinity ? '' : within(from, to)}`, value);
    return Math.max(0, from);
  };
  return {
    fail,
    number,
    record(value, at) {
      if (typeof value === 'object' && value !== null && !Array.isArray(value))
        return value as Readonly<Record<string, unknown>>;
      fail(at, 'an object', value);
      return {};
    },
    list(value, at, most) {
      if (Array.isArray(value) && value.length <= most) return value as readonly unknown[];
      fail(at, `a list of at most ${most}`, Array.isArray(value) ? `${value.length} items` : value);
      return [];
    },
    text(value, at) {
      if (typeof value === 'string') return value;
      fail(at, 'a text', value);
      return '';
    },
    flag(value, at) {
      if (typeof value === 'boolean') return value;
      fail(at, 'true or false', value);
      return false;
    },
    whole(value, at, from = 0, to = Number.MAX_SAFE_INTEGER) {
      if (Number.isSafeInteger(value)) return number(value, at, from, to);
      fail(at, `a whole number${within(from, to === Number.MAX_SAFE_INTEGER ? Infinity : to)}`, value);
      return from;
    },
    end() {
      throwIfAny(problems);
    },
  };
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? typeof value;
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;
}
