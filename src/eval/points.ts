import { BnnqError } from '../errors.ts';
import { type ActivationRange, DEFAULT_RANGE, rangeConflict } from '../quantizers/activations/range.ts';
import type { Repair } from '../quantizers/calibrate/repair.ts';
import { DEFAULTS, parseGranularity } from '../quantizers/options.ts';
import { parseScheme } from '../quantizers/registry.ts';
import type { BasesKind, Fit, LevelKind, Scheme } from '../quantizers/scheme.ts';
import type { Method } from './calibration/calibrate.ts';
import type { PointSettings } from './types.ts';

/** What a sweep tries: every combination that makes sense. */
export interface PointRange {
  readonly schemes: readonly string[];
  readonly bits: readonly number[];
  /** `channel` when absent. */
  readonly granularities?: readonly string[];
  /** `correlation` when absent. */
  readonly fits?: readonly Fit[];
  /** `geometric` when absent. */
  readonly levels?: readonly LevelKind[];
  /** `false` when absent. */
  readonly zero?: readonly boolean[];
  /** How `binary` finds its bases; `joint` when absent. */
  readonly bases?: BasesKind;
  /** `rtn` when absent. */
  readonly methods?: readonly Method[];
  /** What is done behind layers; nothing when absent. */
  readonly repairs?: readonly Repair[];
  /** Of method gptq; found for each layer when absent. */
  readonly ridge?: number | undefined;
  /** Bits of activations; null stands for float, and is all when absent. */
  readonly actBits?: readonly (number | null)[];
  readonly actRange?: ActivationRange;
}

/** Points, and the combinations that were left out, with the reason, a sentence each. */
export interface Points {
  readonly points: PointSettings[];
  readonly left: string[];
}

/**
 * The combinations in the order method, bits of activations, scheme, granularity, fit, levels, zero, bits. Where a scheme has only one choice it is
 * taken, whatever was asked for (ternary has 2 bits, binary no zero level), and what comes out the same is listed once.
 * @throws option (unknown names, widths outside 1 … 8, nothing left to try)
 */
export function pointsOf(range: PointRange): Points {
  for (const bits of range.bits)
    if (!Number.isInteger(bits) || bits < 1 || bits > 8)
      throw new BnnqError('option', `bits: expected whole numbers from 1 to 8, got ${bits}`);
  const points = new Map<string, PointSettings>();
  const left = new Set<string>();
  const activations = range.actBits ?? [null];
  for (const bits of activations)
    if (bits !== null && (!Number.isInteger(bits) || bits < 1 || bits > 8))
      throw new BnnqError('option', `bits of activations: expected whole numbers from 1 to 8, got ${bits}`);
  const misfits = activations.flatMap((bits) => (bits !== null && rangeConflict(range.actRange, bits)) || []);
  if (misfits.length > 0) throw new BnnqError('option', misfits.join('; '));
  const ways = (range.methods ?? ['rtn']).flatMap((method) =>
    activations.map((actBits) => ({ method, actBits })),
  );
  for (const [name, { method, actBits }] of ways.flatMap((way) =>
    range.schemes.map((one) => [one, way] as const),
  )) {
    const scheme = parseScheme(name);
    for (const granularity of range.granularities ?? [DEFAULTS.granularity])
      for (const fit of range.fits ?? [DEFAULTS.fit])
        for (const levels of range.levels ?? [DEFAULTS.levels])
          for (const zero of range.zero ?? [DEFAULTS.zero])
            for (const bits of widthsOf(scheme, range.bits)) {
              const point = {
                scheme: name,
                bits,
                granularity: parseGranularity(granularity),
                method,
                fit: scheme.fits.includes(fit) ? fit : scheme.fits[0]!,
                levels: scheme.choices.includes('levels') ? levels : DEFAULTS.levels,
                zero: scheme.choices.includes('zero') ? zero : DEFAULTS.zero,
                ...(range.repairs !== undefined && range.repairs.length > 0 && { repairs: range.repairs }),
                ...(method === 'gptq' && range.ridge !== undefined && { ridge: range.ridge }),
                ...(actBits !== null && { actBits, actRange: range.actRange ?? DEFAULT_RANGE }),
              };
              const bases = scheme.choices.includes('bases')
                ? (range.bases ?? DEFAULTS.bases)
                : DEFAULTS.bases;
              const problems = scheme.problems?.({ ...point, bases }) ?? [];
              const settings = bases === DEFAULTS.bases ? point : { ...point, bases };
              if (problems.length === 0) points.set(JSON.stringify(settings), settings);
              for (const problem of problems) left.add(problem);
            }
  }
  if (points.size === 0) throw new BnnqError('option', ['there is no point to try', ...left].join('; '));
  return { points: [...points.values()], left: [...left] };
}

/** The widths asked for that the scheme has; its own where it has only one. */
function widthsOf(scheme: Scheme, bits: readonly number[]): readonly number[] {
  const { from, to } = scheme.bits;
  return from === to ? [from] : bits.filter((width) => width >= from && width <= to);
}
