import { readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { afterAll, describe, expect, it } from 'vitest';
import { measuredIn } from '../../src/eval/read-sensitivity.ts';
import { sweep } from '../../src/eval/sweep/sweep.ts';
import type { Report } from '../../src/eval/types.ts';
import { openDataset } from '../../src/formats/datasets/open-dataset.ts';
import { reportJson } from '../../src/report/json.ts';
import { tinyFolder } from '../cli/tiny-model.ts';
import { sampleReport, unlabelledReport } from './fixture.ts';
import { sampleSensitivity } from './sensitivity-fixture.ts';

// By the name that users of the package import.
const SCHEMA = JSON.parse(
  readFileSync(createRequire(import.meta.url).resolve('bnn-quantize/report.schema.json'), 'utf8'),
) as object;

const folder = tinyFolder(40);
afterAll(() => rmSync(folder, { recursive: true }));

function compiled(schema: object): ValidateFunction {
  const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true });
  ajv.addFormat('date-time', (text: string) => new Date(text).toISOString() === text);
  return ajv.compile(schema);
}

/** The same schema without room for properties that it does not name. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (value === null || typeof value !== 'object') return value;
  const inner = Object.fromEntries(Object.entries(value).map(([key, item]) => [key, closed(item)]));
  return 'properties' in inner && 'type' in inner ? { additionalProperties: false, ...inner } : inner;
}

const validate = compiled(SCHEMA);
const validateClosed = compiled(closed(SCHEMA) as object);

/** What is wrong with a report as it is written. */
function complaints(report: Report): string[] {
  const written: unknown = JSON.parse(reportJson(report));
  for (const check of [validate, validateClosed])
    if (!check(written))
      return check.errors!.map(
        ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
      );
  return [];
}

describe('schema/report.schema.json', () => {
  const labelled = `idx:${folder}/images.idx,${folder}/labels.idx`;
  const model = join(folder, 'model.onnx');

  it.each<[string, () => Report | Promise<Report>]>([
    [
      'a sweep with labels',
      () => sweep(model, labelled, { schemes: ['exp', 'ternary'], bits: [1, 2, 8], command: ['x'] }),
    ],
    [
      'a sweep without labels',
      () => sweep(model, `idx:${folder}/images.idx`, { schemes: ['auto'], bits: [2] }),
    ],
    [
      'a calibrated sweep with repairs and activations of few bits',
      () =>
        sweep(model, labelled, {
          ...{ schemes: ['linear'], bits: [2], methods: ['gptq'], ridge: 0.1, actBits: [8, null] },
          repairs: ['equalize', 'bias'],
          calibration: { data: labelled, samples: 16 },
        }),
    ],
    [
      'a sweep of data whose classes have names',
      async () =>
        sweep(
          model,
          { ...(await openDataset(labelled)), classNames: ['a', 'b', 'c'] },
          { schemes: ['pot'], bits: [3], threads: 1 },
        ),
    ],
    ['measured losses of layers', () => sampleReport({ sensitivity: measuredIn(sampleSensitivity()) })],
    ['data without labels', () => unlabelledReport()],
    ['failures', () => sampleReport({ failures: [{ ...SETTINGS, message: 'no' }] })],
    ['nothing', () => sampleReport({ points: [] })],
  ])('describes every property of a report of %s', async (_, make) => {
    expect(complaints(await make())).toEqual([]);
  });

  it.each<[string, (report: Report) => unknown]>([
    ['another schema', (report) => ({ ...report, schema: 'bnn-quantize/report@2' })],
    ['a rate above 100', (report) => ({ ...report, float: { ...report.float, top1: 101 } })],
    ['no fingerprint', (report) => ({ ...report, dataset: { ...report.dataset, fingerprint: undefined } })],
    [
      'bits that are no base64',
      (report) => ({ ...report, float: { ...report.float, outcomes: { right: '?' } } }),
    ],
    ['a width of nine bits', (report) => ({ ...report, points: [{ ...report.points[0], bits: 9 }] })],
    ['half a point', (report) => ({ ...report, points: [SETTINGS] })],
  ])('refuses %s', (_, spoil) => {
    expect(validate(JSON.parse(JSON.stringify(spoil(sampleReport()))))).toBe(false);
  });

  it('leaves room for what later versions add', () => {
    expect(validate({ ...JSON.parse(reportJson(sampleReport())), later: 1 })).toBe(true);
  });
});

const SETTINGS = {
  ...{ scheme: 'exp', bits: 3, granularity: 'channel', method: 'rtn', fit: 'correlation' },
  ...{ levels: 'geometric', zero: false },
};
