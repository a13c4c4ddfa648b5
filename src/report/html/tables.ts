import type { Report } from '../../eval/types.ts';
import { html } from '../escape.ts';
import { seriesTokens, widthToken } from '../filters.ts';
import {
  bytes,
  grouped,
  interval,
  millisecondsAnImage,
  percent,
  plural,
  shellLine,
  signed,
  times,
} from '../format.ts';
import { bestAt, bitWidths, type Headline, type Series } from '../series.ts';
import { type Head, headRow, scroll, section, widthHead } from './parts.ts';

/** Loss in points up to which a cell of the matrix has the tint of its place here. */
const TINTS = [1, 3, 10, 30];

/** The best point at each bit width. */
export function bestTable(report: Report, headline: Headline, series: readonly Series[]): string {
  const rows = bitWidths(report).flatMap((bits) => {
    const point = bestAt(report, headline, bits);
    if (point === undefined) return [];
    const value = headline.of(point)!;
    const range = headline.interval(point);
    const cells = [
      `<td class="text">${html(series.find(({ points }) => points.includes(point))!.label)}</td>`,
      `<td>${value.toFixed(2)}</td>`,
      ...(headline.name === 'top-1' ? [`<td>${range === null ? '–' : interval(range)}</td>`] : []),
      `<td>${signed(value - headline.float)}</td>`,
      `<td>${bytes(point.packedBytes)}</td>`,
      `<td>${times(report.model.byteLength / point.packedBytes)}</td>`,
    ];
    return [`<tr class="${widthToken(bits)}"><th scope="row">${bits}</th>${cells.join('')}</tr>`];
  });
  const head = [
    'bits',
    'best series',
    `${headline.name}, %`,
    ...(headline.name === 'top-1' ? ['95 % interval'] : []),
    'against float',
    'size on disk',
    'smaller',
  ];
  return section(
    'Best at each width',
    scroll(
      'Best point at each bit width',
      `<table><thead>${headRow(head.map((text) => (text === 'best series' ? { text, class: 'text' } : text)))}</thead><tbody>${rows.join('\n')}</tbody></table>`,
    ),
  );
}

/** Series × bits, tinted by what is lost. */
export function matrix(report: Report, headline: Headline, series: readonly Series[]): string {
  const widths = bitWidths(report);
  const best = new Set(widths.map((bits) => bestAt(report, headline, bits)));
  const rows = series.map((one, i) => {
    const { label, points } = one;
    const cells = widths.map((bits) => {
      const point = points.find((candidate) => candidate.bits === bits);
      const value = point === undefined ? null : headline.of(point);
      if (point === undefined || value === null) return `<td class="${widthToken(bits)}">–</td>`;
      const tint = TINTS.findIndex((loss) => headline.float - value <= loss);
      const classes = [
        widthToken(bits),
        ...(tint < 0 ? [] : [`l${tint}`]),
        ...(best.has(point) ? ['best'] : []),
      ];
      return `<td class="${classes.join(' ')}">${value.toFixed(2)}<small>${signed(value - headline.float)}</small></td>`;
    });
    return `<tr class="${seriesTokens(one, i)}"><th scope="row">${html(label)}</th>${cells.join('')}</tr>`;
  });
  const head: Head[] = ['series', ...widths.map(widthHead)];
  const hint = `<p class="hint">In percent, and below it the difference from float in points; the best of a width in bold. Tint: at most ${TINTS.join(', ')} points lost, none for more.</p>`;
  return section(
    `${headline.name === 'top-1' ? 'Top-1 accuracy' : 'Agreement with float'}, scheme by width`,
    hint +
      scroll(
        'Series by bit width',
        `<table class="heat"><thead>${headRow(head)}</thead><tbody>${rows.join('\n')}</tbody></table>`,
      ),
  );
}

