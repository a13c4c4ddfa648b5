import { readFileSync } from 'node:fs';
import { encode } from 'fast-png';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  checkPreprocess,
  createClassifier,
  decodeImage,
  encodePacked,
  quantize,
  readModelBytes,
} from '../../src/index.ts';
import { sharedData } from '../shared-data.ts';
import { CHROMIUM, launchChromium } from './chromium.ts';
import { type ExampleServer, serveExample } from './example-server.ts';

interface File {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

/** The model with 3-bit weights, as a packed file. */
async function packedAt3Bits(path: string | URL, name: string): Promise<File> {
  const { model } = quantize(await readModelBytes(readFileSync(path)), { scheme: 'exp', bits: 3 });
  return { name, mimeType: '', buffer: Buffer.from(encodePacked(model)) };
}

/** A picture of waves, so that no two rows or columns are alike. */
function pngOf(width: number, height: number, channels: 1 | 3): File {
  const data = Uint8Array.from({ length: width * height * channels }, (_, i) => {
    const [pixel, channel] = [Math.floor(i / channels), i % channels];
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    return 128 + 127 * Math.sin(0.7 * x + 0.3 * channel) * Math.cos(0.4 * y - channel);
  });
  const buffer = Buffer.from(encode({ width, height, channels, depth: 8, data }));
  return { name: `waves ${width}.png`, mimeType: 'image/png', buffer };
}

/** Drops a file on an element, as a person would from a folder. */
async function drop(page: Page, selector: string, file: File): Promise<void> {
  const transfer = await page.evaluateHandle(
    ({ name, mimeType, base64 }) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      // The types of the browser are not those that the tests are compiled with.
      const scope = globalThis as unknown as {
        DataTransfer: new () => { items: { add(file: unknown): void } };
        File: new (parts: unknown[], name: string, options: { type: string }) => unknown;
      };
      const made = new scope.DataTransfer();
      made.items.add(new scope.File([bytes], name, { type: mimeType }));
      return made;
    },
    { name: file.name, mimeType: file.mimeType, base64: file.buffer.toString('base64') },
  );
  await page.dispatchEvent(selector, 'drop', { dataTransfer: transfer });
}

/** What the page shows when it is done. */
async function shown(page: Page): Promise<{ checksum: string; classes: string[]; command: string }> {
  await page.locator('#status', { hasText: 'Done.' }).waitFor();
  const classes = await page
    .locator('#classes tr')
    .evaluateAll((rows) =>
      rows.map((row) =>
        [...(row as unknown as { cells: Iterable<{ textContent: string }> }).cells]
          .map((cell) => cell.textContent)
          .join(' | '),
      ),
    );
  return {
    checksum: (await page.locator('#checksum').textContent()) ?? '',
    classes,
    command: (await page.locator('#command').textContent()) ?? '',
  };
}

/** The same, computed here. */
async function expected(
  model: File,
  image: File,
  steps: object,
): Promise<{ checksum: string; classes: string[] }> {
  const classifier = createClassifier(await readModelBytes(new Uint8Array(model.buffer)));
  const pixels = await decodeImage(new Uint8Array(image.buffer), image.name);
  const { checksum, classes } = classifier.classify(pixels, {
    preprocess: checkPreprocess(steps, 'the test'),
  });
  classifier.dispose();
  return {
    checksum,
    classes: classes.map(
      ({ index, probability, value }) =>
        `${index} | ${(100 * probability!).toFixed(1)} % | ${String(Number(value.toPrecision(6))).replace('-', '−')}`,
    ),
  };
}

