import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { encode } from 'fast-png';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as browserApi from '../../src/browser.ts';
import { createClassifier, decodeImage, encodePacked, quantize, readModelBytes } from '../../src/index.ts';
import { buildModel } from '../runtime/build-model.ts';
import { sharedData } from '../shared-data.ts';
import { CHROMIUM, launchChromium } from './chromium.ts';
import { type ExampleServer, serveExample } from './example-server.ts';

type Api = typeof browserApi;
type Files = Readonly<Record<string, string>>;

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const fixture = (path: string): Uint8Array => {
  const bytes = readFileSync(new URL(`../fixtures/${path}`, import.meta.url));
  return new Uint8Array(path.endsWith('.gz') ? gunzipSync(bytes) : bytes);
};

/**
 * Checksums of the outputs for inputs of a fixed pattern. Also sent to the browser as text, so that it may use nothing from
 * around it. @param files the model first, what belongs to it behind
 */
async function outputsOf(api: Api, files: Files, kernels: 'reference' | 'simd'): Promise<string[]> {
  const bytesOf = (text: string) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const [[file, first], ...others] = Object.entries(files) as [[string, string], ...[string, string][]];
  const model = await api.readModel(bytesOf(first), {
    file,
    files: Object.fromEntries(others.map(([name, text]) => [name, bytesOf(text)])),
  });
  const session = api.createSession(model, { kernels });
  const feeds = new Map(
    session.inputs.map(({ name, shape = [] }) => {
      const dims = shape.map((dim) => (typeof dim === 'number' && dim > 0 ? dim : 1));
      const count = dims.reduce((product, dim) => product * dim, 1);
      const data = Float32Array.from({ length: count }, (_, i) => ((i * 37) % 101) / 50 - 1);
      return [name, { dtype: 'FLOAT' as const, shape: dims, data }];
    }),
  );
  const checksums = [...session.run(feeds).values()].map((tensor) => api.checksum(tensor));
  session.dispose();
  return checksums;
}

