import type { PointSettings, SweepPoint } from '../src/index.ts';
import { plural } from './terminal/format.ts';
import { table } from './terminal/table.ts';

/** What a point is judged by: its top-1, or its agreement with the float model where there are no labels. */
export type Value = (point: SweepPoint) => number | null;

/** `exp, channel, 3 bits`: a point in words. */
export function pointName(point: PointSettings): string {
  return [...seriesName(point), plural(point.bits, 'bit')].join(', ');
}

/** Scheme, granularity, and what is not the default. */
export function seriesName(point: PointSettings): string[] {
  const { scheme, granularity, fit, levels, zero, bases, method, repairs = [], actBits, actRange } = point;
  return [
    scheme,
    granularity,
    ...(fit === 'correlation' ? [] : [fit]),
    ...(levels === 'geometric' ? [] : [levels]),
    ...(zero ? ['zero'] : []),
    ...(bases === undefined ? [] : [bases]),
    ...(method === 'rtn' ? [] : [method]),
    ...(repairs.length === 0 ? [] : [repairs.join('+')]),
    ...(actBits === undefined ? [] : [`activations ${actBits}${actRange === 'dynamic' ? ' dynamic' : ''}`]),
  ];
}

/** The widths that occur, ascending. */
export function widthsOf(points: readonly PointSettings[]): number[] {
  return [...new Set(points.map(({ bits }) => bits))].toSorted((a, b) => a - b);
}

/** Points that differ in bits alone, by the name that they share. */
export function bySeries<P extends PointSettings>(points: readonly P[]): Map<string, P[]> {
  const series = new Map<string, P[]>();
  for (const point of points) {
    const name = seriesName(point).join(' ');
    series.set(name, [...(series.get(name) ?? []), point]);
  }
  return series;
}

/** The best point, the smaller one of equals; undefined where there is none. */
export function bestOf(points: readonly SweepPoint[], of: Value): SweepPoint | undefined {
  return points.toSorted((a, b) => (of(b) ?? 0) - (of(a) ?? 0) || a.packedBytes - b.packedBytes)[0];
}

/** Series by width. A point that has no value shows as `missing`, one that is not wanted as nothing. */
export function matrix(
  wanted: readonly PointSettings[],
  find: (point: PointSettings) => number | null | undefined,
  options: {
    readonly name: string;
    readonly missing: string;
    readonly width: number;
    readonly style?: (text: string) => string;
  },
): string {
  const widths = widthsOf(wanted);
  const rows = [...bySeries(wanted)].map(([name, points]) => [
    name,
    ...widths.map((bits) => {
      const point = points.find((one) => one.bits === bits);
      return point === undefined ? '' : (find(point)?.toFixed(2) ?? options.missing);
    }),
  ]);
  const columns = [
    { head: options.name, align: 'left' as const, shrinks: true },
    ...widths.map((bits) => ({ head: plural(bits, 'bit') })),
  ];
  return table(columns, rows, options.width, options.style);
}
