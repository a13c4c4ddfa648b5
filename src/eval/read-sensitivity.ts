import { jsonChecks, readJson } from './check-json.ts';
import type { MeasuredSensitivity, SensitivityReport } from './types.ts';

/** A table of 1,000 layers × 100 candidates has 20 MB. */
const MAX_TABLE_BYTES: number = 64 * 2 ** 20;

const MAX_LAYERS = 100_000;
const MAX_CANDIDATES = 1000;

/** What the report of a sweep shows of a sensitivity report. */
export function measuredIn(report: SensitivityReport): MeasuredSensitivity {
  const { measure, outputs, images, fingerprint, candidates, layers } = report;
  return { measure, outputs, images, fingerprint, candidates, layers };
}

/**
 * Reads what `sensitivity -o file.json` wrote, checked as far as it is shown.
 * @returns the SHA-256 of the model that it was measured on, and the losses
 * @throws not-found, io, limit, malformed
 */
export function readSensitivity(path: string): { sha256: string; sensitivity: MeasuredSensitivity } {
  const what = `sensitivity report "${path}"`;
  const value = readJson(path, what, MAX_TABLE_BYTES);
  const check = jsonChecks(what);
  const root = check.record(value, 'the whole');
  if (root.schema !== 'bnn-quantize/sensitivity@1')
    check.fail('schema', '"bnn-quantize/sensitivity@1"', root.schema);
  const { measure } = root;
  if (measure !== 'kl' && measure !== 'mse') check.fail('measure', '"kl" or "mse"', measure);
  const sha256 = check.text(check.record(root.model, 'model').sha256, 'model.sha256');
  const candidates = check.list(root.candidates, 'candidates', MAX_CANDIDATES);
  for (const [i, one] of candidates.entries()) {
    const candidate = check.record(one, `candidates[${i}]`);
    for (const name of ['scheme', 'granularity', 'fit', 'levels', 'bases'])
      check.text(candidate[name], `candidates[${i}].${name}`);
    check.whole(candidate.bits, `candidates[${i}].bits`, 1, 8);
    check.flag(candidate.zero, `candidates[${i}].zero`);
  }
  for (const [i, one] of check.list(root.layers, 'layers', MAX_LAYERS).entries()) {
    const layer = check.record(one, `layers[${i}]`);
    check.text(layer.name, `layers[${i}].name`);
    const cells = check.list(layer.cells, `layers[${i}].cells`, MAX_CANDIDATES);
    if (cells.length !== candidates.length)
      check.fail(`layers[${i}].cells`, `${candidates.length} of them`, cells.length);
    for (const [k, cell] of cells.entries()) {
      if (cell === null) continue;
      const { loss } = check.record(cell, `layers[${i}].cells[${k}]`);
      // Infinity is null in JSON.
      if (loss !== null) check.number(loss, `layers[${i}].cells[${k}].loss`, 0);
    }
  }
  check.whole(root.images, 'images', 1);
  check.end();
  return { sha256, sensitivity: measuredIn(value as SensitivityReport) };
}
