import { scaleLinear, scaleLog } from 'd3-scale';
import type { CostSummary, Report, SweepPoint } from '../eval/types.ts';
import { BOTTOM, chart, HEIGHT, LEFT, type Plane, RIGHT, TOP, WIDTH } from './chart-frame.ts';
import { energyText } from './energy-text.ts';
import { html } from './escape.ts';
import { bytes, grouped, percent, times } from './format.ts';
import { type Headline, pointLabel, type Series } from './series.ts';
import { element, marker } from './svg.ts';

/** Energy of a sample and what takes it, point by point; empty where no point has costs. */
export function costSection(report: Report, headline: Headline, series: readonly Series[]): string {
  const costed = report.points.filter(({ cost }) => cost !== undefined);
  const [first] = costed;
  if (first === undefined) return '';
  const floatCost = report.float.cost;
  const macs = `${grouped(first.cost!.macs)} multiply-accumulates a sample`;
  const answer =
    floatCost === undefined
      ? ''
      : ` The float network takes ${energyText(floatCost.energy.total)} of energy, ${energyText(floatCost.energy.compute)} of it for arithmetic.`;
  const figure = costed.some((point) => headline.of(point) !== null)
    ? `<div class="charts"><figure style="max-width: 36rem"><figcaption>Against energy a sample</figcaption>${accuracyVsEnergy(report, headline, series)}</figure></div>`
    : '';
  return `<section>
<h2>What a sample takes in energy</h2>
<p class="hint">${macs}.${answer} An estimate of arithmetic and memory in a 45 nm process, not the measurement of a device: every operation at its width (Horowitz, ISSCC 2014; between the measured widths the curves of QKeras), the network as it is written. Weights and other constants are read once a sample from off-chip memory at their packed bits, inputs and outputs too; activations are written once and read once by each node in on-chip memory of the size that they need; element by element operators take what comes. Float is all that is wider than 8 bits.</p>
${figure}
<div class="scroll" role="region" tabindex="0" aria-label="Energy by point">${costTable(report, series)}</div>
</section>`;
}

function accuracyVsEnergy(report: Report, headline: Headline, series: readonly Series[]): string {
  const energies = report.points.flatMap(({ cost }) => (cost === undefined ? [] : [cost.energy.total]));
  const [low, high] = [Math.min(...energies) / 1.1, Math.max(...energies) * 1.1];
  const x = scaleLog([low, high], [LEFT, WIDTH - RIGHT]);
  const plane: Plane = { id: 'energy', x, y: scaleLinear([0, 102], [HEIGHT - BOTTOM, TOP]) };
  const groups = series.map((one, i) => {
    const dots = one.points.flatMap((point) => {
      const value = headline.of(point);
      if (point.cost === undefined || value === null) return [];
      const [cx, cy] = [plane.x(point.cost.energy.total), plane.y(value)];
      const tip = `${pointLabel(one, point)}\n${headline.name} ${percent(value)}\n${energyText(point.cost.energy.total)} a sample, ${percent(point.cost.shares.float)} of it float`;
      return element(
        'g',
        {},
        element('title', {}, html(tip)),
        marker(cx, cy, one.schemeIndex, { class: 'dot' }),
        element('circle', { cx, cy, r: 11, class: 'target' }),
      );
    });
    return element('g', { class: `series c${one.schemeIndex % 6} v${one.variant % 3} k${i}` }, dots.join(''));
  });
  return chart(plane, {
    title: `${headline.axis.replace(', %', '')} against energy a sample`,
    description: 'The table below has the same numbers.',
    axis: 'energy a sample (logarithmic, 45 nm)',
    ticks: energyTicks(low, high).map((at) => ({ at, text: energyText(at).replace(/\.0+ /, ' ') })),
    headline,
    content: groups.join(''),
  });
}

/** Round energies within the range, at most seven. */
function energyTicks(low: number, high: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++)
    for (const digit of [1, 2, 3, 5, 7]) ticks.push(digit * 10 ** power);
  const inside = ticks.filter((at) => at >= low && at <= high);
  const step = Math.ceil(inside.length / 7);
  return inside.filter((_, i) => i % step === 0);
}

function costTable(report: Report, series: readonly Series[]): string {
  const floatEnergy = report.float.cost?.energy.total;
  const head = [
    ...['series', 'bits', 'energy', 'less than float', 'arithmetic', 'on-chip memory', 'off-chip memory'],
    ...['binary, %', 'low-bit, %', 'float, %', 'float in arithmetic, %', 'constants', 'activations'],
  ];
  const rows = series.flatMap((one, i) =>
    one.points.flatMap((point) =>
      point.cost === undefined ? [] : [row(one.label, point, point.cost, floatEnergy, `k${i}`)],
    ),
  );
  if (report.float.cost !== undefined)
    rows.unshift(row('float', undefined, report.float.cost, floatEnergy, ''));
  return `<table><thead><tr>${head.map((name) => `<th scope="col">${html(name)}</th>`).join('')}</tr></thead><tbody>${rows.join('\n')}</tbody></table>`;
}

function row(
  label: string,
  point: SweepPoint | undefined,
  { energy: sum, parts, shares, traffic }: CostSummary,
  float: number | undefined,
  group: string,
): string {
  const share = (value: number): string => value.toFixed(1);
  const cells = [
    point === undefined ? '–' : String(point.bits),
    energyText(sum.total),
    float === undefined || sum.total === 0 ? '–' : times(float / sum.total),
    ...[sum.compute, sum.sram, sum.dram].map(energyText),
    ...[shares.binary, shares.lowBit, shares.float].map(share),
    share(sum.compute === 0 ? 0 : (100 * parts.float.compute) / sum.compute),
    bytes(traffic.weights),
    bytes(traffic.sram + traffic.dram),
  ];
  return `<tr${group === '' ? '' : ` class="${group}"`}><th scope="row">${html(label)}</th>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
}
