import { join } from 'node:path';
import type { Report, SweepPoint } from '../src/index.ts';
import { bestOf, bySeries, matrix, pointName, seriesName, type Value, widthsOf } from './sweep-points.ts';
import { chart } from './terminal/chart.ts';
import { coloursFor, isTerminal } from './terminal/colour.ts';
import { formatBytes, grouped, interval, percent, plural, printable, signed } from './terminal/format.ts';
import { outputWidth } from './terminal/output.ts';
import { table } from './terminal/table.ts';

/** Columns and lines of the picture of a sweep, so that it fits on a screen with the table above it. */
const CHART_WIDTH = 96;
const CHART_HEIGHT = 16;

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
    matrix(report.points, (point) => of(point as SweepPoint), {
      name: labelled ? 'top-1, %' : 'agreement, %',
      missing: '–',
      width: outputWidth(),
      style: bold,
    }),
    ...curveText(report, of),
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

/** Top-1 over bits, for a person at a terminal; nothing elsewhere, nor where there is no curve. */
function curveText(report: Report, of: Value): string[] {
  const widths = widthsOf(report.points);
  if (!isTerminal(process.stdout) || widths.length < 2) return [];
  const labelled = report.float.top1 !== null;
  const lines = chart({
    title: `${labelled ? 'top-1' : 'agreement'} in percent, by bits a weight`,
    ticks: widths.map(String),
    series: [...bySeries(report.points)].map(([name, points]) => ({
      name,
      values: widths.map((bits) => {
        const point = points.find((one) => one.bits === bits);
        return point === undefined ? null : of(point);
      }),
    })),
    reference: { name: 'float', value: report.float.top1 ?? 100 },
    width: Math.min(outputWidth(), CHART_WIDTH),
    height: CHART_HEIGHT,
  });
  return lines === undefined ? [] : [lines.join('\n')];
}

function bestTable(report: Report, of: Value, bold: (text: string) => string): string {
  const labelled = report.float.top1 !== null;
  const rows = widthsOf(report.points).map((bits) => {
    const best = bestOf(
      report.points.filter((point) => point.bits === bits),
      of,
    )!;
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
