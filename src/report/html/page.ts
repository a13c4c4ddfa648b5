import type { Report, SweepPoint } from '../../eval/types.ts';
import { accuracyVsBits, accuracyVsSize, anyNearFloat, swatch } from '../charts/accuracy.ts';
import { html } from '../escape.ts';
import { seriesTokens, switchesOf, switchRules } from '../filters.ts';
import { baseName, bytes, interval, percent, plural, signed, times } from '../format.ts';
import { notes } from '../notes.ts';
import {
  bestAt,
  bitWidths,
  type Headline,
  headlineOf,
  type Series,
  seriesOf,
  sharedText,
  smallestWithin,
} from '../series.ts';
import { closely } from './closely.ts';
import { CLOSELY_SCRIPT } from './closely-script.ts';
import { costSection } from './cost.ts';
import { document } from './document.ts';
import { layerMaps } from './layers.ts';
import { section } from './parts.ts';
import { bestTable, matrix, pointsTable, provenance } from './tables.ts';
import { time } from './time.ts';

/**
 * `report.html`: one file that asks for nothing else (its content security policy forbids it). Charts are SVG, the
 * switches work by `:has()`; the one script there is shows another point closely, and the page does without it. Light or
 * dark as the reader's system, printable.
 */
export function reportHtml(report: Report): string {
  const headline = headlineOf(report);
  const series = seriesOf(report);
  const look = closely(report, headline, series);
  const body = [
    header(report, headline, series),
    ...(report.points.length === 0
      ? ['<p>No point is finished yet.</p>']
      : [
          charts(report, headline, series),
          bestTable(report, headline, series),
          matrix(report, headline, series),
          noteList(report, headline, series),
          look,
          layerMaps(report, headline, series),
          costSection(report, headline, series),
          time(report),
          pointsTable(report, headline, series),
        ]),
    provenance(report),
  ];
  return document({
    title: `${baseName(report.model.file)}: ${headline.name} by bits a weight`,
    toolVersion: report.tool.version,
    style: switchRules(report, series),
    body,
    script: look === '' ? undefined : CLOSELY_SCRIPT,
  });
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
  const boxes = series.map(
    (one, i) =>
      `<label class="key ${seriesTokens(one, i).replace(/^k\d+ /, '')}">${box(`k${i}`)}${swatch(one)}${html(one.label)}</label>`,
  );
  const groups = switchesOf(report, series).map(
    ({ name, boxes: own }) =>
      `<fieldset class="screen"><legend>${name}</legend>${own.map(({ token, text }) => `<label class="key">${box(token)}${html(text)}</label>`).join('')}</fieldset>`,
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
  return section(
    'What each bit width costs',
    `<fieldset><legend>Series<span class="screen"> (untick to hide one everywhere)</span></legend>${boxes.join('')}</fieldset>
<div class="switches">${groups.join('')}</div>
<div class="charts">
${figures.join('\n')}
</div>
<p class="hint">${band} By size, the thin line joins the points that no other one beats in both size and accuracy, hidden ones included; the numbers at it are bits a weight.<span class="screen"> Point at a marker for its numbers.</span></p>`,
  );
}

function box(token: string): string {
  return `<input type="checkbox" id="show-${token}" checked>`;
}

function noteList(report: Report, headline: Headline, series: readonly Series[]): string {
  const items = notes(report, headline, series).map((note) => `<li>${html(note)}</li>`);
  return items.length === 0 ? '' : section('Read with care', `<ul>${items.join('\n')}</ul>`);
}

function lineOf(series: readonly Series[], point: SweepPoint): string {
  return series.find(({ points }) => points.includes(point))!.label;
}
