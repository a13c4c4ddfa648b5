import { describe, expect, it } from 'vitest';
import { markdownBlock, markdownCode, markdownText } from '../../src/report/escape.ts';
import { reportMarkdown } from '../../src/report/markdown.ts';
import { samplePoint, sampleReport, unlabelledReport } from './fixture.ts';

describe('report.md', () => {
  const text = reportMarkdown(sampleReport());

  it('opens with the float accuracy and the smallest point within a point of it', () => {
    const summary = text.split('\n\n')[1]!;
    expect(summary).toContain('Float top-1 **91.73 %** [91.17, 92.25] on 10,000 images.');
    expect(summary).toContain('**linear · channel · 5 bits**, 91.10 % (−0.63), 196 KiB, 5.51× smaller');
  });

  it('has a row a series and a column a width, with the best of each width in bold', () => {
    const matrix = tables(text)[0]!;
    expect(matrix[0]).toEqual([
      'top-1, % (against float)',
      ...[1, 2, 3, 4, 5, 6, 7, 8].map((bits) => (bits === 1 ? '1 bit' : `${bits} bits`)),
    ]);
    expect(matrix).toHaveLength(7);
    for (let column = 1; column <= 8; column++)
      expect(matrix.filter((row) => row[column]!.startsWith('**'))).toHaveLength(1);
    expect(matrix[6]![3]).toBe('**83.19 (−8.5)**');
  });

  it('gives the best point of each width with interval and size', () => {
    const best = tables(text)[1]!;
    expect(best.map((row) => row[0])).toEqual(['bits', '1', '2', '3', '4', '5', '6', '7', '8']);
    expect(best[4]).toEqual([
      '4',
      'exp · channel',
      '90.45',
      '[89.86, 91.01]',
      '−1.28',
      '165 KiB',
      '6.52×',
      '159 KiB',
    ]);
  });

  it('shows points at chance level as what they are', () => {
    expect(text).toMatch(/At chance level \(10\.00 %, 10 classes\).*linear · tensor · 2 bits/);
    expect(text).toContain('10.00 (−81.7)');
  });

  it('says how it was made, and fits a comment of GitHub (65,536 characters)', () => {
    expect(text).toContain("bnn-quantize sweep resnet20.onnx --data 'cifar10:test batch.bin' -o report");
    expect(text).toContain('10,000 images');
    expect(text.length).toBeLessThan(8000);
  });

  it('leaves a cell empty where a point is missing', () => {
    const report = sampleReport();
    const points = report.points.filter(({ scheme, bits }) => scheme !== 'exp' || bits !== 3);
    const matrix = tables(reportMarkdown({ ...report, points }))[0]!;
    expect(matrix[6]![3]).toBe('');
    expect(matrix[6]![4]).toBe('**90.45 (−1.3)**');
  });

  it('lists what could not be scored, and outputs that were not finite', () => {
    const report = sampleReport();
    const { scheme, bits, granularity, method, fit, levels, zero } = report.points[3]!;
    const failure = { scheme, bits, granularity, method, fit, levels, zero, message: 'the *reason*' };
    const points = [{ ...samplePoint('exp', 'tensor', 2, 20), notFinite: 12 }];
    const failed = reportMarkdown({ ...report, points, failures: [failure] });
    expect(failed).toContain('- Could not be scored: binary, tensor, 4 bits: the \\*reason\\*');
    expect(failed).toContain('exp · 2 bits on 12 images');
  });

  it('reports agreement where there are no labels', () => {
    const unlabelled = reportMarkdown(unlabelledReport());
    expect(unlabelled).toContain('agreement, % (against float)');
    expect(unlabelled).not.toContain('chance level');
  });

  it('says so when nothing is finished or nothing is near float', () => {
    expect(reportMarkdown(sampleReport({ points: [] }))).toContain('No point is finished.');
    const points = [samplePoint('exp', 'tensor', 1, 10)];
    expect(reportMarkdown(sampleReport({ points }))).toContain('No point comes within 1 point of float.');
  });

  it('lets no name become markup, a link or a mention', () => {
    const report = sampleReport();
    const file = '`x`|<img src=x onerror=alert(1)>@team [a](http://x.example)\n# title';
    const hostile = reportMarkdown({
      ...report,
      command: ['bnn-quantize', 'sweep', '```\n<script>alert(1)</script>'],
      model: { ...report.model, file },
      dataset: { ...report.dataset, spec: file },
    });
    const outside = stripCode(hostile);
    expect(outside).not.toMatch(/<img|<script|@team|x\.example/);
    expect(hostile).not.toMatch(/^# title/m);
  });
});

describe('escaping for Markdown', () => {
  it('fences code longer than any run of backticks within', () => {
    expect(markdownCode('a')).toBe('`a`');
    expect(markdownCode('a``b`c')).toBe('```a``b`c```');
    expect(markdownCode('`')).toBe('`` ` ``');
    expect(markdownCode('a|b')).toBe('`a\\|b`');
    expect(markdownBlock('a\n````\nb')).toBe('`````\na\n````\nb\n`````');
  });

  it('escapes what has a meaning in prose', () => {
    expect(markdownText('a_b *c* <d> [e](f) `g` h|i @j')).toBe(
      'a\\_b \\*c\\* \\<d\\> \\[e\\](f) \\`g\\` h\\|i \\@j',
    );
  });
});

function tables(text: string): string[][][] {
  const blocks = text.split('\n\n').filter((block) => block.startsWith('|'));
  return blocks.map((block) =>
    block
      .split('\n')
      .filter((_, i) => i !== 1)
      .map((row) =>
        row
          .slice(2, -2)
          .split(' | ')
          .map((cell) => cell.trim()),
      ),
  );
}

/** Markdown without its fenced blocks and code spans (CommonMark: a span ends at a run of backticks of its own length). */
function stripCode(text: string): string {
  return text.replace(/^(`{3,})\n[\s\S]*?\n\1$/gm, '').replace(/(?<!`)(`+)(?!`)[\s\S]*?(?<!`)\1(?!`)/g, '');
}
