import { scaleLinear } from 'd3-scale';
import type { LayerLevels, WeightHistogram } from '../../eval/types.ts';
import { LEFT, WIDTH } from './frame.ts';
import { element, label, line, short } from './svg.ts';

/** The picture in units of its view box. */
const [TOP, BASE, HEIGHT] = [26, 196, 240];
const [FROM, TO] = [14, WIDTH - 14];

/** Ids by which the script of the page draws another layer or point. */
export const HISTOGRAM_IDS = {
  bars: 'weights-bars',
  levels: 'weights-levels',
  text: 'weights-text',
} as const;

/** Positions along the axis that a level is written with: two digits of base 64, 0.0024 RMS. */
const POSITIONS = 4096;

/** The weights of one layer, with levels drawn in as lines. */
export function histogramChart(histogram: WeightHistogram, levels: LayerLevels | undefined): string {
  const x = scaleLinear([histogram.from, histogram.to], [FROM, TO]);
  const ticks = x
    .ticks(10)
    .map(
      (tick) =>
        line(x(tick), BASE, x(tick), BASE + 5) +
        label(x(tick), BASE + 20, String(tick).replace('-', '−'), { 'text-anchor': 'middle' }),
    );
  return element(
    'svg',
    {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      role: 'img',
      'aria-labelledby': 'weights-title',
      'aria-describedby': HISTOGRAM_IDS.text,
      class: 'chart',
    },
    element('title', { id: 'weights-title' }, 'How the weights of a layer lie, and its levels'),
    element('path', { id: HISTOGRAM_IDS.bars, class: 'bars', d: barsPath(histogram) }),
    element('path', {
      id: HISTOGRAM_IDS.levels,
      class: 'levels',
      d: levelsPath(positionsOf(histogram, levels)),
    }),
    element('g', { class: 'ticks' }, line(FROM, BASE, TO, BASE), ...ticks),
    label(LEFT - 36, 14, 'weights', { class: 'axis' }),
    label(WIDTH / 2, HEIGHT - 4, 'weight ÷ RMS of the weights that share its levels', {
      class: 'axis',
      'text-anchor': 'middle',
    }),
  );
}

/** The outline of the bars, the highest at full height. */
export function barsPath({ counts }: WeightHistogram): string {
  const most = Math.max(1, ...counts);
  const width = short((TO - FROM) / counts.length);
  // Heights in whole units: the lines are steps to the right, up and down.
  const steps = counts.map((count) => `V${Math.round(BASE - ((BASE - TOP) * count) / most)}h${width}`);
  return `M${FROM},${BASE}${steps.join('')}V${BASE}z`;
}

/** The levels within the range as pairs of digits of base 64, so that thousands of layers fit into a page. */
export function positionsOf({ from, to }: WeightHistogram, levels: LayerLevels | undefined): string {
  return (levels?.inRms ?? [])
    .filter((level) => level >= from && level <= to)
    .map((level) => {
      const position = Math.round(((level - from) / (to - from)) * (POSITIONS - 1));
      return DIGITS[position >> 6]! + DIGITS[position & 63]!;
    })
    .join('');
}

export const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** What the script needs to turn positions into lines: x = start + step · position. */
export const LINES: Readonly<Record<'start' | 'step' | 'top' | 'base', number>> = {
  start: FROM,
  step: (TO - FROM) / (POSITIONS - 1),
  top: TOP - 8,
  base: BASE,
};

function levelsPath(positions: string): string {
  return (positions.match(/../g) ?? [])
    .map((pair) => {
      const position = 64 * DIGITS.indexOf(pair[0]!) + DIGITS.indexOf(pair[1]!);
      return `M${short(LINES.start + LINES.step * position)} ${LINES.top}V${LINES.base}`;
    })
    .join('');
}
