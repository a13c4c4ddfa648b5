import { candidateName, lossText, measureName, type SensitivityReport } from '../src/index.ts';
import { coloursFor } from './terminal/colour.ts';
import { duration, grouped, plural, printable } from './terminal/format.ts';
import { outputWidth } from './terminal/output.ts';
import { table } from './terminal/table.ts';

/** What `sensitivity` prints: what was measured, layer by candidate, and what choosing layer by layer would bring. */
export function sensitivityText(report: SensitivityReport, file: string | undefined): string {
  const { bold, dim } = coloursFor(process.stdout);
  const { measure, images, dataset, skipped, seconds } = report;
  const stayed = skipped.map(({ name, reason }) => `  ${printable(name)}: ${printable(reason)}`);
  return [
    `${measureName(measure)}, one layer discretized and the others in float, mean over ${plural(images, 'image')} of ${printable(dataset.spec)}`,
    lossTable(report, bold),
    ...(stayed.length === 0
      ? []
      : [[`stay in float: ${plural(stayed.length, 'tensor')}`, ...stayed].join('\n')]),
    dim(`${duration(seconds)}${file === undefined ? '' : `, table: ${printable(file)}`}`),
  ].join('\n\n');
}

function lossTable(report: SensitivityReport, bold: (text: string) => string): string {
  const { layers, candidates, uniform, model } = report;
  const rows = layers.map(({ name, count, cells }) => [
    name,
    grouped(count),
    ...cells.map((cell) => (cell === null ? '–' : cell.kept ? 'kept' : lossText(cell.loss))),
  ]);
  rows.push(
    ['one for all, summed', grouped(model.quantizedWeights), ...uniform.map(({ loss }) => lossText(loss))],
    ['chosen by layer, same size', '', ...uniform.map(({ allocatedLoss }) => lossText(allocatedLoss))],
    ['bits a weight with levels', '', ...uniform.map(({ bitsPerWeight }) => bitsPerWeight.toFixed(2))],
  );
  const columns = [
    { head: 'layer', align: 'left' as const, shrinks: true },
    { head: 'weights' },
    ...candidates.map((candidate) => ({ head: candidateName(candidate) })),
  ];
  return table(columns, rows, outputWidth(), bold);
}
