import { BnnqError, throwIfAny } from '../errors.ts';
import type { Granularity } from '../ir/quantized-tensor.ts';
import { parseScheme, SCHEME_NAMES } from './registry.ts';
import type { BasesKind, Fit, FitOptions, LevelKind } from './scheme.ts';

/** How a weight is discretized. */
export interface QuantizeOptions extends FitOptions {
  /** Name of a scheme of the registry. */
  readonly scheme: string;
  readonly granularity: Granularity;
}

/** What is taken where nothing is said; scheme and bits must be said. */
export const DEFAULTS: Omit<QuantizeOptions, 'scheme' | 'bits'> = {
  granularity: 'channel',
  fit: 'correlation',
  levels: 'geometric',
  zero: false,
  bases: 'joint',
};

/** Options as a caller writes them. */
export type QuantizeSettings = Pick<QuantizeOptions, 'scheme' | 'bits'> & {
  readonly [key in keyof typeof DEFAULTS]?: QuantizeOptions[key] | undefined;
};

const FITS: readonly Fit[] = ['correlation', 'max-range'];
const LEVEL_KINDS: readonly LevelKind[] = ['geometric', 'cells'];
const BASES_KINDS: readonly BasesKind[] = ['joint', 'greedy', 'centred'];

/** Most bits of a code; a code is a byte. */
const MOST_BITS = 8;

/**
 * The options with the defaults filled in.
 * @throws option, with everything that is wrong with them
 */
export function resolveOptions(settings: QuantizeSettings): QuantizeOptions {
  const options = { ...DEFAULTS } as QuantizeOptions;
  for (const [key, value] of Object.entries(settings))
    if (value !== undefined) Object.assign(options, { [key]: value });
  throwIfAny(problemsOf(options).map((problem) => new BnnqError('option', problem)));
  return options;
}

/** `tensor`, `channel` or `group:N`. @throws option */
export function parseGranularity(text: string): Granularity {
  if (!isGranularity(text)) throw new BnnqError('option', granularityProblem(text));
  return text;
}

/** Columns that share a level table; see QuantizedTensor. */
export function groupSizeOf(granularity: Granularity, rows: number, columns: number): number {
  if (granularity === 'tensor') return rows * columns;
  return granularity === 'channel' ? columns : Number(granularity.slice('group:'.length));
}

function isGranularity(text: unknown): text is Granularity {
  if (text === 'tensor' || text === 'channel') return true;
  const match = /^group:([1-9]\d*)$/.exec(String(text));
  return match !== null && Number.isSafeInteger(Number(match[1]));
}

function granularityProblem(text: unknown): string {
  return `granularity: expected tensor, channel or group:N with N from 1 on, got "${text}"`;
}

function problemsOf(options: QuantizeOptions): string[] {
  const problems: string[] = [];
  const { bits, granularity, zero } = options;
  const known = SCHEME_NAMES.includes(options.scheme);
  if (!known) problems.push(`scheme: expected ${SCHEME_NAMES.join(', ')}, got "${options.scheme}"`);
  const bitsInRange = Number.isInteger(bits) && bits >= 1 && bits <= MOST_BITS;
  if (!bitsInRange) problems.push(`bits: expected a whole number from 1 to ${MOST_BITS}, got ${bits}`);
  if (!isGranularity(granularity)) problems.push(granularityProblem(granularity));
  const choice = (what: 'fit' | 'levels' | 'bases', allowed: readonly string[]): void => {
    if (!allowed.includes(options[what]))
      problems.push(`${what}: expected ${allowed.join(' or ')}, got "${options[what]}"`);
  };
  choice('fit', FITS);
  choice('levels', LEVEL_KINDS);
  choice('bases', BASES_KINDS);
  if (typeof zero !== 'boolean') problems.push(`zero: expected true or false, got ${zero}`);
  return known ? [...problems, ...schemeProblems(options, bitsInRange)] : problems;
}

function schemeProblems(options: QuantizeOptions, bitsInRange: boolean): string[] {
  const problems: string[] = [];
  const { bits } = options;
  const scheme = parseScheme(options.scheme);
  const { from, to } = scheme.bits;
  if (bitsInRange && (bits < from || bits > to))
    problems.push(
      `scheme ${scheme.name}: expected ${from === to ? `${from}` : `${from} to ${to}`} bits, got ${bits}`,
    );
  if (FITS.includes(options.fit) && !scheme.fits.includes(options.fit))
    problems.push(`scheme ${scheme.name}: expected the fit ${scheme.fits.join(' or ')}, got ${options.fit}`);
  for (const name of ['zero', 'levels', 'bases'] as const)
    if (options[name] !== DEFAULTS[name] && !scheme.choices.includes(name))
      problems.push(`scheme ${scheme.name} has no option ${name}, got ${name} ${options[name]}`);
  if (problems.length === 0 && bitsInRange) problems.push(...(scheme.problems?.(options) ?? []));
  return problems;
}
