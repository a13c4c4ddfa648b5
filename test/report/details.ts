import type {
  Flips,
  LayerFit,
  LayerHistograms,
  Report,
  SweepPoint,
  WeightHistogram,
} from '../../src/eval/types.ts';
import { packBits } from '../../src/tensor/bits.ts';

const CLASSES = 10;

/** Adds to a made-up report what a sweep tells beyond rates: outcomes by image, flips by class, weights and levels. Everything fits the rates. */
export function withDetails(report: Report): Report {
  const { count, labelled } = report.dataset;
  const before = flagsFor(labelled ? report.float.top1! : 100, count, 0);
  const classOf = (image: number): number => image % CLASSES;
  const byClass = {
    count: tally(count, classOf, () => true),
    right: tally(count, classOf, (i) => before[i] === 1),
  };
  const points = report.points.map((point, i): SweepPoint => {
    const after = flagsFor((labelled ? point.top1 : point.agreement)!, count, 37 + i);
    const lost = tally(count, classOf, (image) => before[image] === 1 && after[image] === 0);
    const flips: Flips = {
      right: tally(count, classOf, (image) => after[image] === 1),
      lost,
      gained: tally(count, classOf, (image) => before[image] === 0 && after[image] === 1),
      confusions: lost
        .map((images, from) => ({ from, to: (from + 3) % CLASSES, images }))
        .filter(({ images }) => images > 0)
        .toSorted((a, b) => b.images - a.images),
    };
    return {
      ...point,
      runSeconds: point.seconds * 0.9,
      outcomes: {
        right: labelled ? bitset(after) : null,
        agrees: bitset(flagsFor(point.agreement!, count, 5)),
      },
      flips,
      layers: point.layers.map(withLevels),
    };
  });
  const granularities = [...new Set(points.map(({ granularity }) => granularity))];
  const names = [...new Set(points.flatMap(({ layers }) => layers.map(({ name }) => name)))];
  return {
    ...report,
    weights: names.map((name, i) => histogramsOf(name, i, granularities)),
    float: {
      ...report.float,
      runSeconds: report.float.seconds * 0.95,
      outcomes: { right: labelled ? bitset(before) : null },
      byClass,
    },
    points,
  };
}

/** Ones for exactly `rate` percent of the images, spread over them; `shift` says which. */
function flagsFor(rate: number, count: number, shift: number): Uint8Array {
  const hits = Math.round((rate * count) / 100);
  // 7919 is prime, so this visits every image once.
  return Uint8Array.from({ length: count }, (_, i) => ((i * 7919 + shift) % count < hits ? 1 : 0));
}

function tally(
  count: number,
  classOf: (image: number) => number,
  which: (image: number) => boolean,
): number[] {
  const found = new Array<number>(CLASSES).fill(0);
  for (let i = 0; i < count; i++) if (which(i)) found[classOf(i)]!++;
  return found;
}

function bitset(flags: Uint8Array): string {
  return Buffer.from(packBits(flags, 1)).toString('base64');
}

/** Levels in equal steps. */
function withLevels(layer: LayerFit): LayerFit {
  const count = 2 ** layer.bits;
  const kept = Math.min(32, count);
  const inRms = Array.from({ length: kept }, (_, i) =>
    Number((((i + 0.5) / kept - 0.5) * 6.123).toPrecision(4)),
  );
  return { ...layer, levels: { inRms, count } };
}

/** Something like a bell. */
function histogramsOf(name: string, place: number, granularities: readonly string[]): LayerHistograms {
  const histograms = granularities.map((granularity, g): [string, WeightHistogram] => {
    const counts = Array.from({ length: 80 }, (_, i) =>
      Math.round(40 * Math.exp(-(((i - 39.5) / (8 + (place % 3) + g)) ** 2) / 2)),
    );
    return [granularity, { from: -5, to: 5, counts, below: place % 2, above: 0 }];
  });
  return { name, count: 1000, rms: 0.05, histograms: Object.fromEntries(histograms) };
}
