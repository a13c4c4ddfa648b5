import type { Report } from '../eval/types.ts';

/** Of a point. */
const SETTINGS: readonly string[] = [
  ...['scheme', 'bits', 'granularity', 'method', 'repairs', 'ridge', 'actBits', 'actRange'],
  ...['fit', 'levels', 'zero', 'bases'],
];

/** Keys in the order in which they are written, by the name of the object that they belong to. */
const ORDER: Readonly<Record<string, readonly string[]>> = {
  report: [
    'schema',
    'tool',
    'command',
    'created',
    'machine',
    'model',
    'dataset',
    'calibration',
    'weights',
    'sensitivity',
    'float',
    'points',
    'failures',
  ],
  tool: ['name', 'version'],
  machine: ['cpu', 'cores', 'platform', 'node'],
  model: ['file', 'sha256', 'byteLength', 'format', 'parameters', 'quantizedWeights', 'skipped'],
  skipped: ['name', 'reason'],
  dataset: ['spec', 'count', 'fingerprint', 'labelled', 'classes', 'classNames', 'preprocess'],
  calibration: ['spec', 'count', 'fingerprint', 'seed'],
  preprocess: ['preset', 'resize', 'crop', 'size', 'channelOrder', 'scale', 'mean', 'std', 'labelOffset'],
  weights: ['name', 'count', 'rms', 'histograms'],
  sensitivity: ['measure', 'outputs', 'images', 'fingerprint', 'candidates', 'layers'],
  float: [
    ...['count', 'top1', 'top5', 'top1Interval', 'top5Interval', 'seconds', 'runSeconds'],
    ...['cost', 'outcomes', 'byClass'],
  ],
  outcomes: ['right', 'agrees'],
  byClass: ['count', 'right'],
  flips: ['right', 'lost', 'gained', 'confusions'],
  confusions: ['from', 'to', 'images'],
  points: [
    ...SETTINGS,
    ...[
      'count',
      'top1',
      'top5',
      'top1Interval',
      'top5Interval',
      'agreement',
      'klDivergence',
      'logitSnrDb',
      'notFinite',
    ],
    ...['correlation', 'packedBytes', 'packed', 'bitsPerWeight'],
    ...['entropyBits', 'compressedBytes', 'onnxBytes', 'seconds', 'runSeconds'],
    ...['cost', 'outcomes', 'flips', 'layers'],
  ],
  failures: [...SETTINGS, 'message'],
  histogram: ['from', 'to', 'counts', 'below', 'above'],
  levels: ['inRms', 'count'],
  packed: ['codes', 'levels', 'other', 'graph', 'header'],
  layers: [
    ...['name', 'scheme', 'bits', 'granularity', 'count', 'correlation', 'mse', 'lossRatio', 'notes'],
    'levels',
  ],
};

/**
 * `report.json`, schema `bnn-quantize/report@1`: the report itself, two spaces deep, its keys in one order whoever built
 * it, lists of numbers on a line; keys that this version does not know follow the others. Numbers that JSON lacks
 * (infinities) become null.
 */
export function reportJson(report: Report): string {
  const text = JSON.stringify(inOrder(report, 'report'), null, 2);
  // A line end within a text is escaped, so what begins like this is a list.
  const onLines = text.replace(/\[\n\s+[-\d][^[\]{}"]*\]/g, (list) =>
    list.replace(/\s+/g, ' ').replace(/\[ | \]/g, (end) => end.trim()),
  );
  return `${onLines}\n`;
}

function inOrder(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return value.map((item) => inOrder(item, name));
  if (value === null || typeof value !== 'object') return value;
  // Their keys are granularities, not names of ours.
  if (name === 'histograms')
    return Object.fromEntries(
      Object.entries(value)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, item]) => [key, inOrder(item, 'histogram')]),
    );
  const known = ORDER[name] ?? [];
  const rank = (key: string): number => (known.includes(key) ? known.indexOf(key) : known.length);
  const entries = Object.entries(value).toSorted(([a], [b]) => rank(a) - rank(b));
  return Object.fromEntries(entries.map(([key, item]) => [key, inOrder(item, key)]));
}
