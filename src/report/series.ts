import type { PointSettings, Report, SweepPoint } from '../eval/types.ts';
import { plural } from './format.ts';

/** Points that differ in their bit width alone: one line of a chart. */
export interface Series {
  /** What tells it from the others: `exp · channel`, or `exp` where all points have the same granularity. */
  readonly label: string;
  readonly scheme: string;
  /** Place of the scheme among the schemes of the report, for its colour and marker. */
  readonly schemeIndex: number;
  /** The same of its granularity. */
  readonly granularityIndex: number;
  /** Place among the series of the same scheme, for its dash and fill. */
  readonly variant: number;
  /** In ascending bit width. */
  readonly points: readonly SweepPoint[];
}

/** What the report judges by: top-1 accuracy, or agreement with the float model where there are no labels. */
export interface Headline {
  readonly name: 'top-1' | 'agreement';
  /** `top-1 accuracy, %`, for axes. */
  readonly axis: string;
  /** That of the float model: its accuracy, or 100 % agreement with itself. */
  readonly float: number;
  /** Accuracy of guessing, percent, where the number of classes is known. */
  readonly chance: number | null;
  of(point: SweepPoint): number | null;
  interval(point: SweepPoint): readonly [number, number] | null;
}

type Variant = Omit<PointSettings, 'scheme' | 'bits'>;

/** What makes points of one scheme different series. */
const SETTINGS: readonly (keyof Variant)[] = [
  'granularity',
  'method',
  'repairs',
  'ridge',
  'actBits',
  'actRange',
  'fit',
  'levels',
  'zero',
  'bases',
];

/** Settings of a part of a network that points may be without: these have none. */
const OF_A_PART: ReadonlySet<keyof Variant> = new Set(['ridge', 'actRange']);

export function headlineOf(report: Report): Headline {
  if (!report.dataset.labelled || report.float.top1 === null)
    return {
      name: 'agreement',
      axis: 'agreement with float, %',
      float: 100,
      chance: null,
      of: (point) => point.agreement,
      interval: () => null,
    };
  const classes = report.dataset.classes ?? null;
  return {
    name: 'top-1',
    axis: 'top-1 accuracy, %',
    float: report.float.top1,
    chance: classes === null || classes < 2 ? null : 100 / classes,
    of: (point) => point.top1,
    interval: (point) => point.top1Interval,
  };
}

/** The points as series, in the order in which scheme and settings first appear. */
export function seriesOf(report: Report): Series[] {
  const varying = varyingSettings(report.points);
  const schemes = [...new Set(report.points.map((point) => point.scheme))];
  const granularities = [...new Set(report.points.map((point) => point.granularity))];
  const groups = new Map<string, SweepPoint[]>();
  for (const point of report.points) {
    const key = JSON.stringify([point.scheme, ...SETTINGS.map((name) => point[name])]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [point]);
    else group.push(point);
  }
  const seen = new Map<string, number>();
  const series = [...groups.values()].map((points): Series => {
    const first = points[0]!;
    const variant = seen.get(first.scheme) ?? 0;
    seen.set(first.scheme, variant + 1);
    return {
      label: [first.scheme, ...varying.map((setting) => settingText(setting, first))].join(' · '),
      scheme: first.scheme,
      schemeIndex: schemes.indexOf(first.scheme),
      granularityIndex: granularities.indexOf(first.granularity),
      variant,
      points: points.toSorted((a, b) => a.bits - b.bits),
    };
  });
  return series.toSorted((a, b) => a.schemeIndex - b.schemeIndex);
}

/** The settings that all points share, in words: `granularity channel, fit correlation, …`; empty without points. */
function commonSettings(report: Report): string {
  const varying = varyingSettings(report.points);
  return SETTINGS.flatMap((name) => {
    const point = report.points.find((one) => one[name] !== undefined);
    if (varying.includes(name) || point === undefined) return [];
    return name === 'zero' ? settingText(name, point) : `${name} ${settingText(name, point)}`;
  }).join(', ');
}

/** What holds for all points, in sentences: their settings, and the images that they were calibrated on; empty without points. */
export function sharedText(report: Report): string {
  const settings = commonSettings(report);
  const { calibration } = report;
  return [
    ...(settings === '' ? [] : [`All points: ${settings}.`]),
    ...(calibration === undefined || report.points.length === 0
      ? []
      : [`Calibrated on ${plural(calibration.count, 'image')} of ${calibration.spec}, without labels.`]),
  ].join(' ');
}

/** `exp · channel · 3 bits`: a point by the words that its series uses. */
export function pointLabel(series: Series, point: SweepPoint): string {
  return `${series.label} · ${point.bits} bit${point.bits === 1 ? '' : 's'}`;
}

/** The bit widths of the report, ascending. */
export function bitWidths(report: Report): number[] {
  return [...new Set(report.points.map((point) => point.bits))].toSorted((a, b) => a - b);
}

/** The best point of a bit width: highest headline, then smallest file. */
export function bestAt(report: Report, headline: Headline, bits: number): SweepPoint | undefined {
  return report.points
    .filter((point) => point.bits === bits && headline.of(point) !== null)
    .toSorted((a, b) => headline.of(b)! - headline.of(a)! || a.packedBytes - b.packedBytes)[0];
}

/** The smallest file that loses at most `points` against float, or undefined when none does. */
export function smallestWithin(report: Report, headline: Headline, points: number): SweepPoint | undefined {
  return report.points
    .filter((point) => (headline.of(point) ?? Number.NEGATIVE_INFINITY) >= headline.float - points)
    .toSorted((a, b) => a.packedBytes - b.packedBytes || headline.of(b)! - headline.of(a)!)[0];
}

/** The smallest point within 1 point of float, or the best of the widest: what a reader would most likely take. */
export function likelyChoice(report: Report, headline: Headline): SweepPoint | undefined {
  return smallestWithin(report, headline, 1) ?? bestAt(report, headline, bitWidths(report).at(-1) ?? 0);
}

/** Points that no other one beats in both size and headline, ascending in size. */
export function paretoFront(report: Report, headline: Headline): SweepPoint[] {
  const bySize = report.points
    .filter((point) => headline.of(point) !== null)
    .toSorted((a, b) => a.packedBytes - b.packedBytes || headline.of(b)! - headline.of(a)!);
  const front: SweepPoint[] = [];
  let best = Number.NEGATIVE_INFINITY;
  for (const point of bySize)
    if (headline.of(point)! > best) {
      best = headline.of(point)!;
      front.push(point);
    }
  return front;
}

/** Points that cannot be told from guessing: chance lies within or above their interval. */
export function atChance(report: Report, headline: Headline): SweepPoint[] {
  const { chance } = headline;
  if (chance === null) return [];
  return report.points.filter((point) => {
    const range = headline.interval(point);
    return range !== null && range[0] <= chance;
  });
}

function varyingSettings(points: readonly SweepPoint[]): (keyof Variant)[] {
  return SETTINGS.filter((name) => {
    const having = OF_A_PART.has(name) ? points.filter((point) => point[name] !== undefined) : points;
    return new Set(having.map((point) => settingText(name, point))).size > 1;
  });
}

function settingText(name: keyof Variant, point: SweepPoint): string {
  switch (name) {
    case 'zero':
      return point.zero ? 'with zero' : 'no zero';
    case 'repairs':
      return (point.repairs ?? ['none']).join('+');
    case 'actBits':
      return point.actBits === undefined ? 'float activations' : `${point.actBits}-bit activations`;
    case 'bases':
      return point.bases ?? 'joint';
    default:
      return String(point[name]);
  }
}
