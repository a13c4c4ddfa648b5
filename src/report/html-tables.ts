import type { Report, SweepPoint } from '../eval/types.ts';
import { html } from './escape.ts';
import { bytes, grouped, interval, percent, plural, shellLine, signed, times } from './format.ts';
import { bestAt, bitWidths, type Headline, type Series } from './series.ts';

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
    return [`<tr><th scope="row">${bits}</th>${cells.join('')}</tr>`];
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
      `<table><thead>${headRow(head, ['best series'])}</thead><tbody>${rows.join('\n')}</tbody></table>`,
    ),
  );
}

/** Series × bits, tinted by what is lost. */
export function matrix(report: Report, headline: Headline, series: readonly Series[]): string {
  const widths = bitWidths(report);
  const best = new Set(widths.map((bits) => bestAt(report, headline, bits)));
  const rows = series.map(({ label, points }, i) => {
    const cells = widths.map((bits) => {
      const point = points.find((candidate) => candidate.bits === bits);
      const value = point === undefined ? null : headline.of(point);
      if (point === undefined || value === null) return '<td>–</td>';
      const tint = TINTS.findIndex((loss) => headline.float - value <= loss);
      const classes = [tint < 0 ? '' : `l${tint}`, best.has(point) ? 'best' : ''].filter(
        (name) => name !== '',
      );
      return `<td class="${classes.join(' ')}">${value.toFixed(2)}<small>${signed(value - headline.float)}</small></td>`;
    });
    return `<tr class="k${i}"><th scope="row">${html(label)}</th>${cells.join('')}</tr>`;
  });
  const head = ['series', ...widths.map((bits) => plural(bits, 'bit'))];
  const hint = `<p class="hint">In percent, and below it the difference from float in points; the best of a width in bold. Tint: at most ${TINTS.join(', ')} points lost, none for more.</p>`;
  return section(
    `${headline.name === 'top-1' ? 'Top-1 accuracy' : 'Agreement with float'}, scheme by width`,
    hint +
      scroll(
        'Series by bit width',
        `<table class="heat"><thead>${headRow(head, [])}</thead><tbody>${rows.join('\n')}</tbody></table>`,
      ),
  );
}

/** Every number of every point: what the charts draw, for those who cannot or will not look at them. */
export function pointsTable(report: Report, headline: Headline, series: readonly Series[]): string {
  const labelled = headline.name === 'top-1';
  const showsForms = report.points.some(({ entropyBits }) => entropyBits !== undefined);
  const head = [
    ...['series', 'bits'],
    ...(labelled ? ['top-1, %', '95 % interval', 'against float', 'top-5, %'] : []),
    ...['same answer, %', 'KL, nats', 'logit SNR, dB', 'ρ', 'on disk', 'bits a weight', 'smaller'],
    ...(showsForms ? ['entropy of codes, bits', 'compressed', 'as ONNX'] : []),
    'time, s',
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
      ];
      return `<tr class="k${i}"><th scope="row">${html(one.label)}</th>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
    }),
  );
  return section(
    'All points',
    scroll(
      'All points',
      `<table class="points"><thead>${headRow(head, [])}</thead><tbody>${rows.join('\n')}</tbody></table>`,
    ),
  );
}

/** ρ of every layer at every width, a folded table a series. */
export function layerTables(series: readonly Series[]): string {
  const tables = series.flatMap((one, i) => {
    const names = [...new Set(one.points.flatMap((point) => point.layers.map((layer) => layer.name)))];
    if (names.length === 0) return [];
    const rows = names.map((name) => {
      const cells = one.points.map((point) => `<td>${layerCorrelation(point, name)}</td>`);
      return `<tr><th scope="row">${html(name)}</th>${cells.join('')}</tr>`;
    });
    const head = ['weight', ...one.points.map((point) => plural(point.bits, 'bit'))];
    const table = `<table><thead>${headRow(head, [])}</thead><tbody>${rows.join('\n')}</tbody></table>`;
    return [
      `<details class="k${i}"><summary>${html(one.label)}</summary>${scroll(`Correlation by layer, ${one.label}`, table)}</details>`,
    ];
  });
  if (tables.length === 0) return '';
  const hint =
    '<p class="hint">Correlation ρ of the original and the discretized weights; what is lost of a weight’s variance is 1 − ρ².</p>';
  return section('How well each layer fits', hint + tables.join('\n'));
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

function layerCorrelation(point: SweepPoint, name: string): string {
  const layer = point.layers.find((candidate) => candidate.name === name);
  return layer === undefined ? '–' : layer.correlation.toFixed(5);
}

function number(value: number | null, digits: number): string {
  return value === null || !Number.isFinite(value) ? '–' : value.toFixed(digits);
}

function code(text: string): string {
  return `<code>${html(text)}</code>`;
}

function section(heading: string, content: string): string {
  return `<section>\n<h2>${html(heading)}</h2>\n${content}\n</section>`;
}

/** A region that scrolls sideways on its own, reachable by keyboard. */
function scroll(name: string, table: string): string {
  return `<div class="scroll" role="region" tabindex="0" aria-label="${html(name)}">${table}</div>`;
}

function headRow(names: readonly string[], left: readonly string[]): string {
  return `<tr>${names.map((name) => `<th scope="col"${left.includes(name) ? ' class="text"' : ''}>${html(name)}</th>`).join('')}</tr>`;
}
