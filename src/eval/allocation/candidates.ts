import { type QuantizeSettings, resolveOptions } from '../../quantizers/options.ts';
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
