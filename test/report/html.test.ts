import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Report } from '../../src/eval/types.ts';
import { reportHtml } from '../../src/report/html/page.ts';
import { reportJson } from '../../src/report/json.ts';
import { costedReport } from './cost-fixture.ts';
import { largeReport, samplePoint, sampleReport, unlabelledReport } from './fixture.ts';
import { elements, textOf } from './markup.ts';

describe('report.html', () => {
  const page = reportHtml(sampleReport());
  const tree = elements(page);

  it('is well-formed: every element closed in order, every id once', () => {
    const ids = tree.flatMap(({ attributes }) => attributes.get('id') ?? []);
    expect(ids.length).toBeGreaterThan(0);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('asks for nothing from anywhere', () => {
    expect(page).not.toMatch(/https?:|\/\/[a-z]|@import|url\((?!#)/i);
    for (const name of ['link', 'img', 'iframe', 'object', 'embed', 'use', 'image'])
      expect(tree.filter((element) => element.name === name)).toEqual([]);
    for (const { attributes } of tree)
      for (const name of attributes.keys())
        expect(name).not.toMatch(/^(src|href|xlink:href|on.*|srcset|action)$/);
    const policy = tree.find(({ attributes }) => attributes.get('http-equiv') === 'Content-Security-Policy');
    expect(policy!.attributes.get('content')).toBe(
      `default-src 'none'; style-src 'unsafe-inline'; script-src '${sourceOf(scripts(page)[0]!)}'`,
    );
  });

  it('has one script, the same for every report, and allows it by its hash alone', () => {
    expect(scripts(page)).toHaveLength(1);
    expect(scripts(reportHtml(unlabelledReport()))).toEqual(scripts(page));
    expect(tree.filter(({ name }) => name === 'script')).toHaveLength(2); // and one of data
  });

  it('does without the script where there is nothing to choose from', () => {
    const { weights: _, ...plain } = sampleReport();
    const points = plain.points.map(({ flips: __, ...point }) => point);
    const old = reportHtml({ ...plain, points });
    expect(old).not.toContain('<script');
    expect(old).toContain(`content="default-src 'none'; style-src 'unsafe-inline'">`);
  });

  it('draws a marker for every point of every series against bits', () => {
    const chart = inside(page, 'bits');
    expect(chart.match(/class="target"/g)).toHaveLength(48);
    // From one width to the next: seven parts a series.
    expect(chart.match(/class="curve b\d b\d"/g)).toHaveLength(42);
    expect(chart.match(/class="band b\d b\d"/g)).toHaveLength(42);
    expect(chart).toContain('float 91.73 %');
    expect(chart).toContain('chance 10.00 %');
  });

  it('draws a higher accuracy higher', () => {
    const heights = [...inside(page, 'bits').matchAll(/<circle cx="[\d.]+" cy="([\d.]+)"/g)]
      .slice(40, 48)
      .map((match) => Number(match[1]));
    const rates = [10.0, 18.26, 83.19, 90.45, 91.22, 91.52, 91.66, 91.76];
    for (let i = 1; i < rates.length; i++) expect(heights[i]!).toBeLessThan(heights[i - 1]!);
    const unit = (heights[0]! - heights[2]!) / (rates[2]! - rates[0]!);
    expect((heights[0]! - heights[7]!) / unit).toBeCloseTo(rates[7]! - rates[0]!, 0);
  });

  it('gives every chart a title, a description in words and the table beside it', () => {
    const charts = tree.filter(({ attributes }) => attributes.get('class') === 'chart');
    expect(charts).toHaveLength(5);
    for (const { attributes } of charts) {
      expect(attributes.get('role')).toBe('img');
      for (const id of attributes.get('aria-labelledby')!.split(' '))
        expect(tree.some((element) => element.attributes.get('id') === id)).toBe(true);
    }
    const rows = page.match(/<table class="points">[\s\S]*?<\/table>/)![0].match(/<tr class="k\d+ [^"]+">/g);
    expect(rows).toHaveLength(48);
  });

  it('has no number in its tables that does not come from report.json', () => {
    const report = costedReport();
    const known = numbersIn(JSON.parse(reportJson(report)), report);
    const unknown = [...reportHtml(report).matchAll(/<table[\s\S]*?<\/table>/g)].flatMap(([table]) =>
      [...table.matchAll(/<td[^>]*>([\s\S]*?)<\/td>/g)]
        .flatMap(
          (cell) =>
            textOf(cell[1]!.replaceAll('<small>', ' ')).match(/[−\d][\d.,]*(?: [KM]iB)?|<0\.001/g) ?? [],
        )
        .filter((text) => !known.has(text)),
    );
    expect(page.match(/<td/g)!.length).toBeGreaterThan(1000);
    expect([...new Set(unknown)]).toEqual([]);
  });

  it('has a switch a series, scheme, granularity and width that a rule of the style sheet listens to', () => {
    const boxes = tree.filter(({ name }) => name === 'input');
    expect(boxes).toHaveLength(6 + 3 + 2 + 8);
    for (const box of boxes) expect(page).toContain(`main:has(#${box.attributes.get('id')}:not(:checked))`);
  });

  it('tells schemes by colour and shape, granularities by dash and fill', () => {
    const legend = [...page.matchAll(/<svg class="swatch series (c\d) (v\d)[\s\S]*?<path d="([^"]+)"/g)].map(
      (match) => match.slice(1, 4),
    );
    expect(legend.map(([colour, dash]) => `${colour}${dash}`)).toEqual([
      'c0v0',
      'c0v1',
      'c1v0',
      'c1v1',
      'c2v0',
      'c2v1',
    ]);
    expect(new Set(legend.map(([, , shape]) => shape)).size).toBe(3);
  });

  it('follows the reader into the dark, onto a phone and to the printer', () => {
    expect(page).toContain('prefers-color-scheme: dark');
    expect(page).toContain('max-width: 40rem');
    expect(page).toContain('@media print');
    expect(page).toContain('width=device-width');
  });

  it('says how it was made', () => {
    const text = textOf(page);
    expect(text).toContain("bnn-quantize sweep resnet20.onnx --data 'cifar10:test batch.bin' -o report");
    expect(text).toContain('stem.gate: the weight is an input of Mul');
    expect(text).toContain('6af84e52190dd8b1462df47c5d7b895b90a77b0a1735e6b17c170aabcc9c60d5');
  });

  it('lets no name become markup', () => {
    const attack = `"><script>alert(1)</script><img src=x onerror='alert(2)'>&amp;</title></style>\u0000\ud800`;
    const report = sampleReport();
    const hostile = reportHtml({
      ...report,
      tool: { ...report.tool, version: attack },
      command: [attack],
      created: attack,
      machine: { ...report.machine, cpu: attack, platform: attack, node: attack },
      model: {
        ...report.model,
        file: attack,
        format: attack,
        sha256: attack,
        skipped: [{ name: attack, reason: attack }],
      },
      dataset: { ...report.dataset, spec: attack, fingerprint: attack, classNames: [attack, attack, attack] },
      weights: [{ ...report.weights![0]!, name: attack }],
      points: [
        {
          ...samplePoint(attack, attack, 3, 80),
          flips: report.points[0]!.flips!,
          layers: [
            { name: attack, scheme: attack, bits: 3, granularity: attack, count: 1, correlation: 1, mse: 0 },
          ],
        },
        samplePoint('exp', 'tensor', 3, 70),
      ],
    });
    const names = new Set(elements(hostile).map(({ name }) => name));
    expect(names.has('img')).toBe(false);
    expect(scripts(hostile)).toEqual(scripts(page));
    expect(elements(hostile).filter(({ name }) => name === 'script')).toHaveLength(2);
    expect(hostile.replace(/<script type="application.json"[\s\S]*?<\/script>/, '')).not.toMatch(
      /<script>alert|onerror='|\p{Surrogate}/u,
    );
    const { layers } = JSON.parse(/id="closely-data">([\s\S]*?)<\/script>/.exec(hostile)![1]!);
    expect(layers).toHaveLength(1);
    expect(hostile).not.toContain('\u0000');
    expect(elements(hostile).filter(({ name }) => name === 'style')).toHaveLength(1);
  });

  it('holds for odd sweeps: one point, one width, no labels, nothing finished, nothing near float', () => {
    const reports = [
      sampleReport({ points: [samplePoint('exp', 'channel', 3, 83)] }),
      sampleReport({
        points: [samplePoint('exp', 'channel', 3, 83), samplePoint('linear', 'channel', 3, 80)],
      }),
      sampleReport({ points: [samplePoint('exp', 'channel', 1, 10)] }),
      sampleReport({ points: [] }),
      unlabelledReport(),
    ];
    for (const report of reports) {
      const odd = reportHtml(report);
      expect(() => elements(odd)).not.toThrow();
      expect(odd).not.toMatch(/NaN|undefined|Infinity/);
    }
  });

  it('weighs under 2 MB for 64 points of 100 layers, all levels and classes included', () => {
    const report = costedReport(largeReport());
    expect([report.points.length, report.points[0]!.layers.length, report.weights!.length]).toEqual([
      64, 100, 100,
    ]);
    expect(Buffer.byteLength(reportHtml(report))).toBeLessThan(2_000_000);
  });
});

/**
 * Texts that numbers of the JSON may be written as: rates and times rounded, differences from float, sizes, ratios to the
 * model's size, milliseconds an image, shares of classes and of energy. Another way from the JSON than that of the page.
 */
function numbersIn(json: Report, { float, model }: Report): Set<string> {
  const texts = new Set<string>();
  const add = (value: number | null | undefined, ...digits: number[]): void => {
    if (value === null || value === undefined) return;
    for (const count of digits) {
      texts.add(Math.abs(value).toFixed(count));
      texts.add(`−${Math.abs(value).toFixed(count)}`);
    }
  };
  const addCount = (value: number): void => {
    texts.add(String(value)).add(`−${value}`).add(value.toLocaleString('en-US'));
  };
  for (const p of json.points) {
    addCount(p.bits);
    for (const rate of [p.top1, p.top5, p.agreement, ...(p.top1Interval ?? [])]) add(rate, 2);
    // An interval is matched with its comma.
    texts.add(`${p.top1Interval![0].toFixed(2)},`);
    add(p.top1! - float.top1!, 2);
    add(p.klDivergence, 4);
    add(p.logitSnrDb, 1);
    add(p.correlation, 5);
    add(p.bitsPerWeight, 2);
    add(p.seconds, 1);
    add((1000 * p.runSeconds!) / p.count, 2);
    add(model.byteLength / p.packedBytes, 1, 2);
    add(p.entropyBits, 2);
    for (const size of [p.packedBytes, p.compressedBytes ?? 0, p.onnxBytes ?? 0])
      for (const digits of [0, 1, 2])
        texts.add(`${(size / 1024).toFixed(digits)} KiB`).add(`${(size / 2 ** 20).toFixed(digits)} MiB`);
    for (const { correlation } of p.layers) texts.add((100 * (1 - correlation ** 2)).toPrecision(2));
    for (const [i, lost] of p.flips!.lost.entries()) {
      for (const count of [lost, p.flips!.gained[i]!, p.flips!.right[i]!]) addCount(count);
      add(p.flips!.gained[i]! - lost, 0);
      add((100 * lost) / json.float.byClass!.count[i]!, 1);
    }
  }
  for (const { cost } of [json.float, ...json.points]) {
    const { energy, shares, parts, traffic } = cost!;
    for (const microjoules of Object.values(energy))
      for (const digits of [0, 1, 2]) texts.add(microjoules.toFixed(digits));
    for (const share of Object.values(shares)) add(share, 1);
    add((100 * parts.float.compute) / energy.compute, 1);
    add(json.float.cost!.energy.total / energy.total, 1, 2);
    for (const moved of [traffic.weights, traffic.dram + traffic.sram])
      texts.add(`${(moved / 1024).toFixed(2)} KiB`);
  }
  for (const count of [...json.float.byClass!.count, ...json.float.byClass!.right]) addCount(count);
  return texts;
}

/** The texts of scripts that are run. */
function scripts(page: string): string[] {
  return [...page.matchAll(/<script>([\s\S]*?)<\/script>/g)].map((match) => match[1]!);
}

/** As a content security policy names it. */
function sourceOf(script: string): string {
  return `sha256-${createHash('sha256').update(script).digest('base64')}`;
}

/** The chart whose title has the id `<id>-title`. */
function inside(page: string, id: string): string {
  const from = page.lastIndexOf('<svg', page.indexOf(`id="${id}-title"`));
  return page.slice(from, page.indexOf('</svg>', from));
}
