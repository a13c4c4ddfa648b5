import { join } from 'node:path';
import type { PointSettings, Report, SweepPoint } from '../src/index.ts';
import { coloursFor } from './terminal/colour.ts';
import { formatBytes, grouped, interval, percent, plural, printable, signed } from './terminal/format.ts';
import { outputWidth } from './terminal/output.ts';
import { table } from './terminal/table.ts';

/** `exp, channel, 3 bits`: a point in words. */
export function pointName(point: PointSettings): string {
  return [...seriesName(point), plural(point.bits, 'bit')].join(', ');
}

/** The result of a sweep for a person: scheme by width, then the best of each width, then where the report is. */
export function sweepText(report: Report, folder: string): string {
  const { bold, dim } = coloursFor(process.stdout);
  const labelled = report.float.top1 !== null;
  const of = (point: SweepPoint): number | null => (labelled ? point.top1 : point.agreement);
  const float = labelled
    ? `float  top-1 ${percent(report.float.top1)} ${interval(report.float.top1Interval)} on ${plural(report.dataset.count, 'image')}, ${formatBytes(report.model.byteLength)}`
    : `agreement with the float model on ${plural(report.dataset.count, 'sample')} without labels, ${formatBytes(report.model.byteLength)}`;
  const failures = (report.failures ?? []).map(
    (point) => `not scored: ${pointName(point)}: ${printable(point.message)}`,
  );
  return [
    float,
    matrix(report, of, bold),
    bestTable(report, of, bold),
    ...chanceText(report),
    ...(failures.length > 0 ? [failures.join('\n')] : []),
    dim(`report: ${printable(join(folder, 'report.html'))} (and .md, .csv, .json)`),
  ].join('\n\n');
}

/** Points whose interval reaches down to guessing. */
function chanceText({ points, dataset }: Report): string[] {
  const { classes } = dataset;
  if (classes === null || classes === undefined || classes < 2) return [];
  const guessing = points.filter(
    ({ top1Interval }) => top1Interval !== null && top1Interval[0] <= 100 / classes,
  );
  if (guessing.length === 0) return [];
  const names = guessing.length > 6 ? plural(guessing.length, 'point') : guessing.map(pointName).join('; ');
  return [`at chance level (${percent(100 / classes)}): ${names}`];
}

type Value = (point: SweepPoint) => number | null;

function matrix(report: Report, of: Value, bold: (text: string) => string): string {
  const widths = widthsOf(report);
  const series = new Map<string, SweepPoint[]>();
  for (const point of report.points) {
    const name = seriesName(point).join(' ');
    series.set(name, [...(series.get(name) ?? []), point]);
  }
  const rows = [...series].map(([name, points]) => [
    name,
    ...widths.map((bits) => {
      const point = points.find((one) => one.bits === bits);
      return point === undefined ? '' : (of(point)?.toFixed(2) ?? '–');
    }),
  ]);
  const name = report.float.top1 === null ? 'agreement, %' : 'top-1, %';
  const columns = [
    { head: name, align: 'left' as const, shrinks: true },
    ...widths.map((bits) => ({ head: plural(bits, 'bit') })),
  ];
  return table(columns, rows, outputWidth(), bold);
}

function bestTable(report: Report, of: Value, bold: (text: string) => string): string {
  const labelled = report.float.top1 !== null;
  const rows = widthsOf(report).map((bits) => {
    const best = report.points
      .filter((point) => point.bits === bits)
      .toSorted((a, b) => (of(b) ?? 0) - (of(a) ?? 0) || a.packedBytes - b.packedBytes)[0]!;
    return [
      String(bits),
      seriesName(best).join(' '),
      of(best)?.toFixed(2) ?? '–',
      ...(labelled ? [interval(best.top1Interval), signed((best.top1 ?? 0) - report.float.top1!)] : []),
      grouped(best.packedBytes),
      `${(report.model.byteLength / best.packedBytes).toFixed(2)}×`,
    ];
  });
  const columns = [
    { head: 'bits' },
    { head: 'best', align: 'left' as const, shrinks: true },
    { head: labelled ? 'top-1, %' : 'agreement, %' },
    ...(labelled ? [{ head: '95 %' }, { head: 'to float' }] : []),
    { head: 'bytes' },
    { head: 'smaller' },
  ];
  return table(columns, rows, outputWidth(), bold);
}

function widthsOf(report: Report): number[] {
  return [...new Set(report.points.map(({ bits }) => bits))].toSorted((a, b) => a - b);
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
