import { exp } from '../kernels/math/exp.ts';
import { log } from '../kernels/math/log.ts';
import type { Scores } from './types.ts';

/**
 * What the values of an output are: scores that a softmax would turn into probabilities, probabilities, or the index of
 * the class itself.
 */
export type OutputKind = 'logits' | 'probabilities' | 'index';

/**
 * Probabilities below this count as this in a divergence: the smallest positive float16, below which a network in half
 * precision says 0. Without a floor one such zero makes the divergence infinite.
 */
const PROBABILITY_FLOOR: number = 2 ** -24;

/** Quantile of the normal distribution for 95 %, both sides. */
const Z_95 = 1.959963984540054;

/**
 * How many values are larger than the label's: 0 where none is, so that classes which share the largest value are all
 * right (TensorFlow's in_top_k has the same rule; networks of small integers have such ties often). Infinity where any
 * value is NaN, where there is no such label, and where all values are equal, for that is no answer.
 */
export function rankOf(values: Float32Array, label: number): number {
  const own = values[label];
  if (own === undefined) return Infinity;
  let larger = 0;
  let equal = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value > own) larger++;
    else if (value === own) equal++;
    else if (Number.isNaN(value)) return Infinity;
  }
  return values.length > 1 && equal === values.length ? Infinity : larger;
}

/** Whether the label has the largest value and shares it with another class. */
function isTied(values: Float32Array, label: number): boolean {
  return values.some((value, i) => i !== label && value === values[label]);
}

/** Index of the largest value, the lowest of equal ones; −1 where any value is NaN. A class index answers itself. */
export function answerOf(values: Float32Array, kind: OutputKind): number {
  if (kind === 'index') return values[0]!;
  let best = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value > values[best]!) best = i;
    else if (Number.isNaN(value)) return -1;
  }
  return values.length === 0 ? -1 : best;
}

/** KL(p ‖ q) in nats, float64; exactly 0 for equal values. Lengths must be the same and all values finite. */
export function klDivergence(p: Float32Array, q: Float32Array, kind: 'logits' | 'probabilities'): number {
  let sum = 0;
  if (kind === 'probabilities') {
    for (let i = 0; i < p.length; i++) {
      const share = p[i]!;
      if (share > 0) sum += share * (logFloored(share) - logFloored(q[i]!));
    }
    return sum;
  }
  const [pMax, pLog] = logSumExp(p);
  const [qMax, qLog] = logSumExp(q);
  for (let i = 0; i < p.length; i++) {
    const logP = p[i]! - pMax - pLog;
    sum += exp(logP) * (logP - (q[i]! - qMax - qLog));
  }
  return sum;
}

function logFloored(value: number): number {
  return log(Math.max(value, PROBABILITY_FLOOR));
}

