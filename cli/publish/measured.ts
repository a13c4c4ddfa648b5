import type { FloatScores, PointSettings, Report, ScoreResult, Scores } from '../../src/index.ts';
import type { Gate } from '../gates.ts';
import type { GateOptions } from '../options.ts';
import type { QuantizeResult } from '../quantize-text.ts';
import { pointGates } from '../sweep-gates.ts';
import { pointName, seriesName } from '../sweep-points.ts';

/** What other programs are told of a run: one form for all commands that measure. */
export interface Measured {
  readonly command: 'quantize' | 'score' | 'sweep';
  /** The hash is that of the float model that a packed file was made from. */
  readonly model: { readonly file: string; readonly sha256: string | null; readonly bytes: number | null };
  readonly data: { readonly spec: string; readonly fingerprint: string } | null;
  readonly float: Pick<FloatScores, 'top1' | 'top5'> | null;
  readonly points: readonly MeasuredPoint[];
}

export interface MeasuredPoint {
  /** `exp, channel, 3 bits`. */
  readonly name: string;
  /** `exp channel`: what points of one curve over bits share. */
  readonly series: string;
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  readonly values: MeasuredValues;
  readonly gates: readonly Gate[];
  /** Files that belong to the point alone. */
  readonly files: readonly string[];
}

/** Rates are in percent, as in reports. */
export interface MeasuredValues {
  readonly count: number | null;
  readonly top1: number | null;
  readonly top1Low: number | null;
  readonly top1High: number | null;
  readonly top5: number | null;
  readonly agreement: number | null;
  readonly klDivergence: number | null;
  readonly logitSnrDb: number | null;
  readonly correlation: number | null;
  readonly packedBytes: number | null;
  readonly bitsPerWeight: number | null;
  readonly seconds: number | null;
}

export function measuredSweep(report: Report, gates: GateOptions): Measured {
  const { model, dataset, float } = report;
  return {
    command: 'sweep',
    model: { file: model.file, sha256: model.sha256, bytes: model.byteLength },
    data: { spec: dataset.spec, fingerprint: dataset.fingerprint },
    float: ratesOf(float),
    points: report.points.map((point) => ({
      name: pointName(point),
      series: seriesName(point).join(' '),
      settings: settingsOf(point),
      values: valuesOf(point, point),
      gates: pointGates(point, report, gates),
      files: [],
    })),
  };
}

/** @param about what the file tells of its settings, null where that is mixed or unknown */
export function measuredScore(
  model: Measured['model'],
  about: Readonly<Record<string, string | number | null>>,
  result: ScoreResult,
  gates: readonly Gate[],
): Measured {
  const { packedBytes, ...settings } = about;
  return {
    command: 'score',
    model,
    data: { spec: result.dataset.spec, fingerprint: result.dataset.fingerprint },
    float: ratesOf(result.float),
    points: [
      {
        name: model.file,
        series: '',
        settings: settingsOf(settings),
        values: valuesOf(result, { packedBytes: packedBytes as number | null }),
        gates,
        files: [],
      },
    ],
  };
}

export function measuredQuantize(model: Measured['model'], results: readonly QuantizeResult[]): Measured {
  const dataset = results[0]?.scores?.dataset;
  return {
    command: 'quantize',
    model,
    data: dataset === undefined ? null : { spec: dataset.spec, fingerprint: dataset.fingerprint },
    float: ratesOf(results[0]?.scores?.float ?? null),
    points: results.map((result) => ({
      name: result.file,
      series: seriesName({ ...result, bits: result.bits ?? 0 } as PointSettings).join(' '),
      settings: settingsOf(result),
      values: valuesOf(result.scores, result),
      gates: result.gates,
      files: [result.file],
    })),
  };
}

/** Nothing but the rates: the same result must have the same hash, whatever else is known of the float model. */
function ratesOf(float: Measured['float']): Measured['float'] {
  return float && { top1: float.top1, top5: float.top5 };
}

/** Settings that points have in a report; those that are absent or null are left out. */
const SETTINGS: readonly (keyof PointSettings)[] = [
  ...(['scheme', 'bits', 'granularity', 'method', 'fit', 'levels', 'zero', 'bases', 'repairs'] as const),
  ...(['ridge', 'actBits', 'actRange'] as const),
];

function settingsOf(from: object): MeasuredPoint['settings'] {
  const values = from as Readonly<Record<string, unknown>>;
  const entries = SETTINGS.flatMap((name) => {
    const value = values[name];
    if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) return [];
    return [[name, Array.isArray(value) ? value.join('+') : (value as string | number | boolean)] as const];
  });
  return Object.fromEntries(entries);
}

function valuesOf(
  scores: Scores | null,
  size: { packedBytes: number | null; bitsPerWeight?: number; correlation?: number },
): MeasuredValues {
  const { top1Interval = null } = scores ?? {};
  return {
    count: scores?.count ?? null,
    top1: scores?.top1 ?? null,
    top1Low: top1Interval?.[0] ?? null,
    top1High: top1Interval?.[1] ?? null,
    top5: scores?.top5 ?? null,
    agreement: scores?.agreement ?? null,
    klDivergence: scores?.klDivergence ?? null,
    logitSnrDb: scores?.logitSnrDb ?? null,
    correlation: size.correlation ?? null,
    packedBytes: size.packedBytes,
    bitsPerWeight: size.bitsPerWeight ?? null,
    seconds: scores?.seconds ?? null,
  };
}
