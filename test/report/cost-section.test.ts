import { describe, expect, it } from 'vitest';
import type { CostSummary, Energy, Report } from '../../src/eval/types.ts';
import { reportCsv } from '../../src/report/csv.ts';
import { energyText } from '../../src/report/energy-text.ts';
import { reportHtml } from '../../src/report/html.ts';
import { sampleReport } from './fixture.ts';
import { elements, textOf } from './markup.ts';

/** A network that takes `total` µJ, a quarter of it in float parts. */
function costOf(total: number): CostSummary {
  const part = (share: number): Energy => ({
    compute: (share * total) / 2,
    sram: (share * total) / 4,
    dram: (share * total) / 4,
    total: share * total,
  });
  return {
    macs: 40_551_040,
    energy: part(1),
    parts: { binary: part(0), lowBit: part(0.75), float: part(0.25) },
    shares: { binary: 0, lowBit: 75, float: 25 },
    operations: [],
    traffic: { weights: 1024, dram: 512, sram: 1536 },
    peakBytes: 4096,
    sramBytes: 4096,
  };
}

function costedReport(): Report {
  const report = sampleReport();
  return {
    ...report,
    float: { ...report.float, cost: costOf(400) },
    points: report.points.map((point) => ({ ...point, cost: costOf(40 * point.bits) })),
  };
}

describe('the energy of a report', () => {
  const page = reportHtml(costedReport());

  it('is drawn for every point, cheaper points further left', () => {
    const begin = page.indexOf('<title id="energy-title"');
    const chart = page.slice(begin, page.indexOf('</svg>', begin));
    const places = [...chart.matchAll(/<circle cx="([\d.]+)"/g)].map((match) => Number(match[1]));
    expect(places).toHaveLength(48);
    const line = places.slice(0, 8);
    expect(line).toEqual(line.toSorted((a, b) => a - b));
  });

  it('is in a table beside that of the float network, with what is assumed', () => {
    expect(elements(page).length).toBeGreaterThan(0); // well-formed
    const section = page.slice(page.indexOf('What a sample takes in energy'));
    const text = textOf(section.slice(0, section.indexOf('</section>')));
    expect(text).toContain('The float network takes 400 µJ of energy, 200 µJ of it for arithmetic');
    expect(text).toContain('not the measurement of a device');
    expect(text).toMatch(
      /exp · channel\s*4\s*160 µJ\s*2\.50×\s*80\.0 µJ\s*40\.0 µJ\s*40\.0 µJ\s*0\.0\s*75\.0\s*25\.0/,
    );
  });

  it('is left out where no point has any', () => {
    expect(reportHtml(sampleReport())).not.toContain('What a sample takes in energy');
  });

  it('is in the columns of report.csv, which are empty where there is none', () => {
    const column = (report: Report, name: string): string => {
      const [head, first] = reportCsv(report).split('\r\n');
      return first!.split(',')[head!.split(',').indexOf(name)]!;
    };
    expect(column(costedReport(), 'energyMicrojoules')).toBe('40');
    expect(column(costedReport(), 'floatEnergyShare')).toBe('25');
    expect(column(sampleReport(), 'energyMicrojoules')).toBe('');
  });

  it('has three digits and the unit that suits it', () => {
    const texts = [0, 0.0000004, 0.000999, 0.0123, 3.7, 41.26, 999.6, 12_345].map(energyText);
    expect(texts).toEqual(['0', '0.40 pJ', '999 pJ', '12.3 nJ', '3.70 µJ', '41.3 µJ', '1.00 mJ', '12.3 mJ']);
  });
});
