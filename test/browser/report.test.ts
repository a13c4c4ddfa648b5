import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { measuredIn } from '../../src/eval/read-sensitivity.ts';
import type { Report } from '../../src/eval/types.ts';
import { reportHtml } from '../../src/report/html/page.ts';
import { costedReport } from '../report/cost-fixture.ts';
import { largeReport, sampleReport, unlabelledReport } from '../report/fixture.ts';
import { sampleSensitivity } from '../report/sensitivity-fixture.ts';
import { CHROMIUM, launchChromium } from './chromium.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe reports, as far as it is looked at here. */
interface Finding {
  readonly id: string;
  readonly impact: string | null;
  readonly nodes: readonly { readonly target: readonly string[] }[];
}

const WITH_ALL = costedReport(sampleReport({ sensitivity: measuredIn(sampleSensitivity()) }));

describe.skipIf(CHROMIUM === undefined)('report.html in a browser (needs Chromium)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bnnq-report-'));
  let browser: Browser;
  let context: BrowserContext | undefined;
  let complaints: string[] = [];
  let requests: string[] = [];

  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });
  afterEach(async () => {
    await context?.close();
    context = undefined;
    expect(complaints).toEqual([]);
    expect(requests.slice(1)).toEqual([]); // the first is the page
  });

  async function open(report: Report, options: BrowserContextOptions = {}): Promise<Page> {
    complaints = [];
    requests = [];
    const path = join(folder, 'report.html');
    writeFileSync(path, reportHtml(report));
    context = await browser.newContext(options);
    const page = await context.newPage();
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => requests.push(request.url()));
    await page.goto(pathToFileURL(path).href);
    return page;
  }

  /** How many of the elements a reader sees. */
  const seen = (page: Page, selector: string): Promise<number> =>
    page.locator(selector).filter({ visible: true }).count();

  it.each(['light', 'dark'] as const)(
    'has nothing that axe calls serious or critical, %s',
    async (colorScheme) => {
      for (const report of [WITH_ALL, unlabelledReport()]) {
        const page = await open(report, { colorScheme });
        await page.locator('details').evaluateAll((all) => {
          for (const one of all) one.setAttribute('open', '');
        });
        await page.evaluate(AXE);
        const findings = (await page.evaluate('axe.run().then(({ violations }) => violations)')) as Finding[];
        const grave = findings.filter(({ impact }) => impact === 'serious' || impact === 'critical');
        expect(grave.map(({ id, nodes }) => `${id}: ${nodes[0]!.target.join(' ')}`)).toEqual([]);
        await context!.close();
      }
    },
  );

  it('hides a series, a scheme, a granularity and a width everywhere, by mouse and by keyboard', async () => {
    const page = await open(WITH_ALL);
    const dots = 'svg[aria-labelledby^="bits-title"] .target';
    const rows = 'table.points tbody tr';
    expect([await seen(page, dots), await seen(page, rows)]).toEqual([48, 48]);
    await page.getByRole('checkbox', { name: 'linear · channel' }).uncheck();
    expect([await seen(page, dots), await seen(page, rows)]).toEqual([40, 40]);
    await page.getByRole('checkbox', { name: 'exp', exact: true }).uncheck();
    expect(await seen(page, rows)).toBe(24);
    await page.getByRole('checkbox', { name: 'tensor', exact: true }).uncheck();
    expect(await seen(page, rows)).toBe(8); // binary · channel
    await page.getByRole('checkbox', { name: '8', exact: true }).focus();
    await page.keyboard.press('Space');
    expect([await seen(page, dots), await seen(page, rows)]).toEqual([7, 7]);
    // The column of the width is gone, too, from its heads as from its cells.
    const heads = await page.locator('table.heat thead th').filter({ visible: true }).allTextContents();
    expect(heads).toEqual(['series', '1 bit', '2 bits', '3 bits', '4 bits', '5 bits', '6 bits', '7 bits']);
    await page.getByRole('checkbox', { name: 'exp', exact: true }).check();
    expect(await seen(page, rows)).toBe(14);
  });

  it('shows another point and another layer when they are chosen', async () => {
    const page = await open(WITH_ALL);
    const points = WITH_ALL.points;
    const text = page.locator('#weights-text');
    const bars = await page.locator('#weights-bars').getAttribute('d');
    await page.locator('#closely-point').selectOption('exp · tensor · 2 bits');
    await page.locator('#closely-layer').selectOption('linear.weight');
    expect(await text.textContent()).toMatch(/^linear\.weight, exp · tensor · 2 bits: 4 levels\./);
    expect((await page.locator('#weights-levels').getAttribute('d'))!.match(/M/g)).toHaveLength(4);
    expect(await page.locator('#weights-bars').getAttribute('d')).not.toBe(bars);
    const chosen = points.find(
      ({ scheme, granularity, bits }) => `${scheme} ${granularity} ${bits}` === 'exp tensor 2',
    )!;
    const lost = chosen.flips!.lost.reduce((a, b) => a + b, 0);
    const grouped = lost.toLocaleString('en-US');
    expect(await page.locator('#closely-classes').textContent()).toContain(
      `${grouped} images that the float model gets right are lost`,
    );
    expect(await page.locator('#closely-classes tbody tr').count()).toBe(10);
  });

  it('draws a level where its value is', async () => {
    const page = await open(WITH_ALL);
    await page.locator('#closely-point').selectOption('linear · channel · 1 bit');
    const d = (await page.locator('#weights-levels').getAttribute('d'))!;
    const at = [...d.matchAll(/M([\d.]+) /g)].map((match) => Number(match[1]));
    const { inRms } = WITH_ALL.points.find(
      ({ scheme, bits, granularity }) => `${scheme}${bits}${granularity}` === 'linear1channel',
    )!.layers[0]!.levels!;
    const ticks = await page
      .locator('figure.one .ticks text')
      .evaluateAll((all) =>
        all.map((one) => [Number(one.textContent!.replace('−', '-')), Number(one.getAttribute('x'))]),
      );
    const [zero, five] = [0, 5].map((value) => ticks.find(([tick]) => tick === value)![1]!);
    for (const [i, level] of inRms.entries())
      expect(at[i]).toBeCloseTo(zero! + ((five! - zero!) * level) / 5, 0);
  });

  it('tells the essential without its script', async () => {
    const page = await open(WITH_ALL, { javaScriptEnabled: false });
    expect(await seen(page, 'table.points tbody tr')).toBe(48);
    expect(await seen(page, '#closely-classes tbody tr')).toBeGreaterThan(0);
    expect(await seen(page, '#weights-levels')).toBe(1);
    expect(await seen(page, 'select')).toBe(0);
    expect(await seen(page, 'noscript')).toBe(1);
    await page.getByRole('checkbox', { name: 'linear · channel' }).uncheck();
    expect(await seen(page, 'table.points tbody tr')).toBe(40);
  });

  it('fits a phone: nothing is wider than 390 pixels but what scrolls on its own', async () => {
    for (const report of [WITH_ALL, unlabelledReport(), largeReport()]) {
      const page = await open(report, { viewport: { width: 390, height: 800 } });
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
      await context!.close();
    }
  });

  it('prints everything but the controls, on white', async () => {
    const page = await open(WITH_ALL, { colorScheme: 'dark' });
    await page.emulateMedia({ media: 'print' });
    expect(await seen(page, 'input[type=checkbox]')).toBe(0);
    expect(await seen(page, 'table.points tbody tr')).toBe(48);
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(255, 255, 255)');
    expect((await page.pdf()).length).toBeGreaterThan(10_000);
  });

  it('runs no script but its own', async () => {
    const page = await open(WITH_ALL);
    await page.evaluate(`{
      const script = document.createElement('script');
      script.textContent = 'window.intruder = true';
      document.body.append(script);
    }`);
    expect(await page.evaluate('window.intruder')).toBeUndefined();
    expect(complaints).toHaveLength(1);
    expect(complaints[0]).toContain('Content Security Policy');
    complaints = [];
  });
});
