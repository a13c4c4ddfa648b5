import type { SensitivityReport } from '../../eval/types.ts';
import { allocationChart, sensitivityHeatMap } from '../charts/sensitivity.ts';
import { html } from '../escape.ts';
import { baseName, bytes, grouped, percent, plural, shellLine } from '../format.ts';
import { candidateName, lossText, measureName } from '../sensitivity-format.ts';
import { document } from './document.ts';
import { section } from './parts.ts';

const HEAT_STYLE = `
.heat-cell { fill: rgb(var(--tint)); stroke: var(--faint); stroke-width: 1; }
figure.wide .chart text { font-size: 13px; } figure.wide .chart .value { fill: var(--ink); font-size: 12px; } .chart .name { fill: var(--ink); } .chart .heads text { font-weight: 600; }
.chart .uniform text { font-weight: 400; } .one { max-width: 40rem; } figure.wide { overflow-x: auto; } tfoot td, tfoot th { font-weight: 600; border-top: 1px solid var(--rule); }
tfoot th { position: sticky; left: 0; background: var(--card); }
`;

/**
 * A sensitivity table as one page that asks for nothing else, in the manner of report.html: heat map, what choosing layer by
 * layer brings, and the numbers.
 */
export function sensitivityHtml(report: SensitivityReport): string {
  return document({
    title: `${baseName(report.model.file)}: sensitivity by layer`,
    toolVersion: report.tool.version,
    style: HEAT_STYLE,
    body: [header(report), heatMap(report), allocation(report), numbers(report), provenance(report)],
  });
}

function header({ model, layers, candidates, images, dataset, measure }: SensitivityReport): string {
  return `<header>
<h1>${html(baseName(model.file))}: sensitivity by layer</h1>
<p class="lede">What it costs to discretize one layer alone, all others in float: ${html(measureName(measure))}, mean over ${plural(images, 'image')} of ${html(dataset.spec)}. ${plural(layers.length, 'layer')}, ${plural(candidates.length, 'candidate')}, no labels.</p>
</header>`;
}

function heatMap(report: SensitivityReport): string {
  return section(
    'Layer by layer',
    `<figure class="wide"><figcaption>Loss of each layer with each candidate</figcaption>${sensitivityHeatMap(report)}</figure>
<p class="hint">The darker, the more the network suffers (logarithmic). Rows in the order of the network.<span class="screen"> Point at a cell for its bytes.</span></p>`,
  );
}

function allocation(report: SensitivityReport): string {
  const chart = allocationChart(report);
  if (chart === '') return '';
  return section(
    'What a choice for each layer brings',
    `<div class="one"><figure><figcaption>Summed loss against size</figcaption>${chart}</figure></div>
<p class="hint">Line: each layer gets the candidate that makes the sum least. Marks: one candidate for all. Losses of single layers do not add up exactly, least of all at 1 and 2 bits: what counts is the accuracy of the whole network.</p>`,
  );
}

function numbers(report: SensitivityReport): string {
  const { layers, candidates, uniform } = report;
  const head = ['layer', 'operator', 'weights', ...candidates.map(candidateName)];
  const rows = layers.map(({ name, opType, count, cells }) => {
    const least = Math.min(...cells.map((cell) => cell?.loss ?? Number.POSITIVE_INFINITY));
    const shown = cells.map((cell) =>
      cell === null
        ? '<td>–</td>'
        : `<td${cell.loss === least ? ' class="best"' : ''}>${cell.kept ? 'kept' : lossText(cell.loss)}</td>`,
    );
    return `<tr><th scope="row">${html(name)}</th><td class="text">${html(opType)}</td><td>${grouped(count)}</td>${shown.join('')}</tr>`;
  });
  const total = report.model.quantizedWeights;
  const foot = [
    ['one candidate for all, summed', uniform.map(({ loss }) => lossText(loss))],
    ['a choice for each, same size', uniform.map(({ allocatedLoss }) => lossText(allocatedLoss))],
    ['bits a weight, levels counted', uniform.map(({ bitsPerWeight }) => bitsPerWeight.toFixed(2))],
  ] as const;
  const footer = foot.map(
    ([name, values], i) =>
      `<tr><th scope="row">${name}</th><td></td><td>${i === 0 ? grouped(total) : ''}</td>${values.map((value) => `<td>${value}</td>`).join('')}</tr>`,
  );
  return section(
    'The numbers',
    `<div class="scroll" role="region" tabindex="0" aria-label="Loss by layer and candidate"><table class="sensitivity"><thead><tr>${head
      .map((name, i) => `<th scope="col"${i === 1 ? ' class="text"' : ''}>${html(name)}</th>`)
      .join(
        '',
      )}</tr></thead><tbody>${rows.join('\n')}</tbody><tfoot>${footer.join('\n')}</tfoot></table></div>`,
  );
}

function provenance(report: SensitivityReport): string {
  const { model, dataset, tool, command, skipped, seconds } = report;
  const code = (text: string): string => `<code>${html(text)}</code>`;
  const facts: [string, string][] = [
    ...(command === null ? [] : [['Command', code(shellLine(command))] as [string, string]]),
    [
      'Model',
      `${code(model.file)}, ${html(model.format)}, ${bytes(model.byteLength)} (${grouped(model.byteLength)} bytes)`,
    ],
    ['Model SHA-256', code(model.sha256)],
    [
      'Weights',
      `${grouped(model.parameters)} parameters, ${grouped(model.quantizedWeights)} of them discretized (${percent((100 * model.quantizedWeights) / Math.max(1, model.parameters))})`,
    ],
    ...skipped.map(({ name, reason }): [string, string] => [
      'Kept in float',
      `${code(name)}: ${html(reason)}`,
    ]),
    ['Data', `${code(dataset.spec)}, ${plural(dataset.count, 'input')}`],
    ['Fingerprint of what was fed', code(dataset.fingerprint)],
    ['Preprocessing', dataset.preprocess === null ? 'none' : code(JSON.stringify(dataset.preprocess))],
    ['Compared', report.outputs.map(code).join(', ')],
    ['Time', `${seconds.toFixed(1)} s`],
    ['Tool', `${html(tool.name)} ${html(tool.version)}`],
    ['Created', html(report.created)],
  ];
  return section(
    'How this was made',
    `<dl class="facts">${facts.map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`).join('\n')}</dl>`,
  );
}
