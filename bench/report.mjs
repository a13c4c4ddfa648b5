/**
 * The report of the largest sweep that is meant to open at once, 100 layers × 64 points on 50,000 images (made up): bytes, time to
 * write, time to open in Chromium; and what reporting adds to a real sweep. Writes docs/results/report.md.
 *
 *     npm run build && node --import ./scripts/load-typescript.mjs bench/report.mjs
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { weightHistograms } from '../dist/src/eval/weights/histograms.js';
import { withLevels } from '../dist/src/eval/weights/levels.js';
import { quantize, readModel, reportFiles, sweep } from '../dist/src/index.js';
import { CHROMIUM, launchChromium } from '../test/browser/chromium.ts';
import { costedReport } from '../test/report/cost-fixture.ts';
import { largeReport } from '../test/report/fixture.ts';

const file = (name) => fileURLToPath(new URL(name, import.meta.url));
const OPENINGS = 7;
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

function timed(work) {
  const start = performance.now();
  const result = work();
  return { result, milliseconds: performance.now() - start };
}

/** Milliseconds from the start of the navigation to the first picture and to the end of loading. */
async function openings(html) {
  const folder = mkdtempSync(join(tmpdir(), 'bnnq-bench-'));
  const path = join(folder, 'report.html');
  writeFileSync(path, html);
  const browser = await launchChromium();
  try {
    const found = [];
    for (let i = 0; i < OPENINGS; i++) {
      const page = await browser.newPage();
      await page.goto(pathToFileURL(path).href);
      found.push(
        await page.evaluate(
          () =>
            new Promise((resolve) => {
              const paint = () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime;
              const look = () =>
                paint() === undefined
                  ? setTimeout(look, 10)
                  : resolve({
                      paint: paint(),
                      load: performance.getEntriesByType('navigation')[0].loadEventEnd,
                    });
              look();
            }),
        ),
      );
      await page.close();
    }
    return { paint: median(found.map(({ paint }) => paint)), load: median(found.map(({ load }) => load)) };
  } finally {
    await browser.close();
    rmSync(folder, { recursive: true });
  }
}

/** What of a sweep of ResNet-20, 24 points × 1,000 images, goes into what only the report needs. */
async function reporting() {
  const path = file('../../shared/data/models/cifar10_resnet20.onnx');
  if (!existsSync(path)) return undefined;
  const model = await readModel(path);
  const start = performance.now();
  const report = await sweep(path, `cifar10:${file('../../shared/data/cifar10/test_batch.bin')}`, {
    ...{ schemes: ['binary', 'linear', 'exp'], bits: [1, 2, 3, 4, 5, 6, 7, 8] },
    ...{ preprocess: 'torch', limit: 1000, threads: 2 },
  });
  const seconds = (performance.now() - start) / 1000;
  const { milliseconds: histograms } = timed(() => weightHistograms(model, {}, report.points));
  const { model: packed } = quantize(model, { scheme: 'exp', bits: 4 });
  const point = report.points.find(({ scheme, bits }) => scheme === 'exp' && bits === 4);
  const { milliseconds: levels } = timed(() => withLevels(model, packed, point.layers, point));
  const { milliseconds: files } = timed(() => reportFiles(report));
  const own = (histograms + levels * report.points.length + files) / 1000;
  return { seconds, own, share: (100 * own) / seconds };
}

const report = costedReport(largeReport());
const { result: files, milliseconds } = timed(() => reportFiles(report));
const size = (name) => Buffer.byteLength(files.get(name));
const opened = CHROMIUM === undefined ? undefined : await openings(files.get('report.html'));
const real = await reporting();
const text = `# The report

Made by \`npm run build && node --import ./scripts/load-typescript.mjs bench/report.mjs\` on ${cpus()[0].model.trim()}, ${cpus().length} cores.

A made-up sweep of ${report.points.length} points with ${report.points[0].layers.length} layers each on ${report.dataset.count.toLocaleString('en-US')} images:

| | measured | meant |
| --- | --: | --: |
| \`report.html\` | ${megabytes(size('report.html'))} | under 2 MB |
| \`report.json\` | ${megabytes(size('report.json'))} | |
| \`report.md\`, characters | ${files.get('report.md').length.toLocaleString('en-US')} | under 65,536 |
| writing all four files | ${milliseconds.toFixed(0)} ms | |
${
  opened === undefined
    ? ''
    : `| opening in Chromium, first picture (median of ${OPENINGS}) | ${opened.paint.toFixed(0)} ms | |
| opening in Chromium, loaded (median of ${OPENINGS}) | ${opened.load.toFixed(0)} ms | under 1,000 ms |
`
}
${
  real === undefined
    ? ''
    : `ResNet-20, 24 points × 1,000 images, two threads: ${real.seconds.toFixed(1)} s, of which histograms, levels and files, which only the report needs, take ${real.own.toFixed(2)} s: ${real.share.toFixed(1)} % (meant: under 2 %).
`
}`;
writeFileSync(file('../docs/results/report.md'), text);
console.log(text);
