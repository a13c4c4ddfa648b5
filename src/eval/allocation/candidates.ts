import { DEFAULTS, type QuantizeSettings, resolveOptions } from '../../quantizers/options.ts';
import type { BasesKind, Fit, LevelKind } from '../../quantizers/scheme.ts';
import { type PointRange, pointsOf } from '../points.ts';
import type { Candidate } from './table.ts';

/**
 * The candidates of a range, every combination that makes sense, as for a sweep; `left` says what was left out and why.
 * @throws option
 */
export function candidatesOf(range: PointRange): { candidates: Candidate[]; left: string[] } {
  const { points, left } = pointsOf(range);
  const candidates = points.map(({ scheme, bits, granularity, fit, levels, zero, bases }) =>
    resolveOptions({
      scheme,
      bits,
      granularity: granularity as Candidate['granularity'],
      fit: fit as Fit,
      levels: levels as LevelKind,
      zero,
      bases: bases as BasesKind | undefined,
    } satisfies QuantizeSettings),
  );
  return { candidates, left };
}

/** `exp3`, `linear4 tensor zero`: scheme and bits, and what is not the default. */
export function candidateName(candidate: Candidate): string {
  const { scheme, bits, granularity, fit, levels, zero, bases } = candidate;
  return [
    `${scheme}${bits}`,
    ...(granularity === DEFAULTS.granularity ? [] : [granularity]),
    ...(fit === DEFAULTS.fit ? [] : [fit]),
    ...(levels === DEFAULTS.levels ? [] : [levels]),
    ...(zero === DEFAULTS.zero ? [] : ['zero']),
    ...(bases === DEFAULTS.bases ? [] : [bases]),
  ].join(' ');
}
