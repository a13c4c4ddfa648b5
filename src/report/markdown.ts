import type { Report, SweepPoint } from '../eval/types.ts';
import { clipped, markdownBlock, markdownCode, markdownText } from './escape.ts';
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

/**
 * A comment of a pull request on GitHub has 65,536 characters at most, and is refused beyond. The limits below keep any report under
 * that: escaping doubles a name and fences triple it at most, so 48 rows of 2 · 160 + 8 · 26 characters, 8 best points of 420, 13
 * notes of 2 · 500 and 20,000 for how it was made are 62,000.
 */
const MAX_SERIES = 48;
const MAX_NAME = 160;
const MAX_NOTES = 12;
const MAX_NOTE = 500;
const MAX_COMMAND = 4000;
const MAX_PREPROCESS = 1000;

/** `report.md`: what a reviewer reads in a pull-request comment. GitHub-flavoured Markdown; nothing in it links or mentions. */
export function reportMarkdown(report: Report): string {
  const headline = headlineOf(report);
  const series = seriesOf(report);
  const parts = [
    `### ${nameCode(baseName(report.model.file))} at ${widthsText(report)}`,
    summary(report, headline, series),
    ...(report.points.length === 0
      ? []
      : [matrix(report, headline, series), bestTable(report, headline, series)]),
    noteList(report, headline, series),
    provenance(report),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function noteList(report: Report, headline: Headline, series: readonly Series[]): string {
  const all = notes(report, headline, series);
  const left = all.length - MAX_NOTES;
  return [
    ...all.slice(0, MAX_NOTES).map((note) => clipped(note, MAX_NOTE)),
    ...(left > 0 ? [`${plural(left, 'more note')}: see report.html.`] : []),
  ]
    .map((note) => `- ${markdownText(note)}`)
    .join('\n');
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
  return `${first} ${second} ${markdownText(clipped(sharedText(report), MAX_NOTE))}`.trimEnd();
}

function matrix(report: Report, headline: Headline, series: readonly Series[]): string {
  const widths = bitWidths(report);
  const best = new Set(widths.map((bits) => bestAt(report, headline, bits)));
  const rows = shownSeries(report, headline, series).map(({ label, points }) => [
    markdownText(clipped(label, MAX_NAME)),
    ...widths.map((bits) => {
      const point = points.find((candidate) => candidate.bits === bits);
      const value = point === undefined ? null : headline.of(point);
      if (point === undefined || value === null) return '';
      const text = `${value.toFixed(2)} (${signed(value - headline.float, 1)})`;
      return best.has(point) ? `**${text}**` : text;
    }),
  ]);
  const left = series.length - rows.length;
  return [
    table([`${headline.name}, % (against float)`, ...widths.map((bits) => plural(bits, 'bit'))], rows),
    ...(left > 0 ? [`${plural(left, 'more row')} in report.html; these have the best points.`] : []),
  ].join('\n\n');
}

/** All series, or those with the best points where there are too many. */
function shownSeries(report: Report, headline: Headline, series: readonly Series[]): readonly Series[] {
  if (series.length <= MAX_SERIES) return series;
  const best = (one: Series): number => Math.max(...one.points.map((point) => headline.of(point) ?? 0));
  const atWidths = new Set(bitWidths(report).map((bits) => bestAt(report, headline, bits)));
  const isBest = (one: Series): number => (one.points.some((point) => atWidths.has(point)) ? 1 : 0);
  const kept = new Set(
    series.toSorted((a, b) => isBest(b) - isBest(a) || best(b) - best(a)).slice(0, MAX_SERIES),
  );
  return series.filter((one) => kept.has(one));
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
  const label = pointLabel(series.find(({ points }) => points.includes(point))!, point);
  return markdownText(clipped(label, MAX_NAME));
}

function provenance(report: Report): string {
  const { model, dataset, machine, tool } = report;
  const lines = [
    ...(report.command === null ? [] : [markdownBlock(clipped(shellLine(report.command), MAX_COMMAND)), '']),
    `- model: ${nameCode(model.file)}, ${nameText(model.format)}, ${bytes(model.byteLength)}, ${grouped(model.parameters)} parameters of which ${grouped(model.quantizedWeights)} discretized, sha256 ${nameCode(model.sha256)}`,
    `- data: ${nameCode(dataset.spec)}, ${plural(dataset.count, 'image')}, fingerprint ${nameCode(dataset.fingerprint)}`,
    `- preprocessing: ${dataset.preprocess === null ? 'none' : markdownCode(clipped(JSON.stringify(dataset.preprocess), MAX_PREPROCESS))}`,
    `- tool: ${tool.name} ${nameText(tool.version)} on Node ${nameText(machine.node)}, ${nameCode(machine.cpu)}, ${plural(machine.cores, 'core')}, ${nameText(machine.platform)}; ${nameText(report.created)}`,
  ];
  return `<details><summary>How this was made</summary>\n\n${lines.join('\n')}\n\n</details>`;
}

function nameCode(text: string): string {
  return markdownCode(clipped(text, MAX_NAME));
}

function nameText(text: string): string {
  return markdownText(clipped(text, MAX_NAME));
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = head.map((name, i) =>
    i === 0 && name !== 'bits' ? '---' : name.startsWith('best') ? '---' : '---:',
  );
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}