/** Every number of every point: what the charts draw, for those who cannot or will not look at them. */
export function pointsTable(report: Report, headline: Headline, series: readonly Series[]): string {
  const labelled = headline.name === 'top-1';
  const timed = report.points.some(({ runSeconds }) => runSeconds !== undefined);
  const showsForms = report.points.some(({ entropyBits }) => entropyBits !== undefined);
  const head = [
    ...['series', 'bits'],
    ...(labelled ? ['top-1, %', '95 % interval', 'against float', 'top-5, %'] : []),
    ...['same answer, %', 'KL, nats', 'logit SNR, dB', 'ρ', 'on disk', 'bits a weight', 'smaller'],
    ...(showsForms ? ['entropy of codes, bits', 'compressed', 'as ONNX'] : []),
    'time, s',
    ...(timed ? ['ms an image'] : []),
  ];
  const rows = series.flatMap((one, i) =>
    one.points.map((p) => {
      const cells = [
        String(p.bits),
        ...(labelled
          ? [
              number(p.top1, 2),
              p.top1Interval === null ? '–' : interval(p.top1Interval),
              p.top1 === null ? '–' : signed(p.top1 - headline.float),
              number(p.top5, 2),
            ]
          : []),
        number(p.agreement, 2),
        number(p.klDivergence, 4),
        number(p.logitSnrDb, 1),
        p.correlation.toFixed(5),
        bytes(p.packedBytes),
        p.bitsPerWeight.toFixed(2),
        times(report.model.byteLength / p.packedBytes),
        ...(showsForms
          ? [number(p.entropyBits ?? null, 2), bytes(p.compressedBytes), bytes(p.onnxBytes)]
          : []),
        p.seconds.toFixed(1),
        ...(timed ? [number(millisecondsAnImage(p), 2)] : []),
      ];
      return `<tr class="${seriesTokens(one, i)} ${widthToken(p.bits)}"><th scope="row">${html(one.label)}</th>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
    }),
  );
  return section(
    'All points',
    scroll(
      'All points',
      `<table class="points"><thead>${headRow(head)}</thead><tbody>${rows.join('\n')}</tbody></table>`,
    ),
  );
}

/** Everything needed to get the same numbers again. */
export function provenance(report: Report): string {
  const { model, dataset, machine, tool } = report;
  const facts: [string, string][] = [
    ...(report.command === null ? [] : [['Command', code(shellLine(report.command))] as [string, string]]),
    [
      'Model',
      `${code(model.file)}, ${html(model.format)}, ${bytes(model.byteLength)} (${grouped(model.byteLength)} bytes)`,
    ],
    ['Model SHA-256', code(model.sha256)],
    [
      'Weights',
      `${grouped(model.parameters)} parameters, ${grouped(model.quantizedWeights)} of them discretized (${percent((100 * model.quantizedWeights) / Math.max(1, model.parameters))})`,
    ],
    ...model.skipped.map(({ name, reason }): [string, string] => [
      'Kept in float',
      `${code(name)}: ${html(reason)}`,
    ]),
    [
      'Data',
      `${code(dataset.spec)}, ${plural(dataset.count, 'input')}, ${dataset.labelled ? 'labelled' : 'without labels'}`,
    ],
    ['Data fingerprint', code(dataset.fingerprint)],
    ['Preprocessing', dataset.preprocess === null ? 'none' : code(JSON.stringify(dataset.preprocess))],
    ['Tool', `${html(tool.name)} ${html(tool.version)} on Node ${html(machine.node)}`],
    ['Machine', `${html(machine.cpu)}, ${plural(machine.cores, 'core')}, ${html(machine.platform)}`],
    ['Created', html(report.created)],
  ];
  return section(
    'How this was made',
    `<dl class="facts">${facts.map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`).join('\n')}</dl>`,
  );
}

function number(value: number | null, digits: number): string {
  return value === null || !Number.isFinite(value) ? '–' : value.toFixed(digits);
}

function code(text: string): string {
  return `<code>${html(text)}</code>`;
}
