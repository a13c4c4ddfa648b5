import type { LayerHistograms, LayerLevels, Report, SweepPoint } from '../../eval/types.ts';
import { barsPath, DIGITS, HISTOGRAM_IDS, histogramChart, LINES, positionsOf } from '../charts/histogram.ts';
import { html } from '../escape.ts';
import { plural } from '../format.ts';
import { type Headline, likelyChoice, pointLabel, type Series } from '../series.ts';
import { classTable } from './classes.ts';
import { lostShare, shareText } from './layers.ts';
import { section } from './parts.ts';

/**
 * One point: which classes suffer, and a layer's weights with the levels drawn in. Markup for the point that matters most,
 * and what the script needs to show the others; empty where the report has neither.
 */
export function closely(report: Report, headline: Headline, series: readonly Series[]): string {
  const weights = report.weights ?? [];
  const told = report.points.some(({ flips }) => flips !== undefined);
  const points = series.flatMap((one) =>
    one.points.map((point) => ({ label: pointLabel(one, point), point })),
  );
  if ((weights.length === 0 && !told) || points.length === 0) return '';
  const first = Math.max(
    0,
    points.findIndex(({ point }) => point === likelyChoice(report, headline)),
  );
  const granularities = [...new Set(points.map(({ point }) => point.granularity))];
  const choose = (id: string, name: string, options: readonly string[], chosen: number): string =>
    `<label class="scripted" hidden>${name} <select id="${id}">${options.map((text, i) => `<option value="${i}"${i === chosen ? ' selected' : ''}>${html(text)}</option>`).join('')}</select></label>`;
  const parts = [
    `<div class="choose">${choose(
      'closely-point',
      'Point',
      points.map(({ label }) => label),
      first,
    )}${
      weights.length === 0
        ? ''
        : choose(
            'closely-layer',
            'Layer',
            weights.map(({ name }) => name),
            0,
          )
    }</div>`,
    `<noscript><p class="hint">This is ${html(points[first]!.label)}; another point or layer is chosen by a script. report.json has all of them.</p></noscript>`,
    ...(told
      ? [
          `<h3>Which classes suffer</h3>\n<div id="closely-classes">${classTable(report, points[first]!.point)}</div>`,
        ]
      : []),
    ...(weights.length === 0 ? [] : [histogram(weights[0]!, points[first]!)]),
    ...(told
      ? points.map(({ point }, i) => `<template id="classes-${i}">${classTable(report, point)}</template>`)
      : []),
  ];
  const phrases = new Map<string, number>();
  const phraseOf = (text: string): number => {
    if (!phrases.has(text)) phrases.set(text, phrases.size);
    return phrases.get(text)!;
  };
  const data = {
    digits: DIGITS,
    lines: LINES,
    lost: LOST,
    layers: weights.map((layer) => ({
      name: layer.name,
      bars: granularities.map(
        (granularity) => layer.histograms[granularity] && barsPath(layer.histograms[granularity]),
      ),
      beyond: granularities.map((granularity) => beyondText(layer, granularity)),
    })),
    points: points.map(({ label, point }) => {
      const levels = levelsByLayer(weights, point);
      return {
        label,
        granularity: granularities.indexOf(point.granularity),
        levels: weights.map((layer, i) => {
          const histogram = layer.histograms[point.granularity];
          return histogram === undefined ? '' : positionsOf(histogram, levels[i]);
        }),
        phrases: levels.map((own) => phraseOf(levelsText(own))),
        lost: lostTexts(weights, point),
      };
    }),
    phrases: [] as string[],
  };
  data.phrases.push(...phrases.keys());
  // A text that ends the element, or begins a comment, would need a "<".
  const json = JSON.stringify(data).replaceAll('<', '\\u003c');
  return section(
    'One point closely',
    `${parts.join('\n')}\n<script type="application/json" id="closely-data">${json}</script>`,
  );
}

function histogram(layer: LayerHistograms, { label, point }: { label: string; point: SweepPoint }): string {
  const found = layer.histograms[point.granularity];
  if (found === undefined) return '';
  const levels = levelsByLayer([layer], point)[0];
  const [lost] = lostTexts([layer], point);
  const text = [
    `${layer.name}, ${label}: ${levelsText(levels)}`,
    ...(lost === '' ? [] : [LOST.replace('{}', lost!)]),
    beyondText(layer, point.granularity),
  ];
  return `<h3>Weights and levels of a layer</h3>
<figure class="one"><figcaption>Histogram of the float weights, levels as lines</figcaption>${histogramChart(found, levels)}
<p class="hint" id="${HISTOGRAM_IDS.text}" aria-live="polite">${html(text.join(' ').trim())}</p></figure>`;
}

/** By layer; undefined where the levels are of another granularity than the point's (weights that were of few bits already). */
function levelsByLayer(layers: readonly LayerHistograms[], point: SweepPoint): (LayerLevels | undefined)[] {
  const found = new Map(point.layers.map((layer) => [layer.name, layer]));
  return layers.map(({ name }) => {
    const layer = found.get(name);
    return layer?.granularity === point.granularity ? layer.levels : undefined;
  });
}

function levelsText(levels: LayerLevels | undefined): string {
  if (levels === undefined) return 'its levels cannot be drawn over these weights.';
  const drawn = levels.inRms.length < levels.count ? `, ${levels.inRms.length} of them drawn` : '';
  return `${plural(levels.count, 'level')}${drawn}.`;
}

/** The script puts the number in. */
const LOST = 'Rounding loses {} % of the energy of its weights.';

/** By layer; empty for one that was not discretized. */
function lostTexts(layers: readonly LayerHistograms[], point: SweepPoint): string[] {
  const found = new Map(point.layers.map((layer) => [layer.name, layer]));
  return layers.map(({ name }) => {
    const layer = found.get(name);
    return layer === undefined ? '' : shareText(lostShare(layer));
  });
}

function beyondText({ count, histograms }: LayerHistograms, granularity: string): string {
  const found = histograms[granularity];
  const beyond = found === undefined ? 0 : found.below + found.above;
  return beyond === 0 ? '' : `${plural(beyond, 'weight')} of ${count} lie beyond ±${found!.to}.`;
}