describe.skipIf(CHROMIUM === undefined)('the module for browsers (needs Chromium)', () => {
  let server: ExampleServer;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    server = await serveExample();
    browser = await launchChromium();
    page = await browser.newPage();
    await page.goto(server.url);
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const outputsInBrowser = (files: Files, kernels: string): Promise<string[]> =>
    page.evaluate(
      `import('/bnn-quantize.js').then((api) => (${outputsOf})(api, ${JSON.stringify(files)}, '${kernels}'))`,
    );

  async function expectSameBits(files: Files): Promise<void> {
    const here = await outputsOf(browserApi, files, 'simd');
    expect(here.length).toBeGreaterThan(0);
    for (const kernels of ['simd', 'reference'])
      expect(await outputsInBrowser(files, kernels), kernels).toEqual(here);
  }

  it('offers the names that src/browser.ts exports', async () => {
    const names = await page.evaluate("import('/bnn-quantize.js').then((api) => Object.keys(api).sort())");
    expect(names).toEqual(Object.keys(browserApi).sort());
  });

  it('decodes every PNG and JPEG to the pixels of Node and Pillow', async () => {
    const wanted = JSON.parse(Buffer.from(fixture('images/expected.json')).toString()) as Record<
      string,
      { width: number; height: number; channels: number; sha256: string }
    >;
    for (const [name, { width, height, channels, sha256 }] of Object.entries(wanted)) {
      const got = await page.evaluate(`import('/bnn-quantize.js').then(async (api) => {
        const bytes = Uint8Array.from(atob('${base64(fixture(`images/${name}`))}'), (letter) => letter.charCodeAt(0));
        const { pixels, ...size } = await api.decodeImage(new Blob([bytes]), '${name}');
        return { ...size, sha256: api.checksum({ data: pixels }) };
      })`);
      expect(got, name).toEqual({ width, height, channels, sha256 });
    }
  });

  it('reads ONNX and packed models, and checks the hashes of a packed one', async () => {
    const onnx = new Uint8Array(readFileSync(new URL('../../examples/demo/digits.onnx', import.meta.url)));
    await expectSameBits({ 'digits.onnx': base64(onnx) });
    const packed = encodePacked(quantize(await readModelBytes(onnx), { scheme: 'linear', bits: 4 }).model);
    await expectSameBits({ 'digits.bnnq': base64(packed) });
    const { model } = quantize(await readModelBytes(onnx), { scheme: 'linear', bits: 4 });
    await expectSameBits({ 'digits.bnnq': base64(encodePacked(model, { compress: true })) });
    packed[packed.length - 5]! ^= 1;
    await expect(outputsInBrowser({ 'digits.bnnq': base64(packed) }, 'simd')).rejects.toThrow(
      /"digits\.bnnq" is damaged: tensor ".*" has SHA-256/,
    );
  });

  it.each(['v2.h5.gz', 'v3.keras.gz', 'v3.deflated.keras'])('reads the Keras file %s', async (name) => {
    await expectSameBits({ [name.replace('.gz', '')]: base64(fixture(`keras/containers/${name}`)) });
  });

  it('runs the lines of the README, as they stand there', async () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    const html = /```html\n(<script type="module">[\s\S]*?<\/script>)\n```/.exec(readme)![1]!;
    const packed = encodePacked(
      buildModel({
        inputs: { x: ['FLOAT', ['N', 3, 4, 4]] },
        outputs: ['y'],
        nodes: [
          { op: 'GlobalAveragePool', inputs: ['x'], outputs: ['a'] },
          { op: 'Flatten', inputs: ['a'], outputs: ['y'] },
        ],
      }),
    );
    const data = Uint8Array.from({ length: 48 }, (_, i) => i * 5);
    const image = encode({ width: 4, height: 4, channels: 3, depth: 8, data });
    const own = await browser.newPage();
    const files = { 'readme.html': html, 'model.bnnq': packed, 'image.png': image };
    for (const [name, content] of Object.entries(files))
      await own.route(`${server.url}${name}`, (route) =>
        route.fulfill({
          body: typeof content === 'string' ? content : Buffer.from(content),
          contentType: name.endsWith('.html') ? 'text/html' : 'application/octet-stream',
        }),
      );
    const printed = own.waitForEvent('console');
    await own.goto(`${server.url}readme.html`);
    const { classes, checksum } = createClassifier(await readModelBytes(packed)).classify(
      await decodeImage(image, 'image.png'),
      { preprocess: 'torch' },
    );
    expect((await printed).text()).toBe(`${classes[0]!.index} ${classes[0]!.probability} ${checksum}`);
    await own.close();
  });

  it('says which file a model needs besides', async () => {
    const weights = { 'net.weights.h5': base64(fixture('keras/containers/v3.weights.h5.gz')) };
    await expect(outputsInBrowser(weights, 'simd')).rejects.toThrow(
      'keras: "net.weights.h5" holds weights and no architecture',
    );
  });

  const lfc = sharedData('models/bnn_lfc_w1a1_mnist.onnx');
  const cnv = sharedData('models/bnn_cnv_w1a1_cifar10.onnx');
  it.skipIf(lfc === undefined || cnv === undefined)(
    'runs binary networks on bits (needs ../shared/data)',
    async () => {
      for (const path of [lfc!, cnv!]) await expectSameBits({ 'binary.onnx': base64(readFileSync(path)) });
    },
  );

  const tfjs = sharedData('models/tfjs-nsfwjs-mobilenet_v2');
  it.skipIf(tfjs === undefined)(
    'reads TensorFlow.js models with their shards (needs ../shared/data)',
    async () => {
      const read = (name: string) => base64(readFileSync(`${tfjs}/${name}`));
      const model = readdirSync(tfjs!).find((name) => name.endsWith('.json'))!;
      const shards = readdirSync(tfjs!).filter((name) => /shard|\.bin$/.test(name));
      expect(shards.length).toBeGreaterThan(0);
      const files = Object.fromEntries([model, ...shards].map((name) => [name, read(name)]));
      const here = await outputsOf(browserApi, files, 'simd');
      expect(await outputsInBrowser(files, 'simd')).toEqual(here);
      await expect(outputsInBrowser({ [model]: files[model]! }, 'simd')).rejects.toThrow('and was not given');
    },
  );
});
