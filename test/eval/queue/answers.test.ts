import { describe, expect, it } from 'vitest';
import { emptyScores, type ImageScores } from '../../../src/eval/metrics.ts';
import { decodeScores, encodeScores } from '../../../src/eval/queue/encode-scores.ts';
import { failureOf } from '../../../src/eval/queue/failure.ts';
import { checkAnswer } from '../../../src/eval/queue/messages.ts';
import { hideSecrets } from '../../../src/eval/queue/secrets.ts';

function someScores(): ImageScores {
  const scores = emptyScores(5, 'logits', true, 'logits');
  scores.rank!.set([0, 1, Infinity, 3, 999]);
  scores.agrees!.set([1, 0, 1, 1, 0]);
  scores.divergence!.set([0.1, -1e-17, Number.NaN, 5, 1e-300]);
  scores.signal!.set([1, 2, Infinity, Number.NaN, 5]);
  return scores;
}
const like = emptyScores(5, 'logits', true, 'logits');
const hash = 'a'.repeat(64);
const discretized = {
  ...{ correlation: 0.9, packedBytes: 100, bitsPerWeight: 3 },
  packed: { codes: 50, levels: 20, other: 10, graph: 10, header: 10 },
  layers: [
    { name: 'conv', scheme: 'exp', bits: 3, granularity: 'channel', count: 9, correlation: 0.9, mse: 0.1 },
  ],
};
const answer = {
  schema: 'bnn-quantize/answer@1',
  ...{ session: hash, fingerprint: hash, discretized, file: null },
  scored: { kind: 'logits', count: 5, seconds: 1.5, runSeconds: 1.25, images: encodeScores(someScores()) },
};

describe('scores of images in an answer', () => {
  it('come out as they went in, bit for bit', () => {
    expect(decodeScores(JSON.parse(JSON.stringify(encodeScores(someScores()))), like)).toEqual(someScores());
    // Of a part of a larger buffer.
    const { rank } = someScores();
    const part = { ...emptyScores(2, 'index', true, undefined), rank: rank!.subarray(1, 3) };
    const back = decodeScores(encodeScores(part), emptyScores(2, 'index', true, undefined));
    expect([...back.rank!]).toEqual([1, Infinity]);
    expect(back.divergence).toBeUndefined();
  });

  it.each<[string, Partial<Record<keyof ImageScores, string | undefined>> | { other: string }, string]>([
    ['of fewer images', { rank: 'AAAAAAAAAAA=' }, 'scores "rank" have 8 bytes, 5 images take 40'],
    ['of no image', { tied: '' }, 'scores "tied" have 0 bytes, 5 images take 5'],
    ['that are missing', { noise: undefined }, 'scores "noise" are missing'],
    ['that nobody asked for', { other: 'AA==' }, 'unknown scores "other"'],
    ['that are no flags', { agrees: 'AQIBAQE=' }, 'scores "agrees": image 1 has 2'],
    [
      'that are no ranks',
      { rank: encodeScores({ ...someScores(), rank: Float64Array.of(0, -1, 0, 0, 0) }).rank! },
      'scores "rank": image 1 has -1',
    ],
    [
      'that are negative',
      { signal: encodeScores({ ...someScores(), signal: Float64Array.of(0, 0, 0, 0, -5) }).signal! },
      'scores "signal": image 4 has -5',
    ],
  ])('are refused when there are some %s', (_, change, message) => {
    const encoded = JSON.parse(JSON.stringify({ ...encodeScores(someScores()), ...change }));
    expect(() => decodeScores(encoded, like)).toThrow(message);
  });
});

describe('an answer', () => {
  it('is taken as it is when it makes sense', () => {
    expect(checkAnswer(answer)).toEqual(answer);
  });

  it.each<[string, unknown, string]>([
    ['is nothing', undefined, 'an answer of a worker: it: expected an object, got undefined'],
    [
      'has an endless number',
      { ...answer, discretized: { ...discretized, correlation: Number.NaN } },
      'discretized.correlation: expected a number',
    ],
    [
      'has a layer with text for a number',
      { ...answer, discretized: { ...discretized, layers: [{ ...discretized.layers[0], mse: '<script>' }] } },
      'discretized.layers[0].mse: expected a number, got "<script>"',
    ],
    [
      'has something more',
      { ...answer, discretized: { ...discretized, more: [[[[[[[[[[1]]]]]]]]]] } },
      'discretized.more: unknown',
    ],
    [
      'took less than no time',
      { ...answer, scored: { ...answer.scored, seconds: -1 } },
      'scored.seconds: expected a time, got -1',
    ],
    [
      'names a file by a path',
      { ...answer, file: { sha256: '../x', bytes: 1 } },
      'file.sha256: expected a SHA-256 in hex, got "../x"',
    ],
  ])('which %s is refused', (_, value, message) => {
    expect(() => checkAnswer(value)).toThrow(message);
  });
});

describe('a failure that a worker tells', () => {
  it.each([
    ['dataset: image "cat.png" is damaged', 'image "cat.png" is damaged'],
    [
      'job stalled more than allowable limit',
      'workers ended again and again while they were at it (job stalled more than allowable limit)',
    ],
    [
      'job started more than allowable limit',
      'workers ended again and again while they were at it (job started more than allowable limit)',
    ],
    [undefined, 'a worker failed'],
  ])('%j becomes that of the point', (reason, message) => {
    expect(failureOf(reason)).toMatchObject({ code: 'unsupported', message });
  });
});

describe('hideSecrets', () => {
  it.each([
    ['redis://user:pass@host:1/2', 'redis://***@host:1/2'],
    ['rediss://:p@ss/w:rd@host', 'rediss://***@host'],
    ['--queue=redis://u:p@h', '--queue=redis://***@h'],
    ['cannot reach "redis://u:p@h" or redis://v:q@i', 'cannot reach "redis://***@h" or redis://***@i'],
    ['redis://token@host', 'redis://***@host'],
    ['imagefolder:a@b', 'imagefolder:a@b'],
    ['http://mlflow/api', 'http://mlflow/api'],
  ])('%s is shown as %s', (text, shown) => {
    expect(hideSecrets(text)).toBe(shown);
  });
});
