import type { ScaleContinuousNumeric } from 'd3-scale';
import { html } from '../escape.ts';
import { percent } from '../format.ts';
import type { Headline } from '../series.ts';
import { element, label, line } from './svg.ts';

/** The picture and its margins, in units of the view box. */
export const WIDTH = 520;
export const HEIGHT = 390;
export const LEFT = 50;
export const RIGHT = 14;
export const TOP = 40;
export const BOTTOM = 52;

export type Scale = ScaleContinuousNumeric<number, number>;

export interface Plane {
  readonly id: string;
  readonly x: Scale;
  readonly y: Scale;
}

export interface ChartParts {
  readonly title: string;
  readonly description: string;
  readonly axis: string;
  readonly ticks: readonly { at: number; text: string }[];
  readonly headline: Headline;
  /** Below the lines of comparison. */
  readonly behind?: string;
  readonly content: string;
  /** Text over the content, not clipped. */
  readonly names?: string;
}

/** A picture with grid, axes and the lines of comparison. */
export function chart(plane: Plane, parts: ChartParts): string {
  const { id, x, y } = plane;
  const { headline } = parts;
  const [bottom, top] = [HEIGHT - BOTTOM, TOP];
  const grid = y
    .ticks(6)
    .map(
      (tick) =>
        line(LEFT, y(tick), WIDTH - RIGHT, y(tick)) +
        label(LEFT - 8, y(tick) + 4, String(tick), { 'text-anchor': 'end' }),
    );
  const columns = parts.ticks.map(
    ({ at, text }) =>
      line(x(at), bottom, x(at), bottom + 5) + label(x(at), bottom + 20, text, { 'text-anchor': 'middle' }),
  );
  const window = element('rect', {
    x: LEFT,
    y: top - 8,
    width: WIDTH - RIGHT - LEFT,
    height: bottom - top + 14,
  });
  const [worst] = y.domain();
  const chance =
    headline.chance !== null && headline.chance >= worst!
      ? reference(y(headline.chance), `chance ${percent(headline.chance)}`, 'chance', 'end')
      : '';
  return element(
    'svg',
    {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      role: 'img',
      'aria-labelledby': `${id}-title ${id}-text`,
      class: 'chart',
    },
    element('title', { id: `${id}-title` }, html(parts.title)),
    element('desc', { id: `${id}-text` }, html(parts.description)),
    element('clipPath', { id: `${id}-clip` }, window),
    element('g', { class: 'grid' }, ...grid),
    element('g', { class: 'ticks' }, line(LEFT, bottom, WIDTH - RIGHT, bottom), ...columns),
    label(LEFT - 42, 14, headline.axis, { class: 'axis' }),
    label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, parts.axis, { class: 'axis', 'text-anchor': 'middle' }),
    element('g', { 'clip-path': `url(#${id}-clip)` }, parts.behind ?? ''),
    chance,
    reference(
      y(headline.float),
      headline.name === 'top-1' ? `float ${percent(headline.float)}` : 'float model',
      'float',
      'start',
    ),
    element('g', { 'clip-path': `url(#${id}-clip)` }, parts.content),
    parts.names ?? '',
  );
}

/** A horizontal line of comparison with its name at the end where curves are far away. */
function reference(y: number, text: string, kind: string, anchor: 'start' | 'end'): string {
  const x = anchor === 'start' ? LEFT + 6 : WIDTH - RIGHT - 6;
  return element(
    'g',
    { class: `reference ${kind}` },
    line(LEFT, y, WIDTH - RIGHT, y),
    label(x, y - 6, text, { 'text-anchor': anchor }),
  );
}
