import { scaleLinear, scaleLog } from 'd3-scale';
import { line as path } from 'd3-shape';
import type { SensitivityReport } from '../../eval/types.ts';
import { html } from '../escape.ts';
import { candidateName, lossesOf, lossText, measureName } from '../sensitivity-format.ts';
import { BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH } from './frame.ts';
import { element, label, line, marker, shortPath } from './svg.ts';

/** Units of the heat map: a cell, and the names beside it. */
const CELL = { width: 68, height: 24 };
const NAMES = 210;
const LONGEST_NAME = 28;

/** Tint of the largest loss; text on it keeps 4.5:1 of contrast, light and dark. */
const DARKEST = 0.6;

/** Every layer by every candidate, tinted by the loss, logarithmically: the darker, the more the network suffers. */
export function sensitivityHeatMap(report: SensitivityReport): string {
  const { layers, candidates } = report;
  const tint = tintOf(report);
  const heads = candidates.map(candidateName);
  const [top, width] = [headHeight(heads), NAMES + CELL.width * candidates.length + 4];
  const height = top + CELL.height * layers.length + 4;
  const columns = heads.map((name, i) => {
    const x = NAMES + CELL.width * (i + 0.5);
    const words = name.split(' ');
    return words
      .map((word, k) => label(x, top - 8 - 15 * (words.length - 1 - k), word, { 'text-anchor': 'middle' }))
      .join('');
  });
  const rows = layers.map(({ name, cells }, row) => {
    const y = top + CELL.height * row;
    const shown = cells.map((cell, i) => {
      if (cell === null) return '';
      const x = NAMES + CELL.width * i;
      const text = cell.kept ? 'kept' : lossText(cell.loss);
      const title = `${name}, ${heads[i]}: ${cell.kept ? 'keeps its values' : text}, ${cell.codeBytes + cell.levelBytes} bytes`;
      return element(
        'g',
        {},
        element('title', {}, html(title)),
        element('rect', {
          class: 'heat-cell',
          ...{ x: x + 1, y: y + 1, width: CELL.width - 2, height: CELL.height - 2, rx: 3 },
          'fill-opacity': tint(cell.loss),
        }),
        label(x + CELL.width / 2, y + 16.5, text, { 'text-anchor': 'middle', class: 'value' }),
      );
    });
    return (
      label(NAMES - 10, y + 16.5, shortened(name), { 'text-anchor': 'end', class: 'name' }) + shown.join('')
    );
  });
  return picture(
    {
      ...{ id: 'heat', width, height },
      title: `Sensitivity of ${layers.length} layers to ${candidates.length} candidates`,
      description: `A row a layer, in the order of the network; a column a candidate; ${measureName(report.measure)}. The table below has the same numbers.`,
      style: `width:${width}px;max-width:none`,
    },
    element('g', { class: 'heads' }, ...columns),
    ...rows,
  );
}

/** Summed loss over bits a weight: one candidate for all layers against a choice for each. */
export function allocationChart(report: SensitivityReport): string {
  const { frontier, uniform, candidates } = report;
  const points = uniform.filter(({ loss }) => loss > 0 && Number.isFinite(loss));
  const curve = frontier.filter(({ loss }) => loss > 0 && Number.isFinite(loss));
  const losses = [...points, ...curve].map(({ loss }) => loss);
  const widths = [...points, ...curve].map(({ bitsPerWeight }) => bitsPerWeight);
  if (losses.length === 0) return '';
  const y = scaleLog([Math.min(...losses) / 1.5, Math.max(...losses) * 1.5], [HEIGHT - BOTTOM, TOP]);
  const x = scaleLinear([Math.min(...widths) - 0.25, Math.max(...widths) + 0.25], [LEFT, WIDTH - RIGHT]);
  const decades = y.ticks().filter((tick) => /^1e/.test(tick.toExponential()));
  const grid = (decades.length > 1 ? decades : y.ticks(4)).map(
    (tick) =>
      line(LEFT, y(tick), WIDTH - RIGHT, y(tick)) +
      label(LEFT - 8, y(tick) + 4, lossText(tick).replace('1.0e', '1e'), { 'text-anchor': 'end' }),
  );
  const ticks = x
    .ticks(7)
    .map(
      (tick) =>
        line(x(tick), HEIGHT - BOTTOM, x(tick), HEIGHT - BOTTOM + 5) +
        label(x(tick), HEIGHT - BOTTOM + 20, String(tick), { 'text-anchor': 'middle' }),
    );
  const steps = path<(typeof curve)[number]>(
    (point) => x(point.bitsPerWeight),
    (point) => y(point.loss),
  );
  const schemes = [...new Set(candidates.map(({ scheme }) => scheme))];
  const dots = points.map(({ candidate, bitsPerWeight, loss }) => {
    const name = candidateName(candidates[candidate]!);
    const shape = schemes.indexOf(candidates[candidate]!.scheme);
    const [cx, cy] = [x(bitsPerWeight), y(loss)];
    return element(
      'g',
      { class: `c${(shape + 1) % 6}` },
      element(
        'title',
        {},
        html(`${name} for all layers: ${lossText(loss)} at ${bitsPerWeight.toFixed(2)} bits a weight`),
      ),
      marker(cx, cy, shape, { class: 'dot' }),
      label(cx + 8, cy - 6, name),
    );
  });
  return picture(
    {
      ...{ id: 'allocation', width: WIDTH, height: HEIGHT },
      title: 'Summed loss against bits a weight',
      description:
        'The line is the least summed loss when each layer gets a candidate of its own; the marks are one candidate for all layers. The table below has the same numbers.',
    },
    element('g', { class: 'grid' }, ...grid),
    element('g', { class: 'ticks' }, line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM), ...ticks),
    label(LEFT - 42, 14, `summed loss (logarithmic)`, { class: 'axis' }),
    label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, 'bits a weight, levels counted', {
      class: 'axis',
      'text-anchor': 'middle',
    }),
    element('g', { class: 'c0' }, element('path', { class: 'curve', d: shortPath(steps(curve) ?? '') })),
    element('g', { class: 'names uniform' }, ...dots),
  );
}

/** Opacity by the logarithm of a loss, over the losses that there are; half a decade below the least is none. */
function tintOf(report: SensitivityReport): (loss: number | null) => number {
  const finite = lossesOf(report).filter((loss) => loss > 0 && Number.isFinite(loss));
  const scale = scaleLog([Math.min(...finite, 1) / 3, Math.max(...finite, 1e-12)], [0, DARKEST]).clamp(true);
  return (loss) => {
    if (loss === null || loss === Number.POSITIVE_INFINITY) return DARKEST;
    return loss <= 0 ? 0 : Math.round(100 * scale(loss)) / 100;
  };
}

function headHeight(heads: readonly string[]): number {
  return 16 + 15 * Math.max(1, ...heads.map((name) => name.split(' ').length));
}

/** The end of a name tells more than its beginning. */
function shortened(name: string): string {
  const characters = [...name];
  return characters.length <= LONGEST_NAME ? name : `…${characters.slice(1 - LONGEST_NAME).join('')}`;
}

interface Picture {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly description: string;
  readonly style?: string;
}

function picture({ id, width, height, title, description, style }: Picture, ...content: string[]): string {
  return element(
    'svg',
    {
      viewBox: `0 0 ${width} ${height}`,
      role: 'img',
      'aria-labelledby': `${id}-title ${id}-text`,
      class: 'chart',
      style,
    },
    element('title', { id: `${id}-title` }, html(title)),
    element('desc', { id: `${id}-text` }, html(description)),
    ...content,
  );
}
