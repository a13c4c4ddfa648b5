import { BnnqError } from '../../errors.ts';

/** Says what is wrong with a value that came from elsewhere, a sentence each. */
export type Shape = (value: unknown, at: string, problems: string[]) => void;

/** What a message shows of a value that it refuses. */
const SHOWN = 60;

/**
 * The value, which has the shape. @param where begins the message
 * @throws malformed with everything that is wrong with it, the first ten of many
 */
export function expectShape<T>(value: unknown, shape: Shape, where: string): T {
  const problems: string[] = [];
  shape(value, '', problems);
  if (problems.length > 0) {
    const more = problems.length > 10 ? [`and ${problems.length - 10} more`] : [];
    throw new BnnqError('malformed', `${where}: ${[...problems.slice(0, 10), ...more].join('; ')}`);
  }
  return value as T;
}

function shape(expected: string, fits: (value: unknown) => boolean): Shape {
  return (value, at, problems) => {
    if (!fits(value)) problems.push(`${at || 'it'}: expected ${expected}, got ${shown(value)}`);
  };
}

export const flag: Shape = shape('true or false', (value) => typeof value === 'boolean');
export const numeric: Shape = shape('a number', Number.isFinite);
export const hash: Shape = shape(
  'a SHA-256 in hex',
  (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value),
);

export function whole(from: number, to: number = Number.MAX_SAFE_INTEGER): Shape {
  return shape(
    `a whole number from ${from}${to === Number.MAX_SAFE_INTEGER ? ' on' : ` to ${to}`}`,
    (value) => Number.isSafeInteger(value) && (value as number) >= from && (value as number) <= to,
  );
}

export function text(maxLength: number): Shape {
  return shape(
    `text of at most ${maxLength} characters`,
    (value) => typeof value === 'string' && value.length <= maxLength,
  );
}

export function oneOf(...values: readonly (string | number | null)[]): Shape {
  return shape(values.map(String).join(' or '), (value) => (values as unknown[]).includes(value));
}

/** The name of a file in or below a folder, which it cannot leave: no empty parts, `..`, drive or control characters. */
export const fileBelow: Shape = shape(
  'the name of a file below a folder',
  (value) =>
    typeof value === 'string' &&
    value.length <= 1024 &&
    value.split('/').every((part) => /^[^\\:\p{Cc}]{1,255}$/u.test(part) && part !== '.' && part !== '..'),
);

export function nullable(of: Shape): Shape {
  return (value, at, problems) => {
    if (value !== null) of(value, at, problems);
  };
}

export function listOf(of: Shape, from: number, to: number): Shape {
  return (value, at, problems) => {
    if (!Array.isArray(value) || value.length < from || value.length > to)
      problems.push(`${at}: expected a list of ${from} to ${to}, got ${shown(value)}`);
    else for (const [i, one] of value.entries()) of(one, `${at}[${i}]`, problems);
  };
}

/** @param required fields that must be there; @param optional fields that may; others may not */
export function record(
  required: Readonly<Record<string, Shape>>,
  optional: Readonly<Record<string, Shape>> = {},
): Shape {
  return (value, at, problems) => {
    if (!isRecord(value)) {
      problems.push(`${at || 'it'}: expected an object, got ${shown(value)}`);
      return;
    }
    const inside = (name: string): string => (at === '' ? name : `${at}.${name}`);
    for (const [name, of] of Object.entries(required)) of(value[name], inside(name), problems);
    for (const [name, one] of Object.entries(value)) {
      if (Object.hasOwn(required, name)) continue;
      if (Object.hasOwn(optional, name)) optional[name]!(one, inside(name), problems);
      else problems.push(`${inside(name)}: unknown`);
    }
  };
}

/** A record with a shape for every field of a type, some of which may be absent. */
export function recordOf<T>(shapes: Readonly<Record<keyof T, Shape>>, optional: readonly (keyof T)[]): Shape {
  const fields = Object.entries<Shape>(shapes);
  const isOptional = ([name]: [string, Shape]): boolean => optional.includes(name as keyof T);
  return record(
    Object.fromEntries(fields.filter((field) => !isOptional(field))),
    Object.fromEntries(fields.filter(isOptional)),
  );
}

/** One of several records, told by the field `name`. */
export function variants(name: string, kinds: Readonly<Record<string, Shape>>): Shape {
  return (value, at, problems) => {
    const kind = isRecord(value) ? value[name] : undefined;
    if (typeof kind === 'string' && Object.hasOwn(kinds, kind)) kinds[kind]!(value, at, problems);
    else
      problems.push(
        `${at === '' ? '' : `${at}.`}${name}: expected ${Object.keys(kinds).join(' or ')}, got ${shown(kind)}`,
      );
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  const json = JSON.stringify(value) ?? String(value);
  return json.length <= SHOWN ? json : `${json.slice(0, SHOWN)}…`;
}
