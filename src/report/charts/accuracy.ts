import { scaleLinear, scaleLog } from 'd3-scale';
import { area, line as path } from 'd3-shape';
import type { Report, SweepPoint } from '../../eval/types.ts';
import { html } from '../escape.ts';
import { seriesTokens, widthToken } from '../filters.ts';
import { bytes, interval, percent, signed } from '../format.ts';
import { bitWidths, type Headline, paretoFront, pointLabel, type Series } from '../series.ts';
import { BOTTOM, chart, HEIGHT, LEFT, type Plane, RIGHT, type Scale, TOP, WIDTH } from './frame.ts';
import { frontLabels, inside } from './front-labels.ts';
import { element, marker, shortPath } from './svg.ts';

/** How much of the vertical axis a chart shows: all of it, or what lies near the float model. */
export type Zoom = 'all' | 'near-float';

/** Lines of headline accuracy over bit width with 95 % bands; `id` must be unique within the page. */
export function accuracyVsBits(
  report: Report,
  headline: Headline,
  series: readonly Series[],
  zoom: Zoom,
  id: string,
): string {
  const y = verticalScale(report, headline, zoom);
  const widths = bitWidths({ ...report, points: inside(report.points, headline, y) });
  const x = scaleLinear([(widths[0] ?? 1) - 0.4, (widths.at(-1) ?? 8) + 0.4], [LEFT, WIDTH - RIGHT]);
  const plane: Plane = { id, x, y };
  const ticks = widths.map((bits) => ({ at: bits, text: String(bits) }));
  const shown = series.map(({ points }) => points.filter((point) => headline.of(point) !== null));
  const layer = (draw: (one: Series, points: readonly SweepPoint[]) => string): string =>
    series.map((one, i) => element('g', { class: groupClass(one, i) }, draw(one, shown[i]!))).join('');
  return chart(plane, {
    title: `${headline.axis.replace(', %', '')} against bits a weight${zoom === 'all' ? '' : ', close to the float model'}`,
    description: describe(headline, series),
    axis: 'bits a weight',
    ticks,
    headline,
    behind: layer((_, points) => band(plane, headline, points)),
    content: layer(
      (one, points) =>
        curve(plane, headline, points) + dots(plane, headline, one, points, (point) => point.bits),
    ),
  });
}

/** Every point over its size on disk (logarithmic), the Pareto front joined and labelled. */
export function accuracyVsSize(
  report: Report,
  headline: Headline,
  series: readonly Series[],
  zoom: Zoom,
  id: string,
): string {
  const y = verticalScale(report, headline, zoom);
  const sizes = inside(report.points, headline, y).map((point) => point.packedBytes);
  const [low, high] =
    sizes.length === 0 ? [1024, 2048] : [Math.min(...sizes) / 1.08, Math.max(...sizes) * 1.08];
  const plane: Plane = { id, x: scaleLog([low!, high!], [LEFT, WIDTH - RIGHT]), y };
  const front = paretoFront(report, headline);
  const steps = path<SweepPoint>(
    (point) => plane.x(point.packedBytes),
    (point) => plane.y(headline.of(point)!),
  );
  const groups = series.map((one, i) =>
    element(
      'g',
      { class: groupClass(one, i) },
      dots(
        plane,
        headline,
        one,
        one.points.filter((point) => headline.of(point) !== null),
        (point) => point.packedBytes,
      ),
    ),
  );
  return chart(plane, {
    title: `${headline.axis.replace(', %', '')} against size on disk${zoom === 'all' ? '' : ', close to the float model'}`,
    description: `${front.length} points are on the Pareto front: no other point is both smaller and better.`,
    axis: 'size on disk (logarithmic)',
    ticks: sizeTicks(low!, high!),
    headline,
    content: [element('path', { class: 'front', d: shortPath(steps(front) ?? '') }), ...groups].join(''),
    names: frontLabels(plane, report, headline, front),
  });
}

/** `series c<scheme> v<variant>`: colour and dash. */
function seriesClass(series: Series): string {
  return `series c${series.schemeIndex % 6} v${series.variant % 3}`;
}

/** What a series is drawn with, and hidden by. */
export function groupClass(series: Series, index: number): string {
  return `${seriesClass(series)} ${seriesTokens(series, index)}`;
}

