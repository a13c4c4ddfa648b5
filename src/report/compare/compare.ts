import { BnnqError } from '../../errors.ts';
import type { ComparablePoint, ComparableReport, PointSettings } from '../../eval/types.ts';
import { holm, mcnemar } from './mcnemar.ts';
import { settingsOf } from './settings.ts';

/** What is compared: top-1 where both reports have labels, else agreement of each with its float model. */
export type Measure = 'top-1' | 'agreement';

/** Two networks on the same images. */
export interface PairedTest {
  /** Images right before and wrong after, and the other way round. */
  readonly lost: number;
  readonly gained: number;
  /** Of McNemar's exact test, two-sided. */
  readonly pValue: number;
}

export interface PointTest extends PairedTest {
  /** `pValue` after Holm's correction over all points that are tested. */
  readonly adjusted: number;
  /** Whether `adjusted` is below alpha, and which way; a point that is `undecided` may have changed all the same. */
  readonly verdict: 'better' | 'worse' | 'undecided';
}

export interface ComparedPoint {
  readonly settings: PointSettings;
  readonly before: Side;
  readonly after: Side;
  /** After − before, percentage points; null where one is not known. */
  readonly difference: number | null;
  /** Null where the reports cannot be paired. */
  readonly test: PointTest | null;
}

export interface Side {
  /** Percent. */
  readonly rate: number | null;
  readonly packedBytes: number;
  readonly seconds: number;
}

/** Schema `bnn-quantize/comparison@1`. */
export interface Comparison {
  readonly schema: 'bnn-quantize/comparison@1';
  readonly measure: Measure;
  readonly alpha: number;
  /** Why there are no paired tests; null where there are. */
  readonly unpaired: string | null;
  readonly before: Origin;
  readonly after: Origin;
  readonly float: {
    readonly before: number | null;
    readonly after: number | null;
    readonly test: PairedTest | null;
  };
  /** Points with the same settings, in the order of the second report. */
  readonly points: readonly ComparedPoint[];
  readonly onlyBefore: readonly PointSettings[];
  readonly onlyAfter: readonly PointSettings[];
}

export type Origin = Pick<ComparableReport, 'tool' | 'created' | 'model' | 'dataset'>;

export interface CompareOptions {
  /** The chance of any false alarm that is accepted, above 0 and below 1; 0.05 when absent. */
  readonly alpha?: number;
  /** Settings that points need not have in common, to see what one of them brings. */
  readonly ignore?: readonly (keyof PointSettings)[];
}

/**
 * Compares two reports point by point, matched by their settings. Where both are of the same images (fingerprint and
 * number) each point is tested on its paired outcomes; where not, differences are shown and nothing is claimed.
 * @throws option (alpha), mismatch (two points of one report that are matched by the same settings)
 */
export function compareReports(
  before: ComparableReport,
  after: ComparableReport,
  { alpha = 0.05, ignore = [] }: CompareOptions = {},
): Comparison {
  if (!(alpha > 0 && alpha < 1))
    throw new BnnqError('option', `alpha: expected a number above 0 and below 1, got ${alpha}`);
  const measure: Measure = [before, after].every(({ dataset }) => dataset.labelled) ? 'top-1' : 'agreement';
  const unpaired = whyUnpaired(before, after);
  const { count } = after.dataset;
  const [old, own] = [bySettings(before, ignore, 'first'), bySettings(after, ignore, 'second')];
  const matched = [...own].flatMap(([key, point]) => {
    const other = old.get(key);
    return other === undefined ? [] : [{ other, point }];
  });
  const tests = matched.map(({ other, point }) =>
    unpaired === null ? paired(outcomeOf(other, measure), outcomeOf(point, measure), count) : null,
  );
  const known = tests.filter((test) => test !== null);
  const adjusted = new Map(holm(known.map(({ pValue }) => pValue)).map((p, i) => [known[i]!, p]));
  const floatTest =
    unpaired === null && measure === 'top-1'
      ? paired(before.float.outcomes?.right, after.float.outcomes?.right, count)
      : null;
  return {
    schema: 'bnn-quantize/comparison@1',
    measure,
    alpha,
    unpaired,
    before: originOf(before),
    after: originOf(after),
    float: { before: before.float.top1, after: after.float.top1, test: floatTest },
    points: matched.map(({ other, point }, i) => {
      const [a, b] = [sideOf(other, measure), sideOf(point, measure)];
      const test = tests[i] ?? null;
      return {
        settings: settingsOf(point),
        before: a,
        after: b,
        difference: a.rate === null || b.rate === null ? null : b.rate - a.rate,
        test: test && { ...test, ...judged(test, adjusted.get(test)!, alpha) },
      };
    }),
    onlyBefore: [...old].flatMap(([key, point]) => (own.has(key) ? [] : [settingsOf(point)])),
    onlyAfter: [...own].flatMap(([key, point]) => (old.has(key) ? [] : [settingsOf(point)])),
  };
}

