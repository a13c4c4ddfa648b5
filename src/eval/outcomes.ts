import type { Dataset } from '../formats/datasets/dataset.ts';
import { packBits } from '../tensor/bits.ts';
import type { ImageScores } from './metrics.ts';
import type { Setup } from './setup.ts';
import type { ClassCounts, Confusion, FloatOutcomes, FloatScores, Report, SweepPoint } from './types.ts';

/** Classes that flips are counted by; three numbers a class and point, so a report of 64 points stays below some megabytes. */
export const MAX_CLASSES = 4096;

/** Pairs of classes that a point lists. */
export const MAX_CONFUSIONS = 20;

type Targets = Pick<Setup, 'kind' | 'width' | 'labels'>;

/** What one image is and became: its class, and whether float model and point are right. */
interface Change {
  readonly class: number;
  readonly before: boolean;
  readonly after: boolean;
  readonly answer: number;
}

/** Right answers of the float model by image and by class. */
export function floatOutcomes(
  parts: readonly ImageScores[],
  targets: Targets,
): { outcomes: FloatOutcomes } & Pick<FloatScores, 'byClass'> {
  const changes = changesOf(parts, targets.labels);
  const classes = classCount(changes, targets);
  return {
    outcomes: { right: rightBits(parts) },
    ...(classes !== undefined && { byClass: countsOf(changes, classes) }),
  };
}

/** Outcomes of a point by image, and what changed against the float model. The parts must have a reference. */
export function pointOutcomes(
  parts: readonly ImageScores[],
  targets: Targets,
): Required<Pick<SweepPoint, 'outcomes'>> & Pick<SweepPoint, 'flips'> {
  const outcomes = { right: rightBits(parts), agrees: bitset(parts.flatMap(({ agrees }) => [...agrees!])) };
  const changes = changesOf(parts, targets.labels);
  const classes = classCount(changes, targets);
  if (classes === undefined) return { outcomes };
  const { right } = countsOf(changes, classes);
  const [lost, gained] = [zeros(classes), zeros(classes)];
  for (const change of changes) {
    if (change.before && !change.after) lost[change.class]!++;
    if (!change.before && change.after) gained[change.class]!++;
  }
  return { outcomes, flips: { right, lost, gained, confusions: confusionsOf(changes) } };
}

/** Names of the outputs: those of the dataset, moved by the offset of its labels. */
export function classNamesOf(
  { classNames }: Pick<Dataset, 'classNames'>,
  { kind, width, preprocess }: Pick<Setup, 'kind' | 'width' | 'preprocess'>,
): Pick<Report['dataset'], 'classNames'> {
  if (classNames === undefined) return {};
  const offset = preprocess?.labelOffset ?? 0;
  const count = kind === 'index' ? classNames.length + offset : width;
  return { classNames: Array.from({ length: count }, (_, i) => classNames[i - offset] ?? null) };
}

/** Images whose class is known; without labels it is what the float model answers, and that is right. */
function changesOf(parts: readonly ImageScores[], labels: Int32Array | undefined): Change[] {
  const changes: Change[] = [];
  let image = 0;
  for (const { count, rank, answer, referenceAnswer = answer, referenceRight, agrees } of parts)
    for (let i = 0; i < count; i++, image++) {
      const of = labels === undefined ? referenceAnswer[i]! : labels[image]!;
      if (of < 0) continue;
      const after = rank === undefined ? agrees?.[i] !== 0 : rank[i]! < 1;
      const before =
        rank === undefined ? true : referenceRight === undefined ? after : referenceRight[i] === 1;
      changes.push({ class: of, before, after, answer: answer[i]! });
    }
  return changes;
}

/** Undefined for too many. A network that gives indices has as many classes as were seen. */
function classCount(changes: readonly Change[], { kind, width }: Targets): number | undefined {
  const count = kind === 'index' ? 1 + changes.reduce((most, one) => Math.max(most, one.class), -1) : width;
  return count <= MAX_CLASSES ? count : undefined;
}

function countsOf(changes: readonly Change[], classes: number): ClassCounts {
  const [count, right] = [zeros(classes), zeros(classes)];
  for (const change of changes) {
    count[change.class]!++;
    if (change.after) right[change.class]!++;
  }
  return { count, right };
}

/** Ties in the order of the classes, so that the same outcomes give the same list. */
function confusionsOf(changes: readonly Change[]): Confusion[] {
  const pairs = new Map<string, Confusion>();
  for (const { class: from, before, after, answer } of changes) {
    if (!before || after) continue;
    const to = answer < 0 ? null : answer;
    const key = `${from} ${to}`;
    pairs.set(key, { from, to, images: (pairs.get(key)?.images ?? 0) + 1 });
  }
  return [...pairs.values()]
    .toSorted((a, b) => b.images - a.images || a.from - b.from || (a.to ?? -1) - (b.to ?? -1))
    .slice(0, MAX_CONFUSIONS);
}

function rightBits(parts: readonly ImageScores[]): string | null {
  if (parts.some(({ rank }) => rank === undefined)) return null;
  return bitset(parts.flatMap(({ rank }) => Array.from(rank!, (place) => (place < 1 ? 1 : 0))));
}

function bitset(flags: readonly number[]): string {
  return Buffer.from(packBits(Uint8Array.from(flags), 1)).toString('base64');
}

function zeros(length: number): number[] {
  return new Array<number>(length).fill(0);
}
