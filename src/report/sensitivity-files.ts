import type { SensitivityReport } from '../eval/types.ts';
import { csvField, markdownCode, markdownText } from './escape.ts';
import { baseName, grouped, plural } from './format.ts';
import { sensitivityHtml } from './html/sensitivity.ts';
import { candidateName, lossText, measureName } from './sensitivity-format.ts';

/** The files that a sensitivity table can be written as, by the ending of their names. */
export const SENSITIVITY_FILES: Readonly<Record<string, (report: SensitivityReport) => string>> = {
  html: sensitivityHtml,
  json: sensitivityJson,
  csv: sensitivityCsv,
  md: sensitivityMarkdown,
};

/** Schema `bnn-quantize/sensitivity@1`, two spaces deep. A loss that is infinite becomes null. */
export function sensitivityJson(report: SensitivityReport): string {
  return `${JSON.stringify(report, null, 2)}\n`;
}

const CSV_HEAD = [
  ...['layer', 'node', 'operator', 'weights'],
  ...['scheme', 'bits', 'granularity', 'fit', 'levels', 'zero', 'bases'],
  ...['measure', 'loss', 'codeBytes', 'levelBytes', 'kept', 'images', 'model', 'modelSha256', 'dataset'],
];

/** RFC 4180 with a header: a line a layer and candidate. The loss of outputs that are no numbers is `inf`. */
export function sensitivityCsv(report: SensitivityReport): string {
  const lines: (readonly (string | number | boolean | null)[])[] = [CSV_HEAD];
  for (const { name, node, opType, count, cells } of report.layers)
    for (const [i, cell] of cells.entries()) {
      if (cell === null) continue;
      const { scheme, bits, granularity, fit, levels, zero, bases } = report.candidates[i]!;
      lines.push([
        ...[name, node, opType, count],
        ...[scheme, bits, granularity, fit, levels, zero, bases],
        report.measure,
        Number.isFinite(cell.loss) ? cell.loss : 'inf',
        ...[cell.codeBytes, cell.levelBytes, cell.kept === true],
        ...[report.images, report.model.file, report.model.sha256, report.dataset.spec],
      ]);
    }
  return lines.map((fields) => `${fields.map(csvField).join(',')}\r\n`).join('');
}

/** The table for a pull request. */
export function sensitivityMarkdown(report: SensitivityReport): string {
  const { layers, candidates, uniform, model, dataset, images, measure } = report;
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const names = candidates.map(candidateName);
  return `${[
    `# ${markdownText(baseName(model.file))}: sensitivity by layer`,
    '',
    `What it costs to discretize one layer alone, all others in float: ${measureName(measure)}, mean over ${plural(images, 'image')} of ${markdownCode(dataset.spec)}.`,
    '',
    row(['layer', 'weights', ...names.map(markdownText)]),
    row(['---', '---:', ...names.map(() => '---:')]),
    ...layers.map(({ name, count, cells }) =>
      row([
        markdownCode(name),
        grouped(count),
        ...cells.map((cell) => (cell === null ? '–' : cell.kept ? 'kept' : lossText(cell.loss))),
      ]),
    ),
    row([
      'one candidate for all, summed',
      grouped(model.quantizedWeights),
      ...uniform.map(({ loss }) => lossText(loss)),
    ]),
    row(['a choice for each, same size', '', ...uniform.map(({ allocatedLoss }) => lossText(allocatedLoss))]),
    row([
      'bits a weight, levels counted',
      '',
      ...uniform.map(({ bitsPerWeight }) => bitsPerWeight.toFixed(2)),
    ]),
  ].join('\n')}\n`;
}
