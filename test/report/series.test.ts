import { describe, expect, it } from 'vitest';
import { bytes, grouped, interval, plural, shellLine, signed, times } from '../../src/report/format.ts';
import {
  atChance,
  bestAt,
  headlineOf,
  paretoFront,
  seriesOf,
  sharedText,
  smallestWithin,
} from '../../src/report/series.ts';
import { samplePoint, sampleReport, unlabelledReport } from './fixture.ts';

describe('the series of a report', () => {
  it('are a line for each scheme and granularity, in ascending bits', () => {
    const series = seriesOf(sampleReport());
    expect(series.map(({ label }) => label)).toEqual([
      'binary · tensor',
      'binary · channel',
      'linear · tensor',
      'linear · channel',
      'exp · tensor',
      'exp · channel',
    ]);
    for (const { points } of series) expect(points.map(({ bits }) => bits)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(series.map(({ schemeIndex, variant }) => [schemeIndex, variant])).toEqual([
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
      [2, 0],
      [2, 1],
    ]);
  });

  it('are named by what differs, and the rest is said once', () => {
    const report = sampleReport();
    const channels = {
      ...report,
      points: report.points.filter(({ granularity }) => granularity === 'channel'),
    };
    expect(seriesOf(channels).map(({ label }) => label)).toEqual(['binary', 'linear', 'exp']);
    const settings = 'granularity channel, method rtn, fit correlation, levels geometric, no zero';
    expect(sharedText(channels)).toBe(`All points: ${settings}.`);
    const calibration = { spec: 'imagefolder:train', count: 1024, fingerprint: 'f', seed: 0 };
    expect(sharedText({ ...channels, calibration })).toBe(
      `All points: ${settings}. Calibrated on 1,024 images of imagefolder:train, without labels.`,
    );
  });

  it('tell activations apart, whose range is no setting of those that are floats', () => {
    const point = samplePoint('exp', 'channel', 3, 80);
    const points = [point, { ...point, actBits: 8, actRange: 'dynamic' }];
    const report = sampleReport({ points });
    const labels = ['exp · float activations', 'exp · 8-bit activations'];
    expect(seriesOf(report).map(({ label }) => label)).toEqual(labels);
    expect(sharedText(report)).toContain('method rtn, actRange dynamic, fit correlation');
  });

  it('tell fits and zero levels apart when they differ', () => {
    const points = [
      samplePoint('exp', 'channel', 3, 80),
      { ...samplePoint('exp', 'channel', 3, 70), fit: 'max-range' },
      { ...samplePoint('exp', 'channel', 3, 60), zero: true },
    ];
    expect(seriesOf(sampleReport({ points })).map(({ label }) => label)).toEqual([
      'exp · correlation · no zero',
      'exp · max-range · no zero',
      'exp · correlation · with zero',
    ]);
  });
});

describe('what a report concludes', () => {
  const report = sampleReport();
  const headline = headlineOf(report);

  it('is judged by top-1, and by agreement without labels', () => {
    expect([headline.name, headline.float, headline.chance]).toEqual(['top-1', 91.73, 10]);
    const unlabelled = headlineOf(unlabelledReport());
    expect([unlabelled.name, unlabelled.float, unlabelled.chance]).toEqual(['agreement', 100, null]);
  });

  it('names the best point of a width and the smallest one near float', () => {
    expect(bestAt(report, headline, 3)).toMatchObject({ scheme: 'exp', granularity: 'channel', top1: 83.19 });
    expect(bestAt(report, headline, 9)).toBeUndefined();
    const near = smallestWithin(report, headline, 1)!;
    expect(near.top1).toBeGreaterThanOrEqual(90.73);
    for (const point of report.points)
      if (point.packedBytes < near.packedBytes) expect(point.top1).toBeLessThan(90.73);
  });

  it('puts a point on the Pareto front exactly when no other is as small and as good', () => {
    const front = paretoFront(report, headline);
    for (const point of report.points) {
      const beaten = report.points.some(
        (other) =>
          other.packedBytes <= point.packedBytes &&
          other.top1! >= point.top1! &&
          (other.packedBytes < point.packedBytes || other.top1! > point.top1!),
      );
      if (front.includes(point)) expect(beaten).toBe(false);
      else expect(beaten || front.some((other) => other.packedBytes === point.packedBytes)).toBe(true);
    }
  });

  it('calls a point chance when its interval reaches down to guessing, and not otherwise', () => {
    const points = [
      samplePoint('exp', 'channel', 1, 10),
      samplePoint('exp', 'channel', 2, 10.3),
      samplePoint('exp', 'channel', 3, 8),
      samplePoint('exp', 'channel', 4, 11),
    ];
    const guesses = atChance(sampleReport({ points }), headline);
    expect(guesses.map(({ bits }) => bits)).toEqual([1, 2, 3]);
  });
});

describe('numbers in words', () => {
  it('have a sign, a unit and as many digits as they carry', () => {
    expect([signed(-0.78), signed(0.054), signed(-0.001), signed(-12.34, 1)]).toEqual([
      '−0.78',
      '+0.05',
      '0.00',
      '−12.3',
    ]);
    expect([
      bytes(0),
      bytes(1023),
      bytes(1024),
      bytes(70_554),
      bytes(1_102_336),
      bytes(1023.9 * 1024),
    ]).toEqual(['0 B', '1023 B', '1.00 KiB', '68.9 KiB', '1.05 MiB', '1.00 MiB']);
    expect([grouped(999), grouped(1000), grouped(1234567)]).toEqual(['999', '1,000', '1,234,567']);
    expect([plural(1, 'bit'), plural(2, 'bit'), interval([9.4, 10.6]), times(7.123)]).toEqual([
      '1 bit',
      '2 bits',
      '[9.40, 10.60]',
      '7.12×',
    ]);
  });

  it('a command reads back as the same arguments in a shell', () => {
    expect(shellLine(['bnn-quantize', 'a b.onnx', "it's", '--bits', '1-8', ''])).toBe(
      `bnn-quantize 'a b.onnx' 'it'\\''s' --bits 1-8 ''`,
    );
  });
});
