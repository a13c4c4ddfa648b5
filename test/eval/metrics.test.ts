import { describe, expect, it } from 'vitest';
import {
  answerOf,
  emptyScores,
  type ImageScores,
  klDivergence,
  type OutputKind,
  rankOf,
  reduceScores,
  scoreImage,
  wilsonInterval,
} from '../../src/eval/metrics.ts';

const f = (...values: number[]): Float32Array => Float32Array.from(values);

describe('rankOf', () => {
  it('counts the larger values, so that classes of equal values have the same rank', () => {
    expect([0, 1, 2, 3].map((label) => rankOf(f(1, 5, 5, -2), label))).toEqual([2, 0, 0, 3]);
  });
  it('counts an image whose values are all equal as wrong, for that is no answer', () => {
    expect(rankOf(f(0, 0, 0), 1)).toBe(Infinity);
    expect(rankOf(f(3), 0)).toBe(0);
  });
  it('counts an image with a NaN anywhere as wrong', () => {
    expect(rankOf(f(9, Number.NaN, 1), 0)).toBe(Infinity);
    expect(rankOf(f(9, Number.NaN, 1), 1)).toBe(Infinity);
  });
});

describe('answerOf', () => {
  it('gives the lowest index of the largest value, −1 for a NaN, the index itself where the output is one', () => {
    expect(answerOf(f(1, 5, 5), 'logits')).toBe(1);
    expect(answerOf(f(-3), 'logits')).toBe(0);
    expect(answerOf(f(5, Number.NaN), 'logits')).toBe(-1);
    expect(answerOf(f(Number.NaN, 5), 'logits')).toBe(-1);
    expect(answerOf(f(7), 'index')).toBe(7);
  });
});

describe('klDivergence', () => {
  it('is Σ p ln(p/q) of the softmax of logits', () => {
    // p = (¾, ¼), q = (½, ½): ¾ ln 1.5 + ¼ ln 0.5
    const expected = 0.75 * Math.log(1.5) + 0.25 * Math.log(0.5);
    expect(klDivergence(f(Math.log(3), 0), f(7, 7), 'logits')).toBeCloseTo(expected, 7);
    expect(klDivergence(f(0.75, 0.25), f(0.5, 0.5), 'probabilities')).toBeCloseTo(expected, 12);
  });
  it('is exactly 0 for equal values, whatever they are', () => {
    for (const values of [f(1000, -1000, 3), f(0, 0, 0)])
      expect(klDivergence(values, values, 'logits')).toBe(0);
    for (const values of [f(1, 0, 0), f(0.5, 1e-10, 0.5)])
      expect(klDivergence(values, values, 'probabilities')).toBe(0);
  });
  it('stays finite where a probability has become 0', () => {
    expect(klDivergence(f(1, 0), f(0, 1), 'probabilities')).toBeCloseTo(24 * Math.log(2), 10);
    expect(klDivergence(f(2000, 0), f(0, 2000), 'logits')).toBeCloseTo(2000, 6);
  });
});

describe('wilsonInterval', () => {
  it('gives the intervals of the literature', () => {
    // Newcombe 1998, table I: 81/263, 15/148, 0/20, 1/29
    const rounded = (hits: number, count: number): number[] =>
      wilsonInterval(hits, count).map((x) => Math.round(100 * x) / 1e4);
    expect(rounded(81, 263)).toEqual([0.2553, 0.3662]);
    expect(rounded(15, 148)).toEqual([0.0624, 0.1605]);
    expect(rounded(0, 20)).toEqual([0, 0.1611]);
    expect(rounded(1, 29)).toEqual([0.0061, 0.1718]);
    expect(wilsonInterval(20, 20)[1]).toBe(100);
  });
});

function scored(
  kind: OutputKind,
  images: readonly {
    values: Float32Array;
    label?: number;
    reference?: Float32Array;
    referenceKind?: OutputKind;
  }[],
): ImageScores {
  const first = images[0]!;
  const referenceKind = first.reference && (first.referenceKind ?? kind);
  const into = emptyScores(images.length, kind, first.label !== undefined, referenceKind);
  images.forEach(({ values, label, reference }, i) => {
    scoreImage(into, i, { kind, values }, label, reference && { kind: referenceKind!, values: reference });
  });
  return into;
}

