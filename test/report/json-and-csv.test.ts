import { describe, expect, it } from 'vitest';
import type { Report } from '../../src/eval/types.ts';
import { reportCsv } from '../../src/report/csv.ts';
import { reportJson } from '../../src/report/json.ts';
import { reportFiles } from '../../src/report/report-files.ts';
import { sampleReport, unlabelledReport } from './fixture.ts';

describe('report.json', () => {
  it('says the report and nothing else', () => {
    const report = sampleReport();
    expect(JSON.parse(reportJson(report))).toEqual(report);
  });

  it('is the same text whatever order the keys were set in', () => {
    const report = sampleReport();
    expect(reportJson(backwards(report) as Report)).toBe(reportJson(report));
  });

  it('starts with the name of its schema, and a point with its settings', () => {
    const text = reportJson(sampleReport());
    expect(text.startsWith('{\n  "schema": "bnn-quantize/report@1",')).toBe(true);
    const point = JSON.parse(text).points[0];
    expect(Object.keys(point).slice(0, 7)).toEqual([
      'scheme',
      'bits',
      'granularity',
      'method',
      'fit',
      'levels',
      'zero',
    ]);
  });

  it('keeps keys that it does not know, after the others', () => {
    const report = { energy: 12, ...sampleReport() };
    expect(Object.keys(JSON.parse(reportJson(report))).at(-1)).toBe('energy');
  });
});

describe('report.csv', () => {
  it('has a line a point below the header, every line of the same length', () => {
    const rows = parseCsv(reportCsv(sampleReport()));
    expect(rows).toHaveLength(49);
    expect(new Set(rows.map((row) => row.length)).size).toBe(1);
  });

  it('gives back the numbers of the points without rounding', () => {
    const report = sampleReport();
    const [head, ...rows] = parseCsv(reportCsv(report)) as [string[], ...string[][]];
    const column = (name: string): string[] => rows.map((row) => row[head.indexOf(name)]!);
    expect(column('scheme')).toEqual(report.points.map((point) => point.scheme));
    expect(column('top1').map(Number)).toEqual(report.points.map((point) => point.top1));
    expect(column('top1Low').map(Number)).toEqual(report.points.map((point) => point.top1Interval![0]));
    expect(column('packedBytes').map(Number)).toEqual(report.points.map((point) => point.packedBytes));
    expect(column('compressedBytes').map(Number)).toEqual(report.points.map((p) => p.compressedBytes));
    expect(column('correlation').map(Number)).toEqual(report.points.map((point) => point.correlation));
  });

  it('leaves entropy and sizes of other forms empty where a report of an older version has none', () => {
    const report = sampleReport();
    const points = report.points.map(({ entropyBits: _, compressedBytes: __, onnxBytes: ___, ...p }) => p);
    const [head, first] = parseCsv(reportCsv({ ...report, points })) as [string[], string[]];
    for (const name of ['entropyBits', 'compressedBytes', 'onnxBytes'])
      expect(first[head.indexOf(name)]).toBe('');
  });

  it('leaves the accuracy empty where there are no labels', () => {
    const [head, first] = parseCsv(reportCsv(unlabelledReport())) as [string[], string[]];
    for (const name of ['top1', 'top1Low', 'top1High', 'top5', 'floatTop1'])
      expect(first[head.indexOf(name)]).toBe('');
    expect(Number(first[head.indexOf('agreement')])).toBeGreaterThan(0);
  });

  it('quotes commas, quotes and line ends, and takes the edge off formulas', () => {
    for (const [file, field] of [
      ['a,b.onnx', 'a,b.onnx'],
      ['say "hi".onnx', 'say "hi".onnx'],
      ['two\nlines.onnx', 'two\nlines.onnx'],
      ['=HYPERLINK("http://x.example","y").onnx', '\'=HYPERLINK("http://x.example","y").onnx'],
      ['+1.onnx', "'+1.onnx"],
      ['-1.onnx', "'-1.onnx"],
      ['@sum.onnx', "'@sum.onnx"],
    ] as const) {
      const report = sampleReport();
      const [head, first] = parseCsv(reportCsv({ ...report, model: { ...report.model, file } })) as [
        string[],
        string[],
      ];
      expect(first[head.indexOf('model')]).toBe(field);
    }
  });
});

describe('the files of a report', () => {
  it('are four, the same text twice', () => {
    const files = reportFiles(sampleReport());
    expect([...files.keys()]).toEqual(['report.json', 'report.csv', 'report.md', 'report.html']);
    expect(reportFiles(sampleReport())).toEqual(files);
  });

  it('are written for a sweep of which nothing is finished', () => {
    for (const text of reportFiles(sampleReport({ points: [] })).values()) {
      expect(text).not.toMatch(/NaN|undefined|Infinity/);
    }
  });
});

/** An RFC 4180 reader of its own: quoted fields, doubled quotes, CRLF. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  let [field, quoted] = ['', false];
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (quoted && character === '"' && text[i + 1] === '"') field += text[i++];
    else if (character === '"') quoted = !quoted;
    else if (!quoted && (character === ',' || character === '\r')) {
      rows.at(-1)!.push(field);
      field = '';
      if (character === '\r') {
        expect(text[++i]).toBe('\n');
        rows.push([]);
      }
    } else field += character;
  }
  expect(quoted).toBe(false);
  expect(rows.pop()).toEqual([]);
  return rows;
}

function backwards(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(backwards);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, item]) => [key, backwards(item)]),
  );
}
