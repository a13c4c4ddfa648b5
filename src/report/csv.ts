import type { Report, SweepPoint } from '../eval/types.ts';
import { csvField } from './escape.ts';

type Field = string | number | boolean | null;

/** The columns, in order: name, and the value of a point. Rates in percent, as in report.json. */
const COLUMNS: readonly (readonly [name: string, value: (point: SweepPoint, report: Report) => Field])[] = [
  ['scheme', (p) => p.scheme],
  ['bits', (p) => p.bits],
  ['granularity', (p) => p.granularity],
  ['method', (p) => p.method],
  ['fit', (p) => p.fit],
  ['levels', (p) => p.levels],
  ['zero', (p) => p.zero],
  ['bases', (p) => p.bases ?? null],
  ['repairs', (p) => p.repairs?.join('+') ?? null],
  ['actBits', (p) => p.actBits ?? null],
  ['ridge', (p) => p.ridge ?? null],
  ['actRange', (p) => p.actRange ?? null],
  ['count', (p) => p.count],
  ['top1', (p) => p.top1],
  ['top1Low', (p) => p.top1Interval?.[0] ?? null],
  ['top1High', (p) => p.top1Interval?.[1] ?? null],
  ['top5', (p) => p.top5],
  ['top5Low', (p) => p.top5Interval?.[0] ?? null],
  ['top5High', (p) => p.top5Interval?.[1] ?? null],
  ['agreement', (p) => p.agreement],
  ['klDivergence', (p) => p.klDivergence],
  ['logitSnrDb', (p) => p.logitSnrDb],
  ['correlation', (p) => p.correlation],
  ['packedBytes', (p) => p.packedBytes],
  ['bitsPerWeight', (p) => p.bitsPerWeight],
  ['entropyBits', (p) => p.entropyBits ?? null],
  ['compressedBytes', (p) => p.compressedBytes ?? null],
  ['onnxBytes', (p) => p.onnxBytes ?? null],
  ['seconds', (p) => p.seconds],
  ['macs', (p) => p.cost?.macs ?? null],
  ['energyMicrojoules', (p) => p.cost?.energy.total ?? null],
  ['computeMicrojoules', (p) => p.cost?.energy.compute ?? null],
  ['floatEnergyShare', (p) => p.cost?.shares.float ?? null],
  ['floatTop1', (_, report) => report.float.top1],
  ['floatTop5', (_, report) => report.float.top5],
  ['model', (_, report) => report.model.file],
  ['modelSha256', (_, report) => report.model.sha256],
  ['dataset', (_, report) => report.dataset.spec],
];

/** `report.csv`, RFC 4180 with a header: a line a point, ready to be put below that of another report. */
export function reportCsv(report: Report): string {
  const lines = [COLUMNS.map(([name]) => name)];
  for (const point of report.points) lines.push(COLUMNS.map(([, value]) => csvField(value(point, report))));
  return lines.map((fields) => `${fields.join(',')}\r\n`).join('');
}
