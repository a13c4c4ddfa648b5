import type { LayerFit, MeasuredSensitivity, Report } from '../../eval/types.ts';
import { html } from '../escape.ts';
import { seriesTokens, widthToken } from '../filters.ts';
import { plural } from '../format.ts';
import { candidateName, lossesOf, lossText, measureName } from '../sensitivity-format.ts';
import { type Headline, likelyChoice, type Series } from '../series.ts';
import { headRow, scroll, section, widthHead } from './parts.ts';

/** Share lost, in percent, from which on a cell has the tint of its place here: about two steps a factor of ten. */
const STEPS = [30, 10, 3, 1, 0.3, 0.1];

/**
 * Layer by bits: how much of the energy of each weight rounding loses, 1 − ρ², for each series; and before that what was
 * measured at the outputs, where it was.
 */
export function layerMaps(report: Report, headline: Headline, series: readonly Series[]): string {
  const choice = likelyChoice(report, headline);
  const maps = series.flatMap((one, i) => {
    const map = weightMap(one);
    const open = choice !== undefined && one.points.includes(choice) ? ' open' : '';
    return map === undefined
      ? []
      : [
          `<details class="${seriesTokens(one, i)}"${open}><summary>${html(one.label)}</summary>${scroll(`Loss by layer and bits, ${one.label}`, map)}</details>`,
        ];
  });
  const measured = report.sensitivity === undefined ? '' : measuredMap(report.sensitivity);
  const calibrated = report.points.some(({ method }) => method !== 'rtn');
  const hint = `<p class="hint">Share of the energy of a weight (Σ w²) that its discretized values do not explain, 1 − ρ², in percent; the darker, the more. It is a property of the weights alone: the outputs were not looked at, and a layer that loses much may matter little.${calibrated ? ' Calibration moves weights further than to the nearest level, so that errors make up for each other: there this says nothing about the network.' : ''}</p>`;
  return [
    measured,
    ...(maps.length === 0 ? [] : [section('What rounding loses, layer by bits', hint + maps.join('\n'))]),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

/** Percent of a layer's energy that is lost. */
export function lostShare({ correlation }: Pick<LayerFit, 'correlation'>): number {
  return 100 * (1 - correlation ** 2);
}

/** Two digits: `37`, `3.0`, `0.061`; `0` and `<0.001`. */
export function shareText(percent: number): string {
  if (percent <= 0) return '0';
  if (percent < 0.001) return '<0.001';
  return percent >= 99.5 ? '100' : percent.toPrecision(2);
}

function weightMap({ points }: Series): string | undefined {
  const names = [...new Set(points.flatMap(({ layers }) => layers.map(({ name }) => name)))];
  if (names.length === 0) return undefined;
  const found = points.map(({ layers }) => new Map(layers.map((layer) => [layer.name, layer])));
  const rows = names.map((name) => {
    const cells = points.map(({ bits }, i) => {
      const layer = found[i]!.get(name);
      const share = layer && lostShare(layer);
      const step = share === undefined ? -1 : STEPS.findIndex((least) => share >= least);
      return `<td class="${widthToken(bits)}${step < 0 ? '' : ` h${step}`}">${share === undefined ? '–' : html(shareText(share))}</td>`;
    });
    return `<tr><th scope="row">${html(name)}</th>${cells.join('')}</tr>`;
  });
  const head = headRow(['weight', ...points.map(({ bits }) => widthHead(bits))]);
  return `<table class="map"><thead>${head}</thead><tbody>${rows.join('\n')}</tbody></table>`;
}

function measuredMap(table: MeasuredSensitivity): string {
  const { layers, candidates, measure, images } = table;
  const positive = lossesOf(table).filter((loss) => loss > 0 && Number.isFinite(loss));
  const low = Math.log(positive.reduce((a, b) => Math.min(a, b), Infinity));
  const high = Math.log(positive.reduce((a, b) => Math.max(a, b), 0));
  const stepOf = (loss: number | null): number => {
    if (loss === null || !Number.isFinite(loss)) return 0;
    if (loss <= 0) return STEPS.length;
    return Math.round(STEPS.length * (high > low ? (high - Math.log(loss)) / (high - low) : 0));
  };
  const rows = layers.map(({ name, cells }) => {
    const shown = cells.map((cell) => {
      if (cell === null) return '<td>–</td>';
      if (cell.kept) return '<td>kept</td>';
      const step = stepOf(cell.loss);
      return `<td${step >= STEPS.length ? '' : ` class="h${step}"`}>${lossText(cell.loss)}</td>`;
    });
    return `<tr><th scope="row">${html(name)}</th>${shown.join('')}</tr>`;
  });
  const map = `<table class="map"><thead>${headRow(['weight', ...candidates.map(candidateName)])}</thead><tbody>${rows.join('\n')}</tbody></table>`;
  const hint = `<p class="hint">Measured by the command sensitivity: ${html(measureName(measure))}, mean over ${plural(images, 'image')}, with one layer discretized and all others in float; the darker, the more (logarithmic). Losses of several layers do not add up exactly.</p>`;
  return section('What each layer alone costs at the outputs', hint + scroll('Measured loss by layer', map));
}
