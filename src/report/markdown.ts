import type { Report, SweepPoint } from '../eval/types.ts';
import { markdownBlock, markdownCode, markdownText } from './escape.ts';
import { baseName, bytes, grouped, interval, percent, plural, shellLine, signed, times } from './format.ts';
import { notes } from './notes.ts';
import {
  bestAt,
  bitWidths,
  type Headline,
  headlineOf,
  pointLabel,
  type Series,
  seriesOf,
  sharedText,
  smallestWithin,
} from './series.ts';

/** `report.md`: what a reviewer reads in a pull-request comment. GitHub-flavoured Markdown; nothing in it links or mentions. */
export function reportMarkdown(report: Report): string {
  const headline = headlineOf(report);
  const series = seriesOf(report);
  const parts = [
    `### ${markdownCode(baseName(report.model.file))} at ${widthsText(report)}`,
    summary(report, headline, series),
    ...(report.points.length === 0
      ? []
      : [matrix(report, headline, series), bestTable(report, headline, series)]),
    notes(report, headline, series)
      .map((note) => `- ${markdownText(note)}`)
      .join('\n'),
    provenance(report),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function widthsText(report: Report): string {
  const widths = bitWidths(report);
  if (widths.length === 0) return 'no bit width yet';
  return widths.length === 1 ? plural(widths[0]!, 'bit') : `${widths[0]}–${widths.at(-1)} bits`;
}

function summary(report: Report, headline: Headline, series: readonly Series[]): string {
  const { float, dataset } = report;
  const first =
    float.top1 === null
      ? `Agreement with the float model on ${plural(dataset.count, 'input')} without labels.`
      : `Float top-1 **${percent(float.top1)}** ${float.top1Interval === null ? '' : interval(float.top1Interval)} on ${plural(dataset.count, 'image')}.`;
  if (report.points.length === 0) return `${first} No point is finished.`;
  const smallest = smallestWithin(report, headline, 1);
  const second =
    smallest === undefined
      ? 'No point comes within 1 point of float.'
      : `Smallest within 1 point of float: **${labelOf(series, smallest)}**, ${percent(headline.of(smallest)!)} (${signed(headline.of(smallest)! - headline.float)}), ${bytes(smallest.packedBytes)}, ${times(report.model.byteLength / smallest.packedBytes)} smaller.`;
  return `${first} ${second} ${markdownText(sharedText(report))}`.trimEnd();
}

function matrix(report: Report, headline: Headline, series: readonly Series[]): string {
  const widths = bitWidths(report);
  const best = new Set(widths.map((bits) => bestAt(report, headline, bits)));
  const rows = series.map(({ label, points }) => [
    markdownText(label),
    ...widths.map((bits) => {
      const point = points.find((candidate) => candidate.bits === bits);
      const value = point === undefined ? null : headline.of(point);
      if (point === undefined || value === null) return '';
      const text = `${value.toFixed(2)} (${signed(value - headline.float, 1)})`;
      return best.has(point) ? `**${text}**` : text;
    }),
  ]);
  return table([`${headline.name}, % (against float)`, ...widths.map((bits) => plural(bits, 'bit'))], rows);
}

function bestTable(report: Report, headline: Headline, series: readonly Series[]): string {
  const isCompressed = report.points.some(({ compressedBytes }) => compressedBytes !== undefined);
  const rows = bitWidths(report).flatMap((bits) => {
    const point = bestAt(report, headline, bits);
    if (point === undefined) return [];
    const value = headline.of(point)!;
    const range = headline.interval(point);
    return [
      [
        String(bits),
        labelOf(series, point).replace(/ · \d+ bits?$/, ''),
        value.toFixed(2),
        ...(headline.name === 'top-1' ? [range === null ? '–' : interval(range)] : []),
        signed(value - headline.float),
        bytes(point.packedBytes),
        times(report.model.byteLength / point.packedBytes),
        ...(isCompressed ? [bytes(point.compressedBytes)] : []),
      ],
    ];
  });
  return table(
    [
      'bits',
      `best by ${headline.name}`,
      `${headline.name}, %`,
      ...(headline.name === 'top-1' ? ['95 %'] : []),
      'against float',
      'size on disk',
      'smaller',
      ...(isCompressed ? ['compressed'] : []),
    ],
    rows,
  );
}

function labelOf(series: readonly Series[], point: SweepPoint): string {
  return markdownText(pointLabel(series.find(({ points }) => points.includes(point))!, point));
}

function provenance(report: Report): string {
  const { model, dataset, machine, tool } = report;
  const lines = [
    ...(report.command === null ? [] : [markdownBlock(shellLine(report.command)), '']),
    `- model: ${markdownCode(model.file)}, ${markdownText(model.format)}, ${bytes(model.byteLength)}, ${grouped(model.parameters)} parameters of which ${grouped(model.quantizedWeights)} discretized, sha256 ${markdownCode(model.sha256)}`,
    `- data: ${markdownCode(dataset.spec)}, ${plural(dataset.count, 'image')}, fingerprint ${markdownCode(dataset.fingerprint)}`,
    `- preprocessing: ${dataset.preprocess === null ? 'none' : markdownCode(JSON.stringify(dataset.preprocess))}`,
    `- tool: ${tool.name} ${markdownText(tool.version)} on Node ${markdownText(machine.node)}, ${markdownCode(machine.cpu)}, ${plural(machine.cores, 'core')}, ${markdownText(machine.platform)}; ${markdownText(report.created)}`,
  ];
  return `<details><summary>How this was made</summary>\n\n${lines.join('\n')}\n\n</details>`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = head.map((name, i) =>
    i === 0 && name !== 'bits' ? '---' : name.startsWith('best') ? '---' : '---:',
  );
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}