/** The sample of a series in the legend. */
export function swatch(series: Series): string {
  return element(
    'svg',
    {
      class: `swatch ${seriesClass(series)}`,
      viewBox: '0 0 34 16',
      width: 34,
      height: 16,
      'aria-hidden': 'true',
    },
    element('path', { class: 'curve', d: 'M1,8L33,8' }),
    marker(17, 8, series.schemeIndex, { class: 'dot' }),
  );
}

function verticalScale(report: Report, headline: Headline, zoom: Zoom): Scale {
  const range = [HEIGHT - BOTTOM, TOP];
  if (zoom === 'all') return scaleLinear([0, 102], range);
  const values = report.points.map((point) => headline.interval(point)?.[1] ?? headline.of(point) ?? 0);
  return scaleLinear([headline.float - 5, Math.max(headline.float, ...values) + 0.4], range);
}

/** Whether a close-up of what is near the float model would show anything. */
export function anyNearFloat(report: Report, headline: Headline): boolean {
  return inside(report.points, headline, verticalScale(report, headline, 'near-float')).length > 0;
}

/** In parts from one width to the next, so that a width can be hidden with what leads to it. */
function band(plane: Plane, headline: Headline, points: readonly SweepPoint[]): string {
  const shape = area<SweepPoint>()
    .x((point) => plane.x(point.bits))
    .y0((point) => plane.y(headline.interval(point)![0]))
    .y1((point) => plane.y(headline.interval(point)![1]));
  const known = points.filter((point) => headline.interval(point) !== null);
  return parts(known, 'band', (pair) => shape(pair));
}

function curve(plane: Plane, headline: Headline, points: readonly SweepPoint[]): string {
  const shape = path<SweepPoint>(
    (point) => plane.x(point.bits),
    (point) => plane.y(headline.of(point)!),
  );
  return parts(points, 'curve', (pair) => shape(pair));
}

function parts(
  points: readonly SweepPoint[],
  name: string,
  draw: (pair: SweepPoint[]) => string | null,
): string {
  return points
    .slice(1)
    .map((to, i) => {
      const from = points[i]!;
      const tokens = `${name} ${widthToken(from.bits)} ${widthToken(to.bits)}`;
      return element('path', { class: tokens, d: shortPath(draw([from, to]) ?? '') });
    })
    .join('');
}

function dots(
  plane: Plane,
  headline: Headline,
  series: Series,
  points: readonly SweepPoint[],
  across: (point: SweepPoint) => number,
): string {
  return points
    .map((point) => {
      const [x, y] = [plane.x(across(point)), plane.y(headline.of(point)!)];
      const tip = element('title', {}, html(tooltip(headline, series, point)));
      return element(
        'g',
        { class: widthToken(point.bits) },
        tip,
        marker(x, y, series.schemeIndex, { class: 'dot' }),
        element('circle', { cx: x, cy: y, r: 11, class: 'target' }),
      );
    })
    .join('');
}

function tooltip(headline: Headline, series: Series, point: SweepPoint): string {
  const value = headline.of(point)!;
  const range = headline.interval(point);
  return [
    pointLabel(series, point),
    `${headline.name} ${percent(value)}${range === null ? '' : ` ${interval(range)}`}, ${signed(value - headline.float)} against float`,
    `${bytes(point.packedBytes)} on disk`,
  ].join('\n');
}

function describe(headline: Headline, series: readonly Series[]): string {
  const texts = series.map((one) => {
    const values = one.points
      .filter((point) => headline.of(point) !== null)
      .map((point) => `${point.bits}: ${headline.of(point)!.toFixed(1)}`);
    return `${one.label}: ${values.join(', ')}`;
  });
  return `${headline.name} in percent by bits. Float model: ${headline.float.toFixed(2)}. ${texts.join('. ')}. The table of all points below has the same numbers.`;
}

/** Round sizes within the range: powers of two, or halves or quarters between them until there are three. */
function sizeTicks(low: number, high: number): { at: number; text: string }[] {
  let ticks: number[] = [];
  for (const parts of [1, 2, 4, 8]) {
    ticks = [];
    for (let power = Math.floor(Math.log2(low)); 2 ** power <= high; power++)
      for (let part = 0; part < parts; part++) ticks.push(2 ** power * (1 + part / parts));
    ticks = ticks.filter((at) => at >= low && at <= high);
    if (ticks.length >= 3) break;
  }
  const step = Math.ceil(ticks.length / 7);
  return ticks
    .filter((_, i) => i % step === 0)
    .map((at) => ({
      at,
      text: bytes(at)
        .replace(/(\.\d*?)0+ /, '$1 ')
        .replace('. ', ' '),
    }));
}