/** Softmax in float64: exp(v − max) ÷ Σ exp(v − max), with an exp of our own, so that it is the same number everywhere. */
export function softmax(values: Float32Array): Float64Array {
  const max = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = Float64Array.from(values, (value) => exp(value - max));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** The largest value m, and ln Σ exp(v − m). */
function logSumExp(values: Float32Array): [number, number] {
  let max = -Infinity;
  for (const value of values) if (value > max) max = value;
  let sum = 0;
  for (const value of values) sum += exp(value - max);
  return [max, log(sum)];
}

/** Wilson's score interval (1927) for `hits` of `count`, 95 %, in percent. */
export function wilsonInterval(hits: number, count: number): [number, number] {
  const share = hits / count;
  const z2 = (Z_95 * Z_95) / count;
  const centre = (share + z2 / 2) / (1 + z2);
  const half = (Z_95 * Math.sqrt((share * (1 - share)) / count + z2 / (4 * count))) / (1 + z2);
  // At 0 and at `count` hits one bound is exact; rounding would leave 1e-15 of it.
  return [hits === 0 ? 0 : 100 * (centre - half), hits === count ? 100 : 100 * (centre + half)];
}

/** What one network did on successive images, an element each. */
export interface ImageScores {
  readonly count: number;
  /** See `rankOf`; with an index as the output 0 or Infinity. Undefined without labels. */
  readonly rank: Float64Array | undefined;
  /** 1 where the label is right and another class has the same value. Undefined without labels. */
  readonly tied: Uint8Array | undefined;
  /** See `answerOf`; −1, too, where all of several values are equal. */
  readonly answer: Int32Array;
  /** Answers of the reference network, and 1 where they are right. Undefined without one (or without labels). */
  readonly referenceAnswer: Int32Array | undefined;
  readonly referenceRight: Uint8Array | undefined;
  /** 1 where the answer is that of the reference network. This and the rest are undefined without one. */
  readonly agrees: Uint8Array | undefined;
  /** NaN where a value of either network is not finite; absent for class indices. */
  readonly divergence: Float64Array | undefined;
  /** Σ reference² and Σ (reference − own)² over the values of the image. */
  readonly signal: Float64Array | undefined;
  readonly noise: Float64Array | undefined;
}

/** A record for `count` images. Sums over values are only taken where the reference gives values of the same kind. */
export function emptyScores(
  count: number,
  kind: OutputKind,
  labelled: boolean,
  reference: OutputKind | undefined,
): ImageScores {
  const sums = kind !== 'index' && kind === reference;
  return {
    count,
    rank: labelled ? new Float64Array(count) : undefined,
    tied: labelled ? new Uint8Array(count) : undefined,
    answer: new Int32Array(count),
    referenceAnswer: reference === undefined ? undefined : new Int32Array(count),
    referenceRight: reference === undefined || !labelled ? undefined : new Uint8Array(count),
    agrees: reference === undefined ? undefined : new Uint8Array(count),
    divergence: sums ? new Float64Array(count) : undefined,
    signal: sums ? new Float64Array(count) : undefined,
    noise: sums ? new Float64Array(count) : undefined,
  };
}

/** Values of one image and what they are. */
export interface ImageValues {
  readonly kind: OutputKind;
  readonly values: Float32Array;
}

function rankIn({ kind, values }: ImageValues, label: number): number {
  if (kind === 'index') return values[0] === label ? 0 : Infinity;
  return rankOf(values, label);
}

/** An answer that is one: −1 for what `rankOf` takes for none, and for indices that are no index of a class. */
function clearAnswerOf({ kind, values }: ImageValues): number {
  const answer = answerOf(values, kind);
  if (kind === 'index') return Number.isInteger(answer) && answer >= 0 && answer < 2 ** 31 ? answer : -1;
  return values.length > 1 && values.every((value) => value === values[0]) ? -1 : answer;
}

/** Scores image `i` of the record from the values that the network and the reference gave. */
export function scoreImage(
  into: ImageScores,
  i: number,
  own: ImageValues,
  label: number | undefined,
  reference: ImageValues | undefined,
): void {
  const { kind, values } = own;
  into.answer[i] = clearAnswerOf(own);
  if (into.referenceAnswer && reference) into.referenceAnswer[i] = clearAnswerOf(reference);
  if (into.referenceRight && reference && label !== undefined)
    into.referenceRight[i] = rankIn(reference, label) < 1 ? 1 : 0;
  if (into.rank && into.tied && label !== undefined) {
    const rank = rankIn(own, label);
    into.rank[i] = rank;
    into.tied[i] = rank === 0 && kind !== 'index' && isTied(values, label) ? 1 : 0;
  }
  if (reference === undefined || into.agrees === undefined) return;
  const answer = answerOf(values, kind);
  into.agrees[i] = answer >= 0 && answer === answerOf(reference.values, reference.kind) ? 1 : 0;
  if (
    into.divergence === undefined ||
    into.signal === undefined ||
    into.noise === undefined ||
    kind === 'index'
  )
    return;
  let signal = 0;
  let noise = 0;
  for (let j = 0; j < values.length; j++) {
    const expected = reference.values[j]!;
    const difference = expected - values[j]!;
    signal += expected * expected;
    noise += difference * difference;
  }
  into.signal[i] = signal;
  into.noise[i] = noise;
  into.divergence[i] = Number.isFinite(noise) ? klDivergence(reference.values, values, kind) : Number.NaN;
}

/**
 * The scores of all images, the parts one after the other in the order of the images, so that the sums are the same bits
 * however the images were shared out.
 */
export function reduceScores(parts: readonly ImageScores[], kind: OutputKind): Omit<Scores, 'seconds'> {
  let count = 0;
  let first = 0;
  let five = 0;
  let agreeing = 0;
  let divergence = 0;
  let signal = 0;
  let noise = 0;
  let left = 0;
  let tied = 0;
  for (const part of parts) {
    count += part.count;
    for (const tie of part.tied ?? []) tied += tie;
    for (const rank of part.rank ?? []) {
      if (rank < 1) first++;
      if (rank < 5) five++;
    }
    for (const agrees of part.agrees ?? []) agreeing += agrees;
    for (const [i, value] of (part.divergence ?? []).entries()) {
      if (Number.isNaN(value)) {
        left++;
        continue;
      }
      divergence += value;
      signal += part.signal![i]!;
      noise += part.noise![i]!;
    }
  }
  const labelled = parts[0]?.rank !== undefined;
  const compared = parts[0]?.agrees !== undefined;
  const summed = parts[0]?.divergence !== undefined && left < count;
  const ranked = labelled && kind !== 'index';
  return {
    count,
    top1: labelled ? (100 * first) / count : null,
    top5: ranked ? (100 * five) / count : null,
    top1Interval: labelled ? wilsonInterval(first, count) : null,
    top5Interval: ranked ? wilsonInterval(five, count) : null,
    agreement: compared ? (100 * agreeing) / count : null,
    klDivergence: summed ? divergence / (count - left) : null,
    logitSnrDb: summed && noise > 0 && signal > 0 ? (10 * log(signal / noise)) / log(10) : null,
    ...(tied > 0 && { tied }),
    ...(left > 0 && { notFinite: left }),
  };
}
