import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as browserApi from '../../src/browser.ts';
import { sharedData } from '../shared-data.ts';
import { CHROMIUM, launchChromium } from './chromium.ts';

type Api = typeof browserApi;

const MODULE = new URL('../../dist/browser/bnn-quantize.js', import.meta.url);
const MODEL = sharedData('models/cifar10_resnet20.onnx');

/** A page and the module, cross-origin isolated or not. */
async function serve(isIsolated: boolean): Promise<Server> {
  const server = createServer(({ url }, response) => {
    const isModule = url === '/bnn-quantize.js';
    response.writeHead(200, {
      'content-type': isModule ? 'text/javascript' : 'text/html',
      ...(isIsolated && {
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-embedder-policy': 'require-corp',
      }),
    });
    response.end(isModule ? readFileSync(MODULE) : '<title>threads</title>');
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return server;
}

/**
 * Checksums of the output in ten runs, in turn with pauses in which workers come up. Also sent to the browser as text, so that it may use
 * nothing from around it.
 */
async function checksumsOf(api: Api, model: string, threads: number): Promise<string[]> {
  const bytes = Uint8Array.from(atob(model), (letter) => letter.charCodeAt(0));
  const session = api.createSession(await api.readModel(bytes), { kernels: 'simd', threads });
  const data = Float32Array.from({ length: 3072 }, (_, i) => ((i * 37) % 101) / 50 - 1);
  const checksums: string[] = [];
  for (let run = 0; run < 10; run++) {
    const outputs = session.run({ input: { dtype: 'FLOAT', shape: [1, 3, 32, 32], data } });
    for (const output of outputs.values()) checksums.push(api.checksum(output));
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
  session.dispose();
  return checksums;
}

/** Runs `checksumsOf` in a page, or in a worker of it, and counts the workers that it starts itself. */
async function inBrowser(page: Page, where: 'page' | 'worker', model: string, threads: number) {
  const work = `(async () => {
    let started = 0;
    const { Worker } = globalThis;
    globalThis.Worker = class extends Worker { constructor(...args) { super(...args); started++; } };
    const checksums = await (${checksumsOf})(await import('MODULE'), '${model}', ${threads});
    return { checksums, started };
  })()`;
  const url = new URL('/bnn-quantize.js', page.url()).href;
  const code = work.replace('MODULE', url);
  const worker = `${code}.then((answer) => postMessage(answer), (error) => postMessage(String(error)))`;
  return page.evaluate(
    where === 'page'
      ? code
      : `new Promise((resolve) => {
          const blob = new Blob([${JSON.stringify(worker)}], { type: 'text/javascript' });
          const worker = new Worker(URL.createObjectURL(blob), { type: 'module' });
          worker.onmessage = ({ data }) => resolve(data);
        })`,
  );
}

describe.skipIf(CHROMIUM === undefined || MODEL === undefined)(
  'threads in a browser (needs Chromium and ../shared/data)',
  () => {
    let browser: Browser;
    const servers: Server[] = [];
    const model = MODEL === undefined ? '' : readFileSync(MODEL).toString('base64');

    beforeAll(async () => {
      browser = await launchChromium();
    });
    afterAll(async () => {
      await browser?.close();
      for (const server of servers) server.close();
    });

    async function open(isIsolated: boolean): Promise<Page> {
      const server = await serve(isIsolated);
      servers.push(server);
      const page = await browser.newPage();
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      return page;
    }

    it('give the bits of one thread in Node, in a page and in a worker', async () => {
      const expected = await checksumsOf(browserApi, model, 1);
      expect(new Set(expected).size).toBe(1);
      const page = await open(true);
      for (const where of ['page', 'worker'] as const)
        expect(await inBrowser(page, where, model, 3), where).toEqual({ checksums: expected, started: 2 });
      await page.close();
    });

    it('are refused with the reason where the page is not isolated, and one is not', async () => {
      const page = await open(false);
      await expect(inBrowser(page, 'page', model, 2)).rejects.toThrow(
        /2 threads need a SharedArrayBuffer, which a browser gives only to pages that are cross-origin isolated/,
      );
      expect(await inBrowser(page, 'page', model, 1)).toMatchObject({ started: 0 });
      await page.close();
    });
  },
);
