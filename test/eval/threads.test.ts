import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type * as Api from '../../src/index.ts';
import { tinyFolder } from '../cli/tiny-model.ts';

// Worker threads load the compiled package, so these tests do, too: `npm test` builds it first.
const BUILT = fileURLToPath(new URL('../../dist/src/index.js', import.meta.url));
const api = existsSync(BUILT) ? ((await import(/* @vite-ignore */ BUILT)) as typeof Api) : undefined;

const folder = tinyFolder(60);
afterAll(() => rmSync(folder, { recursive: true }));
const MODEL = join(folder, 'model.onnx');
const DATA = `idx:${folder}/images.idx,${folder}/labels.idx`;
const RANGE = { schemes: ['linear', 'exp'], bits: [1, 2, 3] };

function comparable(report: Api.Report): unknown {
  const { seconds: _, runSeconds: __, ...float } = report.float;
  const points = report.points.map(({ seconds: ___, runSeconds: ____, ...point }) => point);
  return { ...report, created: '', float, points };
}

describe.skipIf(api === undefined)('worker threads (needs dist, made by npm run build)', () => {
  const { BnnqError, quantize, readModel, score, sweep } = api ?? ({} as typeof Api);

  it('give the bits that one thread gives, whatever their number', async () => {
    const alone = comparable(await sweep(MODEL, DATA, { ...RANGE, threads: 1 }));
    for (const threads of [2, 4])
      expect(comparable(await sweep(MODEL, DATA, { ...RANGE, threads }))).toEqual(alone);
  });

  it('score models that are in memory only', async () => {
    const model = await readModel(MODEL);
    const packed = quantize(model, { scheme: 'exp', bits: 2 }).model;
    const [one, two] = await Promise.all(
      [1, 2].map(async (threads) => {
        const { seconds: _, float: __, ...rest } = await score(packed, DATA, { against: model, threads });
        return rest;
      }),
    );
    expect(two).toEqual(one);
  });

  it('end at once when interrupted, with what is finished kept', async () => {
    const abort = new AbortController();
    const out = join(folder, 'out');
    const sweeping = sweep(
      MODEL,
      DATA,
      { ...RANGE, threads: 2, out, signal: abort.signal },
      ({ finished }) => {
        if (finished) abort.abort();
      },
    );
    await expect(sweeping).rejects.toThrow(
      expect.objectContaining({
        code: 'interrupted',
        message: expect.stringContaining('of 6 points are finished, kept in'),
      }),
    );
    const lines = readFileSync(join(out, 'points.jsonl'), 'utf8').trim().split('\n').length;
    let resumed = 0;
    const report = await sweep(MODEL, DATA, { ...RANGE, threads: 2, out }, (progress) => {
      resumed = progress.resumed;
    });
    expect(resumed).toBe(lines - 1); // one line is the float network's
    expect(comparable(report)).toEqual(comparable(await sweep(MODEL, DATA, { ...RANGE, threads: 1 })));
  });

  it('hand on what goes wrong in them, class and code included', async () => {
    await expect(score(MODEL, DATA, { threads: 2, output: 'z' })).rejects.toBeInstanceOf(BnnqError);
    const broken = join(folder, 'gone.onnx');
    const { copyFileSync, unlinkSync } = await import('node:fs');
    copyFileSync(MODEL, broken);
    let removed = false;
    const sweeping = sweep(broken, DATA, { ...RANGE, threads: 2 }, () => {
      // The calling thread has read it by now, the workers have not.
      if (!removed) unlinkSync(broken);
      removed = true;
    });
    await expect(sweeping).rejects.toThrow(expect.objectContaining({ code: 'not-found' }));
  });
});
