import { type QuantizeSettings, resolveOptions } from '../../quantizers/options.ts';
import { parseScheme } from '../../quantizers/registry.ts';
import type { BasesKind, Fit, LevelKind } from '../../quantizers/scheme.ts';
import { type PointRange, pointsOf } from '../points.ts';
import type { Candidate } from './table.ts';

/**
 * The candidates of a range, every combination that makes sense, as for a sweep; `left` says what was left out and why.
 * A scheme that stands for a choice of others (`auto`) gives theirs, each once, those that are larger than others of the same width
 * included.
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
  const single = candidates.flatMap((one) => {
    const scheme = parseScheme(one.scheme);
    return [...(scheme.candidates?.(one) ?? [one]), ...(scheme.largerCandidates?.(one) ?? [])];
  });
  return { candidates: [...new Map(single.map((one) => [JSON.stringify(one), one])).values()], left };
}

/**
 * Widths to choose from where so many bits a weight are the target: one below it, for layers that do not mind, to two above
 * it, for those that do.
 */
export function widthsAround(bitsPerWeight: number): number[] {
  const from = Math.min(Math.max(1, Math.floor(bitsPerWeight) - 1), 8);
  const to = Math.max(from, Math.min(8, Math.ceil(bitsPerWeight) + 2));
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
