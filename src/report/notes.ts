import type { Report } from '../eval/types.ts';
import { percent, plural } from './format.ts';
import { atChance, bitWidths, type Headline, pointLabel, type Series } from './series.ts';

/** What a reader must know to read the numbers right, as plain sentences without names that a file could have chosen. */
export function notes(report: Report, headline: Headline, series: readonly Series[]): string[] {
  const sentences = (report.failures ?? []).map(
    ({ scheme, bits, granularity, message }) =>
      `Could not be scored: ${scheme}, ${granularity}, ${plural(bits, 'bit')}: ${message}`,
  );
  const guessing = atChance(report, headline);
  if (headline.chance !== null && guessing.length > 0) {
    const names = series.flatMap((line) =>
      line.points.filter((point) => guessing.includes(point)).map((point) => pointLabel(line, point)),
    );
    sentences.push(
      `At chance level (${percent(headline.chance)}, ${plural(report.dataset.classes!, 'class', 'classes')}), so the network no longer works there: ${names.join('; ')}.`,
    );
  }
  const schemes = new Set(report.points.filter((point) => point.bits === 1).map((point) => point.scheme));
  if (
    ['binary', 'linear', 'exp'].filter((scheme) => schemes.has(scheme)).length > 1 &&
    bitWidths(report).length > 1
  )
    sentences.push(
      'At one bit binary, linear and exp are the same rule, sign(w) times the mean size, so their points coincide.',
    );
  if (headline.name === 'top-1' && report.points.length > 0)
    sentences.push(
      `Intervals are Wilson 95 % for ${plural(report.dataset.count, 'image')}; two points whose intervals overlap may rank the other way on more images.`,
    );
  if (headline.name === 'agreement')
    sentences.push(
      'The data have no labels: agreement is the share of inputs that get the answer of the float model.',
    );
  const broken = series.flatMap((line) =>
    line.points
      .filter((point) => (point.notFinite ?? 0) > 0)
      .map((point) => `${pointLabel(line, point)} on ${plural(point.notFinite!, 'image')}`),
  );
  if (broken.length > 0)
    sentences.push(
      `Outputs were infinite or not a number, and are left out of KL and signal-to-noise: ${broken.join('; ')}.`,
    );
  if (report.model.skipped.length > 0)
    sentences.push(
      `${plural(report.model.skipped.length, 'weight')} stayed in float; inspect says which, and why.`,
    );
  return sentences;
}