describe('reduceScores', () => {
  const six = f(6, 5, 4, 3, 2, 1);

  it('gives top-1, top-5 and their intervals in percent', () => {
    const images = [0, 1, 4, 5].map((label) => ({ values: six, label }));
    expect(reduceScores([scored('logits', images)], 'logits')).toEqual({
      count: 4,
      top1: 25,
      top5: 75,
      top1Interval: wilsonInterval(1, 4),
      top5Interval: wilsonInterval(3, 4),
      agreement: null,
      klDivergence: null,
      logitSnrDb: null,
    });
  });

  it('compares with a reference without any labels', () => {
    const images = [
      { values: f(1, 0), reference: f(1, 0) },
      { values: f(0, 1), reference: f(2, 1) },
    ];
    const scores = reduceScores([scored('logits', images)], 'logits');
    expect(scores).toMatchObject({ count: 2, top1: null, top5: null, top1Interval: null, agreement: 50 });
    expect(scores.klDivergence).toBeCloseTo(klDivergence(f(2, 1), f(0, 1), 'logits') / 2, 12);
    expect(scores.logitSnrDb).toBeCloseTo(10 * Math.log10(6 / 4), 12);
  });

  it('gives the same bits however the images are shared out', () => {
    const images = Array.from({ length: 50 }, (_, i) => ({
      values: f(Math.sin(i), Math.cos(3 * i), 0.1 * i),
      reference: f(Math.sin(i) + 0.01, Math.cos(3 * i), 0.1 * i - 0.3),
      label: i % 3,
    }));
    const whole = reduceScores([scored('logits', images)], 'logits');
    const parts = [images.slice(0, 7), images.slice(7, 8), images.slice(8)].map((part) =>
      scored('logits', part),
    );
    expect(reduceScores(parts, 'logits')).toEqual(whole);
  });

  it('says how many images had values that are not finite and leaves them out of the sums, not out of the rates', () => {
    const images = [
      { values: f(Infinity, 0), reference: f(1, 0), label: 0 },
      { values: f(Number.NaN, 0), reference: f(1, 0), label: 0 },
      { values: f(1, 0.5), reference: f(1, 0), label: 0 },
    ];
    const scores = reduceScores([scored('logits', images)], 'logits');
    expect(scores).toMatchObject({ notFinite: 2, top1: (100 * 2) / 3, agreement: (100 * 2) / 3 });
    expect(scores.klDivergence).toBeCloseTo(klDivergence(f(1, 0), f(1, 0.5), 'logits'), 12);
    expect(reduceScores([scored('logits', images.slice(0, 2))], 'logits')).toMatchObject({
      klDivergence: null,
      logitSnrDb: null,
    });
  });

  it('has no signal-to-noise ratio where nothing differs', () => {
    const scores = reduceScores([scored('logits', [{ values: six, reference: six }])], 'logits');
    expect(scores).toMatchObject({ agreement: 100, klDivergence: 0, logitSnrDb: null });
  });

  it('takes class indices for top-1 and agreement alone', () => {
    const images = [
      { values: f(3), label: 3, reference: f(3) },
      { values: f(2), label: 1, reference: f(0) },
    ];
    expect(reduceScores([scored('index', images)], 'index')).toMatchObject({
      top1: 50,
      top5: null,
      top5Interval: null,
      agreement: 50,
      klDivergence: null,
      logitSnrDb: null,
    });
  });

  it('compares answers only where one network gives probabilities and the other logits', () => {
    const image = { values: f(0.1, 0.9), reference: f(-3, 8), referenceKind: 'logits' as const };
    expect(reduceScores([scored('probabilities', [image])], 'probabilities')).toMatchObject({
      agreement: 100,
      klDivergence: null,
    });
  });
});
