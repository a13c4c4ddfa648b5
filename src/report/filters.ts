import type { Report } from '../eval/types.ts';
import { bitWidths, type Series } from './series.ts';

/**
 * Class names by which the switches of a page hide what belongs to a series (k), a scheme (s) or a granularity (g). The
 * switches are boxes and rules of the style sheet (`:has()`), so they work where scripts do not.
 */
export function seriesTokens({ schemeIndex, granularityIndex }: Series, index: number): string {
  return `k${index} s${schemeIndex} g${granularityIndex}`;
}

/** The same for a bit width. */
export function widthToken(bits: number): string {
  return `b${bits}`;
}

/** Boxes that belong together. */
export interface Switches {
  readonly name: string;
  readonly boxes: readonly { readonly token: string; readonly text: string }[];
}

/** Switches besides those of the series: a kind of setting is there where it has several values and is not what tells the series apart. */
export function switchesOf(report: Report, series: readonly Series[]): Switches[] {
  const by = (name: string, letter: string, values: readonly string[]): Switches[] =>
    values.length < 2 || values.length === series.length
      ? []
      : [{ name, boxes: values.map((text, i) => ({ token: `${letter}${i}`, text })) }];
  const valuesOf = (name: 'scheme' | 'granularity'): string[] => [
    ...new Set(report.points.map((point) => point[name])),
  ];
  const widths = bitWidths(report);
  return [
    ...by('Scheme', 's', valuesOf('scheme')),
    ...by('Granularity', 'g', valuesOf('granularity')),
    ...(widths.length < 2
      ? []
      : [
          {
            name: 'Bits',
            boxes: widths.map((bits) => ({ token: widthToken(bits), text: String(bits) })),
          },
        ]),
  ];
}

/** One rule a box: while it is not ticked, what has its class is hidden, but not its own label. */
export function switchRules(report: Report, series: readonly Series[]): string {
  const tokens = [
    ...series.map((_, i) => `k${i}`),
    ...switchesOf(report, series).flatMap(({ boxes }) => boxes.map(({ token }) => token)),
  ];
  return tokens
    .map((token) => `main:has(#show-${token}:not(:checked)) .${token} { display: none; }`)
    .join('\n');
}
