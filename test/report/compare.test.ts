import { describe, expect, it } from 'vitest';
import { checkReport } from '../../src/eval/read-report.ts';
import type { ComparableReport, Report, SweepPoint } from '../../src/eval/types.ts';
import { compareReports } from '../../src/report/compare/compare.ts';
import { holm, mcnemar } from '../../src/report/compare/mcnemar.ts';
import { reportJson } from '../../src/report/json.ts';
import { packBits } from '../../src/tensor/bits.ts';
import { samplePoint, sampleReport, unlabelledReport } from './fixture.ts';

describe('mcnemar', () => {
  // By hand: 2 · Σ C(n, i) / 2ⁿ over the smaller tail.
  it.each([
    [0, 0, 1],
    [3, 3, 1],
    [3, 4, 1],
    [5, 0, 2 / 32],
    [1, 5, (2 * (1 + 6)) / 64],
    [10, 2, (2 * (1 + 12 + 66)) / 4096],
  ])('of %d lost and %d gained is the exact binomial tail', (lost, gained, p) => {
    expect(mcnemar(lost, gained)).toBeCloseTo(p, 12);
    expect(mcnemar(gained, lost)).toBe(mcnemar(lost, gained));
  });

  it('holds where 2⁻ⁿ is no number any more: against sums of exact fractions', () => {
    expect(mcnemar(900, 1100) / 8.457089535503927e-6).toBeCloseTo(1, 9);
    expect(mcnemar(59, 6) / 4.964650327128617e-12).toBeCloseTo(1, 9);
    expect(mcnemar(40_000, 0)).toBe(0);
    expect(mcnemar(1_000_000, 1_000_100)).toBeGreaterThan(0.9);
  });
});

describe('holm', () => {
  it('multiplies the smallest by the number of tests, the next by one less, and lets none fall below one before', () => {
    expect(holm([0.01, 0.04, 0.03, 0.005]).map((p) => Number(p.toFixed(10)))).toEqual([
      0.03, 0.06, 0.06, 0.02,
    ]);
    expect(holm([0.9, 0.8])).toEqual([1, 1]);
    expect(holm([])).toEqual([]);
  });
});

/** A report of twenty images with one point for each text of right answers. */
function tiny(points: readonly string[], changes: Partial<Report> = {}): Report {
  const { float, dataset, weights: _, ...rest } = sampleReport({ points: [] });
  return {
    ...rest,
    dataset: { ...dataset, count: 20 },
    float: { ...float, top1: 100, outcomes: { right: bits('1'.repeat(20)) } },
    points: points.map((right, i): SweepPoint => {
      const hits = right.split('1').length - 1;
      const { flips: __, ...point } = { ...samplePoint('exp', 'channel', i + 1, 50), flips: undefined };
      const outcomes = { right: bits(right), agrees: bits(right) };
      return { ...point, count: 20, top1: 5 * hits, agreement: 5 * hits, outcomes };
    }),
    ...changes,
  };
}

function bits(flags: string): string {
  return Buffer.from(packBits(Uint8Array.from(flags, Number), 1)).toString('base64');
}

const ALL = '1'.repeat(20);
/** Wrong from the first on, so many. */
const without = (count: number): string => '0'.repeat(count) + '1'.repeat(20 - count);

