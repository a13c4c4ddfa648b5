import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type JsonChecks, jsonChecks, readJson } from './check-json.ts';
import type { ComparablePoint, ComparableReport, FloatOutcomes, PointSettings } from './types.ts';

/** The report of 64 points × 100 layers on 50,000 images has 5 MB. */
const MAX_REPORT_BYTES: number = 256 * 2 ** 20;

/** More than every combination of settings that there is. */
const MAX_POINTS = 10_000;

/** Images of a dataset. Their outcomes are bits, so this is 13 MB of text a point, and the file's limit comes first. */
const MAX_IMAGES = 100_000_000;

/**
 * What of a `report.json` two reports are compared by, checked: reports are sent around, and may be of anyone.
 * @param path the file, or the folder of a sweep
 * @throws not-found, io, limit, malformed with everything that is wrong and its place
 */
export function readReport(path: string): ComparableReport {
  const file = statSync(path, { throwIfNoEntry: false })?.isDirectory() ? join(path, 'report.json') : path;
  const what = `report "${file}"`;
  return checkReport(readJson(file, what, MAX_REPORT_BYTES), what);
}

/** @throws malformed */
export function checkReport(value: unknown, what: string): ComparableReport {
  const check = jsonChecks(what);
  const root = check.record(value, 'the whole');
  if (root.schema !== 'bnn-quantize/report@1') check.fail('schema', '"bnn-quantize/report@1"', root.schema);
  const tool = check.record(root.tool, 'tool');
  const model = check.record(root.model, 'model');
  const data = check.record(root.dataset, 'dataset');
  const dataset = {
    spec: check.text(data.spec, 'dataset.spec'),
    count: check.whole(data.count, 'dataset.count', 1, MAX_IMAGES),
    fingerprint: check.text(data.fingerprint, 'dataset.fingerprint'),
    labelled: check.flag(data.labelled, 'dataset.labelled'),
  };
  const float = check.record(root.float, 'float');
  const floatTop1 = rate(check, float.top1, 'float.top1');
  const right = outcome(
    check,
    check.record(float.outcomes ?? {}, 'float.outcomes').right,
    'float.outcomes.right',
    dataset.count,
    floatTop1,
  );
  const points = check
    .list(root.points, 'points', MAX_POINTS)
    .map((point, i) => pointOf(check, point, `points[${i}]`, dataset.count));
  const result: ComparableReport = {
    tool: { name: 'bnn-quantize', version: check.text(tool.version, 'tool.version') },
    created: check.text(root.created, 'created'),
    model: { file: check.text(model.file, 'model.file'), sha256: check.text(model.sha256, 'model.sha256') },
    dataset,
    float: { top1: floatTop1, ...(right !== undefined && { outcomes: { right } }) },
    points,
  };
  check.end();
  return result;
}

function pointOf(check: JsonChecks, value: unknown, at: string, count: number): ComparablePoint {
  const point = check.record(value, at);
  const top1 = rate(check, point.top1, `${at}.top1`);
  const agreement = rate(check, point.agreement, `${at}.agreement`);
  const kept = check.record(point.outcomes ?? {}, `${at}.outcomes`);
  const right = outcome(check, kept.right, `${at}.outcomes.right`, count, top1);
  const agrees = outcome(check, kept.agrees, `${at}.outcomes.agrees`, count, agreement);
  return {
    ...settings(check, point, at),
    top1,
    agreement,
    packedBytes: check.whole(point.packedBytes, `${at}.packedBytes`, 1),
    seconds: check.number(point.seconds, `${at}.seconds`, 0),
    ...(right !== undefined && typeof agrees === 'string' && { outcomes: { right, agrees } }),
  };
}

function settings(check: JsonChecks, point: Readonly<Record<string, unknown>>, at: string): PointSettings {
  const optional = <T>(name: string, read: (value: unknown, at: string) => T): Record<string, T> =>
    point[name] === undefined ? {} : { [name]: read(point[name], `${at}.${name}`) };
  return {
    scheme: check.text(point.scheme, `${at}.scheme`),
    bits: check.whole(point.bits, `${at}.bits`, 1, 8),
    granularity: check.text(point.granularity, `${at}.granularity`),
    method: check.text(point.method, `${at}.method`),
    fit: check.text(point.fit, `${at}.fit`),
    levels: check.text(point.levels, `${at}.levels`),
    zero: check.flag(point.zero, `${at}.zero`),
    ...optional('bases', check.text),
    ...optional('repairs', (value, place) =>
      check.list(value, place, 16).map((one, i) => check.text(one, `${place}[${i}]`)),
    ),
    ...optional('ridge', (value, place) => check.number(value, place, 0)),
    ...optional('actBits', (value, place) => check.whole(value, place, 1, 8)),
    ...optional('actRange', check.text),
  } as PointSettings;
}

function rate(check: JsonChecks, value: unknown, at: string): number | null {
  return value === null ? null : check.number(value, at, 0, 100);
}

/** Bits of as many images as there are, as many of them set as the rate says; undefined where none are kept. */
function outcome(
  check: JsonChecks,
  value: unknown,
  at: string,
  count: number,
  share: number | null,
): FloatOutcomes['right'] | undefined {
  if (value === undefined || value === null) return value;
  const text = check.text(value, at);
  const bytes = Buffer.from(text, 'base64');
  const spare = bytes.length === 0 ? 0 : bytes.at(-1)! >> (count % 8 || 8);
  if (bytes.toString('base64') !== text || bytes.length !== Math.ceil(count / 8) || spare !== 0) {
    check.fail(at, `base64 of ${count} bits`, value);
    return undefined;
  }
  let hits = 0;
  for (let byte of bytes) for (; byte !== 0; byte &= byte - 1) hits++;
  if (share === null || (100 * hits) / count !== share)
    check.fail(at, `${share} % of ${count} bits to be set`, `${hits} set`);
  return text;
}