describe.skipIf(CHROMIUM === undefined)('the example page (needs Chromium)', () => {
  let server: ExampleServer;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let requests: string[];
  let complaints: string[];

  beforeAll(async () => {
    server = await serveExample();
    browser = await launchChromium();
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  beforeEach(async () => {
    requests = [];
    complaints = [];
    context = await browser.newContext();
    context.on('request', (request) => requests.push(request.url()));
    context.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    context.on('weberror', (error) => complaints.push(error.error().message));
    page = await context.newPage();
    await page.goto(server.url);
  });

  afterEach(async () => {
    await context.close();
    expect(complaints).toEqual([]);
    expect(requests.filter((url) => !url.startsWith(server.url) && !url.startsWith('blob:'))).toEqual([]);
  });

  it('shows the classes and the checksum that Node gives, with any kernels, after two files were dropped', async () => {
    const model = await packedAt3Bits(
      new URL('../../examples/demo/digits.onnx', import.meta.url),
      'digits.bnnq',
    );
    const image = pngOf(28, 28, 1);
    await drop(page, '#model-drop', model);
    await drop(page, '#image-drop', image);
    const wanted = await expected(model, image, { preset: 'unit' });
    expect(wanted.classes).toHaveLength(5);
    for (const kernels of ['auto', 'reference', 'simd']) {
      if (kernels !== 'auto') await page.selectOption('#kernels', kernels);
      const { command, ...result } = await shown(page);
      expect(result, kernels).toEqual(wanted);
      expect(command).toBe("npx bnn-quantize run digits.bnnq --input 'waves 28.png' --preprocess unit");
    }
    expect(await page.locator('#time').textContent()).toMatch(
      /^[\d.]+ ms \(median of \d+; the first after a change took [\d.]+ ms\)$/,
    );
    expect(await page.locator('#memory').textContent()).toMatch(/weights, .* activations, .* at the peak$/);
  });

  it('resizes as Node does, and names the classes out of a file', async () => {
    const model = await packedAt3Bits(
      new URL('../../examples/demo/digits.onnx', import.meta.url),
      'digits.bnnq',
    );
    const image = pngOf(75, 60, 3);
    await page.setInputFiles('#model', model);
    await page.setInputFiles('#image', image);
    await page.fill('#resize', '30');
    await page.selectOption('#preset', 'tf');
    await page.setInputFiles('#names', {
      name: 'names.txt',
      mimeType: 'text/plain',
      buffer: Buffer.from('zero\none\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n'),
    });
    const wanted = await expected(model, image, { preset: 'tf', resize: 30 });
    await page.locator('#checksum', { hasText: wanted.checksum }).waitFor();
    const { command, classes } = await shown(page);
    const [best] = wanted.classes[0]!.split(' ');
    const names = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
    expect(classes[0]).toBe(wanted.classes[0]!.replace(/^\d/, `${names[Number(best)]} (${best})`));
    expect(command).toContain(`echo '{"preset":"tf","resize":30}' > steps.json`);
  });

  it('says in a sentence what is wrong with a file, and goes on with the next', async () => {
    await page.setInputFiles('#model', {
      name: 'notes.txt',
      mimeType: 'text/plain',
      buffer: Buffer.from('hello'),
    });
    await page.locator('#error', { hasText: '"notes.txt" is a text file; expected an ONNX model' }).waitFor();
    await page.setInputFiles(
      '#model',
      await packedAt3Bits(new URL('../../examples/demo/digits.onnx', import.meta.url), 'digits.bnnq'),
    );
    await page.setInputFiles('#image', pngOf(12, 12, 1));
    await page.locator('#error', { hasText: 'are too few for a crop of 28 × 28' }).waitFor();
    await page.setInputFiles('#image', pngOf(28, 28, 1));
    await shown(page);
    expect(await page.locator('#error').isVisible()).toBe(false);
  });

  const resnet = sharedData('models/cifar10_resnet20.onnx');
  it.skipIf(resnet === undefined)('gives the bits of Node for ResNet-20 (needs ../shared/data)', async () => {
    const model = await packedAt3Bits(resnet!, 'resnet20.bnnq');
    const image = pngOf(32, 32, 3);
    await drop(page, '#model-drop', model);
    await drop(page, '#image-drop', image);
    const wanted = await expected(model, image, { preset: 'torch' });
    for (const kernels of ['simd', 'reference']) {
      await page.selectOption('#kernels', kernels);
      await page.locator('#checksum', { hasText: wanted.checksum }).waitFor();
      const { checksum, classes } = await shown(page);
      expect({ checksum, classes }, kernels).toEqual(wanted);
    }
  });
});