describe('compareReports', () => {
  it('pairs points by their settings and tests what they lost and gained', () => {
    const { points, unpaired, float, onlyBefore, onlyAfter, measure } = compareReports(
      tiny([ALL, without(2), ALL, ALL]),
      tiny([without(10), ALL, `${'1'.repeat(19)}0`]),
    );
    expect([measure, unpaired, float.test]).toEqual(['top-1', null, { lost: 0, gained: 0, pValue: 1 }]);
    expect(points.map(({ settings, difference }) => [settings.bits, difference])).toEqual([
      [1, -50],
      [2, 10],
      [3, -5],
    ]);
    // p = 2/2¹⁰, 2/2², 1; after Holm three times, two times, once.
    expect(points.map(({ test }) => test)).toEqual([
      {
        lost: 10,
        gained: 0,
        pValue: expect.closeTo(2 / 1024, 12),
        adjusted: expect.closeTo(6 / 1024, 12),
        verdict: 'worse',
      },
      {
        lost: 0,
        gained: 2,
        pValue: expect.closeTo(0.5, 12),
        adjusted: expect.closeTo(1, 12),
        verdict: 'undecided',
      },
      { lost: 1, gained: 0, pValue: 1, adjusted: 1, verdict: 'undecided' },
    ]);
    expect(onlyBefore.map(({ bits: width }) => width)).toEqual([4]);
    expect(onlyAfter).toEqual([]);
  });

  it('counts images, not rates: the same accuracy by other images has a test', () => {
    const { points } = compareReports(tiny([without(5)]), tiny([`${'1'.repeat(15)}00000`]));
    expect(points[0]).toMatchObject({ difference: 0, test: { lost: 5, gained: 5, pValue: 1 } });
  });

  it('finds what got better, at the alpha that is asked for', () => {
    const [before, after] = [tiny([without(6)]), tiny([ALL])];
    expect(compareReports(before, after).points[0]!.test!.verdict).toBe('better'); // p = 2/64
    expect(compareReports(before, after, { alpha: 0.01 }).points[0]!.test!.verdict).toBe('undecided');
    expect(() => compareReports(before, after, { alpha: 1 })).toThrow(
      'alpha: expected a number above 0 and below 1, got 1',
    );
  });

  it.each<[string, ComparableReport, string]>([
    [
      'other images',
      tiny([ALL], { dataset: { ...tiny([]).dataset, fingerprint: 'f'.repeat(64) } }),
      'the images differ: the data have the fingerprints e1d04cd0bdf2… and ffffffffffff…',
    ],
    ['another number of images', sampleReport(), 'one report is of 20 images, the other of 10000'],
    [
      'a report without outcomes',
      tiny([ALL], { points: tiny([ALL]).points.map(({ outcomes: _, ...point }) => point) }),
      'the report of 2025-01-02T03:04:05.000Z keeps no outcomes by image (of an older version, perhaps)',
    ],
  ])('claims nothing with %s', (_, after, reason) => {
    const comparison = compareReports(tiny([ALL]), after);
    expect(comparison.unpaired).toBe(reason);
    expect(comparison.float.test).toBeNull();
    for (const { test } of comparison.points) expect(test).toBeNull();
  });

  it('goes without labels by the agreement with the float model', () => {
    const report = unlabelledReport();
    const { measure, points } = compareReports(report, report);
    expect(measure).toBe('agreement');
    expect(points).toHaveLength(48);
    for (const { before, test } of points) {
      expect(before.rate).toBeGreaterThan(0);
      expect(test).toMatchObject({ lost: 0, gained: 0, pValue: 1 });
    }
  });

  it('matches points that differ in what is ignored', () => {
    const after = tiny([without(10)]);
    const gptq = {
      ...after,
      points: after.points.map((point) => ({ ...point, method: 'gptq', ridge: 0.1 })),
    };
    expect(compareReports(tiny([ALL]), gptq).points).toEqual([]);
    const { points, onlyBefore } = compareReports(tiny([ALL]), gptq, { ignore: ['method', 'ridge'] });
    expect([points.length, points[0]!.settings.method, onlyBefore]).toEqual([1, 'gptq', []]);
    expect(points[0]!.test).toMatchObject({ lost: 10, verdict: 'worse' });
    expect(() => compareReports(tiny([ALL, ALL]), after, { ignore: ['bits'] })).toThrow(
      'the first report has two points with the same settings but for bits: points[1] and one before it',
    );
  });

  it('refuses two points with the same settings', () => {
    const report = tiny([ALL]);
    const twice = { ...report, points: [...report.points, ...report.points] };
    expect(() => compareReports(twice, report)).toThrow(
      'the first report has two points with the same settings: points[1]',
    );
  });
});

describe('checkReport', () => {
  const written = (): Record<string, never> => JSON.parse(reportJson(sampleReport()));

  it('gives from the file what compareReports gives from the report', () => {
    const [before, after] = [sampleReport(), unlabelledReport()];
    const read = (report: Report): ComparableReport => checkReport(JSON.parse(reportJson(report)), 'r');
    expect(compareReports(read(before), read(before))).toEqual(compareReports(before, before));
    expect(compareReports(read(after), read(after))).toEqual(compareReports(after, after));
  });

  it.each<[string, (report: Report) => unknown, string]>([
    ['no object', () => [], 'r: the whole: expected an object, got []'],
    [
      'another schema',
      (r) => ({ ...r, schema: 'x' }),
      'r: schema: expected "bnn-quantize/report@1", got "x"',
    ],
    [
      'no points',
      (r) => ({ ...r, points: undefined }),
      'r: points: expected a list of at most 10000, got nothing',
    ],
    [
      'a rate out of range',
      (r) => ({ ...r, points: [{ ...r.points[0], top1: 100.5 }] }),
      'r: points[0].top1: expected a number from 0 to 100, got 100.5',
    ],
    [
      'half a byte of settings',
      (r) => ({ ...r, points: [{ ...r.points[0], bits: 2.5 }] }),
      'r: points[0].bits: expected a whole number from 1 to 8, got 2.5',
    ],
    [
      'outcomes of fewer images',
      (r) => ({ ...r, float: { ...r.float, outcomes: { right: 'AAAA' } } }),
      'r: float.outcomes.right: expected base64 of 10000 bits, got "AAAA"',
    ],
    [
      'outcomes that are not those of the rate',
      (r) => ({ ...r, float: { ...r.float, top1: 50 } }),
      'r: float.outcomes.right: expected 50 % of 10000 bits to be set, got "9173 set"',
    ],
  ])('refuses %s', (_, spoil, message) => {
    expect(() => checkReport(JSON.parse(JSON.stringify(spoil(sampleReport()))), 'r')).toThrow(message);
  });

  it('tells everything that is wrong at once, up to twenty', () => {
    const report = { ...written(), created: 1, model: null };
    expect(() => checkReport(report, 'r')).toThrow(
      /^4 problems:\n {2}r: model: expected an object, got null\n {2}r: created: expected a text, got 1\n/,
    );
    const many = { ...written(), points: new Array(50).fill(null) };
    expect(() => checkReport(many, 'r')).toThrow(/^20 problems:/);
  });
});
