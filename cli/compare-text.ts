import type { ComparedPoint, Comparison, PairedTest, PointSettings } from '../src/index.ts';
import { pointName } from './sweep-points.ts';
import { coloursFor } from './terminal/colour.ts';
import { fixed, grouped, plural, printable, signed } from './terminal/format.ts';
import { outputWidth } from './terminal/output.ts';
import { pairs, table } from './terminal/table.ts';

/** Points of one report alone that are named. */
const MAX_LISTED = 12;

/** Two reports side by side for a person: where they are from, point by point, and what can be said of the differences. */
export function compareText(comparison: Comparison): string {
  const { bold } = coloursFor(process.stdout);
  const { points, onlyBefore, onlyAfter } = comparison;
  return [
    origins(comparison),
    ...(points.length === 0 ? ['no point is in both reports'] : [pointTable(comparison, bold)]),
    verdicts(comparison).join('\n'),
    ...only('only in the first report', onlyBefore),
    ...only('only in the second report', onlyAfter),
  ].join('\n\n');
}

function origins({ before, after, float, measure }: Comparison): string {
  const line = ({ model, dataset, created, tool }: Comparison['before'], top1: number | null): string =>
    `${printable(model.file)}, float ${measure === 'top-1' ? `top-1 ${fixed(top1, 2)} %` : 'model'}, ${plural(dataset.count, 'image')} of ${printable(dataset.spec)}, ${printable(created.slice(0, 10))}, version ${printable(tool.version)}`;
  return pairs([
    ['before', line(before, float.before)],
    ['after', line(after, float.after)],
    ['model', before.model.sha256 === after.model.sha256 ? 'the same float model' : 'two float models'],
    ...(float.test === null
      ? []
      : [['float', `${changes(float.test)}, ${pText(float.test.pValue)}`] as const]),
  ]);
}

function pointTable({ points, measure, unpaired }: Comparison, bold: (text: string) => string): string {
  const rows = points.map(({ settings, before, after, difference, test }) => [
    pointName(settings),
    fixed(before.rate, 2),
    fixed(after.rate, 2),
    difference === null ? '–' : signed(difference),
    ...(unpaired === null
      ? [
          test === null ? '–' : grouped(test.lost),
          test === null ? '–' : grouped(test.gained),
          test === null ? '–' : pText(test.adjusted).replace('p ', ''),
          test === null || test.verdict === 'undecided' ? '' : test.verdict,
        ]
      : []),
    relative(before.packedBytes, after.packedBytes),
    relative(before.seconds, after.seconds, 0),
  ]);
  const columns = [
    { head: `${measure}, %`, align: 'left' as const, shrinks: true },
    { head: 'before' },
    { head: 'after' },
    { head: 'change' },
    ...(unpaired === null
      ? [{ head: 'lost' }, { head: 'gained' }, { head: 'p' }, { head: '', align: 'left' as const }]
      : []),
    { head: 'bytes' },
    { head: 'time' },
  ];
  return table(columns, rows, outputWidth(), bold);
}

/** What the numbers allow to say, and what they do not. */
function verdicts({ points, unpaired, alpha, measure, before, after }: Comparison): string[] {
  const notes =
    measure === 'agreement' && before.model.sha256 !== after.model.sha256
      ? ['agreement is with the float model of each report, and these are two different ones']
      : [];
  if (unpaired !== null)
    return [`not tested: ${unpaired}; the changes may be due to that, or to chance`, ...notes];
  const tested = points.filter(({ test }) => test !== null);
  if (tested.length === 0) return ['nothing was tested', ...notes];
  const of = (verdict: string): ComparedPoint[] => tested.filter(({ test }) => test!.verdict === verdict);
  const [worse, better, undecided] = [of('worse'), of('better'), of('undecided')];
  return [
    `worse: ${worse.length}, better: ${better.length}, no difference shown: ${undecided.length}${undecided.length > 0 ? ' (there may be one all the same)' : ''}`,
    `p: McNemar’s exact test on the images lost and gained, corrected for ${plural(tested.length, 'point')} after Holm; below ${alpha} counts`,
    ...notes,
  ];
}

function only(what: string, points: readonly PointSettings[]): string[] {
  if (points.length === 0) return [];
  const names = points.slice(0, MAX_LISTED).map((point) => `  ${pointName(point)}`);
  const rest = points.length - names.length;
  return [[`${what}:`, ...names, ...(rest > 0 ? [`  … and ${rest} more (--json has them)`] : [])].join('\n')];
}

function changes({ lost, gained }: PairedTest): string {
  return `${grouped(lost)} lost, ${grouped(gained)} gained`;
}

/** `p 0.031`, `p <0.0001`. */
function pText(p: number): string {
  return p < 0.0001 ? 'p <0.0001' : `p ${p < 0.1 ? String(Number(p.toPrecision(2))) : p.toFixed(2)}`;
}

/** `−12.30 %` of what it was; `same` for the same number. */
function relative(before: number, after: number, digits = 2): string {
  if (before === after) return 'same';
  return before === 0 ? '–' : `${signed((100 * (after - before)) / before, digits)} %`;
}