function judged(
  { lost, gained }: PairedTest,
  adjusted: number,
  alpha: number,
): Pick<PointTest, 'adjusted' | 'verdict'> {
  return { adjusted, verdict: adjusted >= alpha ? 'undecided' : lost > gained ? 'worse' : 'better' };
}

function whyUnpaired(before: ComparableReport, after: ComparableReport): string | null {
  const [a, b] = [before.dataset, after.dataset];
  if (a.count !== b.count) return `one report is of ${a.count} images, the other of ${b.count}`;
  if (a.fingerprint !== b.fingerprint)
    return `the images differ: the data have the fingerprints ${a.fingerprint.slice(0, 12)}… and ${b.fingerprint.slice(0, 12)}…`;
  if (a.labelled !== b.labelled) return 'one report has labels, the other has none';
  const old = [before, after].find(({ points }) => points.every(({ outcomes }) => outcomes === undefined));
  return old === undefined
    ? null
    : `the report of ${old.created} keeps no outcomes by image (of an older version, perhaps)`;
}

function bySettings(
  report: ComparableReport,
  ignore: readonly (keyof PointSettings)[],
  which: string,
): Map<string, ComparablePoint> {
  const found = new Map<string, ComparablePoint>();
  for (const [i, point] of report.points.entries()) {
    const key = JSON.stringify(settingsOf(point), (name, value: unknown) =>
      (ignore as readonly string[]).includes(name) ? undefined : value,
    );
    if (found.has(key))
      throw new BnnqError(
        'mismatch',
        `the ${which} report has two points with the same settings${ignore.length > 0 ? ` but for ${ignore.join(', ')}` : ''}: points[${i}] and one before it`,
      );
    found.set(key, point);
  }
  return found;
}

function outcomeOf({ outcomes }: ComparablePoint, measure: Measure): string | null | undefined {
  return measure === 'top-1' ? outcomes?.right : outcomes?.agrees;
}

/** Null where one of the two has no outcomes. */
function paired(
  before: string | null | undefined,
  after: string | null | undefined,
  count: number,
): PairedTest | null {
  if (typeof before !== 'string' || typeof after !== 'string') return null;
  const [a, b] = [Buffer.from(before, 'base64'), Buffer.from(after, 'base64')];
  let [lost, gained] = [0, 0];
  for (let i = 0; i < count; i++) {
    const [was, is] = [(a[i >> 3]! >> (i & 7)) & 1, (b[i >> 3]! >> (i & 7)) & 1];
    lost += was & ~is;
    gained += is & ~was;
  }
  return { lost, gained, pValue: mcnemar(lost, gained) };
}

function sideOf(point: ComparablePoint, measure: Measure): Side {
  const { packedBytes, seconds } = point;
  return { rate: measure === 'top-1' ? point.top1 : point.agreement, packedBytes, seconds };
}

/** Not what a whole report has besides. */
function originOf({ tool, created, model, dataset }: ComparableReport): Origin {
  const { spec, count, fingerprint, labelled } = dataset;
  return {
    tool: { name: tool.name, version: tool.version },
    created,
    model: { file: model.file, sha256: model.sha256 },
    dataset: { spec, count, fingerprint, labelled },
  };
}
