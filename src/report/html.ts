import type { Report, SweepPoint } from '../eval/types.ts';
import { accuracyVsBits, accuracyVsSize, anyNearFloat, swatch } from './charts.ts';
import { costSection } from './cost-section.ts';
import { html } from './escape.ts';
import { baseName, bytes, interval, percent, plural, signed, times } from './format.ts';
import { bestTable, layerTables, matrix, pointsTable, provenance } from './html-tables.ts';
import { notes } from './notes.ts';
import {
  bestAt,
  bitWidths,
  type Headline,
  headlineOf,
  type Series,
  seriesOf,
  sharedText,
  smallestWithin,
} from './series.ts';
import { STYLE } from './style.ts';

/**
 * `report.html`: one file that asks for nothing else (its content security policy forbids it), without scripts: the
 * charts are SVG, the switches of the legend work by `:has()`. Light or dark as the reader's system, printable.
 */
export function reportHtml(report: Report): string {
  const headline = headlineOf(report);
  const series = seriesOf(report);
  const title = `${baseName(report.model.file)}: ${headline.name} by bits a weight`;
  const body = [
    header(report, headline, series),
    ...(report.points.length === 0
      ? ['<p>No point is finished yet.</p>']
      : [
          charts(report, headline, series),
          bestTable(report, headline, series),
          matrix(report, headline, series),
          costSection(report, headline, series),
          noteList(report, headline, series),
          pointsTable(report, headline, series),
          layerTables(series),
        ]),
    provenance(report),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="bnn-quantize ${html(report.tool.version)}">
<title>${html(title)}</title>
<style>${STYLE}${switches(series)}</style>
</head>
<body>
<main>
${body.join('\n')}
</main>
</body>
</html>
`;
}

function header(report: Report, headline: Headline, series: readonly Series[]): string {
  const { model, dataset, float } = report;
  const tiles: string[] = [];
  if (float.top1 !== null)
    tiles.push(
      tile(
        'Float model',
        percent(float.top1),
        `top-1${float.top1Interval === null ? '' : ` ${interval(float.top1Interval)}`}, ${bytes(model.byteLength)}`,
      ),
    );
  let shown: SweepPoint | undefined;
  for (const loss of [1, 5]) {
    const point = smallestWithin(report, headline, loss);
    if (point === undefined || point === shown) continue;
    shown = point;
    const value = headline.of(point)!;
    const size = `${bytes(point.packedBytes)}, ${times(model.byteLength / point.packedBytes)} smaller`;
    tiles.push(
      tile(
        `Smallest within ${plural(loss, 'point')} of float`,
        plural(point.bits, 'bit'),
        `${lineOf(series, point)}, ${percent(value)} (${signed(value - headline.float)}), ${size}`,
      ),
    );
  }
  const lowest = bitWidths(report).find((bits) => bits > 1 && bestAt(report, headline, bits) !== undefined);
  const best = lowest === undefined ? undefined : bestAt(report, headline, lowest);
  if (best !== undefined)
    tiles.push(
      tile(
        `Best at ${plural(best.bits, 'bit')}`,
        percent(headline.of(best)!),
        `${lineOf(series, best)}, ${bytes(best.packedBytes)}`,
      ),
    );
  return `<header>
<h1>${html(baseName(model.file))}</h1>
<p class="lede">${plural(report.points.length, 'point')} on ${plural(dataset.count, dataset.labelled ? 'labelled image' : 'input')} of ${html(dataset.spec)}. ${html(sharedText(report))}</p>
<dl class="tiles">${tiles.join('')}</dl>
</header>`;
}

function tile(name: string, value: string, detail: string): string {
  return `<div class="tile"><dt>${html(name)}</dt><dd>${html(value)}<small>${html(detail)}</small></dd></div>`;
}

function charts(report: Report, headline: Headline, series: readonly Series[]): string {
  const keys = series.map(
    (one, i) =>
      `<label class="key"><input type="checkbox" id="show-${i}" checked>${swatch(one, i)}${html(one.label)}</label>`,
  );
  const figure = (caption: string, svg: string): string =>
    `<figure><figcaption>${html(caption)}</figcaption>${svg}</figure>`;
  const band = headline.name === 'top-1' ? ' Shaded: Wilson 95 % intervals.' : '';
  const figures = [
    figure('Against bits', accuracyVsBits(report, headline, series, 'all', 'bits')),
    figure('Against size on disk', accuracyVsSize(report, headline, series, 'all', 'size')),
  ];
  if (anyNearFloat(report, headline)) {
    const near = ', within 5 points of float';
    figures.splice(
      1,
      0,
      figure(`Against bits${near}`, accuracyVsBits(report, headline, series, 'near-float', 'bits-near')),
    );
    figures.push(
      figure(
        `Against size on disk${near}`,
        accuracyVsSize(report, headline, series, 'near-float', 'size-near'),
      ),
    );
  }
  return `<section>
<h2>What each bit width costs</h2>
<fieldset><legend>Series<span class="screen"> (untick to hide one everywhere)</span></legend>${keys.join('')}</fieldset>
<div class="charts">
${figures.join('\n')}
</div>
<p class="hint">${band} By size, the thin line joins the points that no other one beats in both size and accuracy; the numbers at it are bits a weight.<span class="screen"> Point at a marker for its numbers.</span></p>
</section>`;
}

function noteList(report: Report, headline: Headline, series: readonly Series[]): string {
  const items = notes(report, headline, series).map((note) => `<li>${html(note)}</li>`);
  return items.length === 0
    ? ''
    : `<section>\n<h2>Read with care</h2>\n<ul>${items.join('\n')}</ul>\n</section>`;
}

function lineOf(series: readonly Series[], point: SweepPoint): string {
  return series.find(({ points }) => points.includes(point))!.label;
}

/** One rule a series: while its box is not ticked, its class is hidden. */
function switches(series: readonly Series[]): string {
  return series
    .map((_, i) => `main:has(#show-${i}:not(:checked)) .k${i}:not(.swatch) { display: none; }`)
    .join('\n');
}
